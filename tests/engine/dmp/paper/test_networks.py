"""Eq. 3 and 4: two generators of the paper's architecture, any size, one output for one seed."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from torch import nn

from dmp_engine.dmp.paper.networks import Generator, seed_noise

CPU = torch.device("cpu")


def made(channels: int, seed: int = 3) -> Generator:
    torch.manual_seed(seed)
    return Generator(channels)


@pytest.mark.parametrize("channels", [1, 3])
def test_a_network_is_small(channels: int) -> None:
    weights = sum(p.numel() for p in made(channels).parameters())
    assert 30_000 < weights < 40_000  # "about 35,000 weights a network"


def test_the_architecture_is_the_papers() -> None:
    network = made(3)
    strides = [m.stride[0] for m in network.modules() if isinstance(m, nn.Conv2d)]
    kernels = [m.kernel_size[0] for m in network.modules() if isinstance(m, nn.Conv2d)]
    assert strides == [2, 1, 2, 1, 2, 1] + [1] * 7
    assert kernels == [3] * 6 + [3, 1] * 3 + [1]
    norms = [m for m in network.modules() if isinstance(m, nn.BatchNorm2d)]
    assert len(norms) == 6 + 3 * 3


@pytest.mark.parametrize("size", [(16, 16), (17, 31), (64, 48), (33, 101)])
def test_any_size_comes_out_in_the_unit_range(size: tuple[int, int]) -> None:
    for channels in (1, 3):
        noise = seed_noise(*size, torch.Generator().manual_seed(0), CPU)
        out = made(channels)(noise)
        assert out.shape == (1, channels, *size)
        assert out.min() >= 0 and out.max() <= 1 and out.std() > 1e-3


def test_the_seed_noise_has_the_released_codes_moments() -> None:
    noise = seed_noise(256, 256, torch.Generator().manual_seed(0), CPU)
    assert noise.shape == (1, 2, 256, 256)
    assert noise.mean().item() == pytest.approx(0.005, rel=0.01)
    assert noise.std().item() == pytest.approx(0.01 / 12**0.5, rel=0.01)
    again = seed_noise(256, 256, torch.Generator().manual_seed(0), CPU)
    other = seed_noise(256, 256, torch.Generator().manual_seed(1), CPU)
    assert torch.equal(noise, again) and not torch.equal(noise, other)


def test_eq3_a_network_can_draw_the_true_alpha(tiny: Any) -> None:
    network = made(1)
    noise = seed_noise(*tiny.alpha.shape[-2:], torch.Generator().manual_seed(0), CPU)
    optimiser = torch.optim.Adam(network.parameters(), lr=0.01)
    for _ in range(150):
        optimiser.zero_grad()
        loss = (network(noise) - tiny.alpha).abs().mean()
        loss.backward()
        optimiser.step()
    assert float(loss.detach()) < 0.04
