"""Where the pair surely shows the same: what is known is background, and most of it is known."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
import torch
from torch import Tensor

from dmp_engine.dmp.evidence.known_background import known_background, nothing_in_common
from dmp_engine.dmp.model.encoding import Encoding

PAIRS = ["lemur", 1001, 1004, 1008]


@pytest.fixture(scope="module")
def pair(lemur: Any, furball: Callable[[int], Any]) -> Callable[[str | int], Any]:
    return lambda name: lemur if name == "lemur" else furball(int(name))


def encoded(truth: Any) -> tuple[Tensor, Tensor]:
    encoding = Encoding.of_pair(truth.image, truth.clean, truth.linear)
    return encoding.encode(truth.image), encoding.encode(truth.clean)


@pytest.mark.parametrize("name", PAIRS)
def test_what_is_known_is_background(pair: Any, name: str | int) -> None:
    truth = pair(name)
    known = known_background(*encoded(truth))
    assert truth.alpha[known].mean() < 1e-3
    assert (truth.alpha[known] > 0.05).float().mean() < 3e-3
    assert (~known)[truth.alpha == 0].float().mean() < 0.005


def test_a_grainy_plate_still_has_its_background(lemur: Any) -> None:
    grain = 0.01 * torch.randn(lemur.image.shape, generator=torch.Generator().manual_seed(0))
    known = known_background(lemur.image + grain, lemur.clean)
    assert known[lemur.alpha == 0].float().mean() > 0.95
    assert lemur.alpha[known].mean() < 0.005


def test_nothing_in_common_is_told_from_a_pair(pair: Any, lemur: Any) -> None:
    for name in PAIRS:
        assert not nothing_in_common(*encoded(pair(name)))
    assert nothing_in_common(lemur.image, lemur.clean.flip(3).flip(2))


def test_hair_all_over_the_frame_is_no_stranger() -> None:
    """No area shows the clean plate alone, but its lamps are seen between the hairs."""
    draw = torch.Generator().manual_seed(0)
    y, x = torch.meshgrid(torch.arange(160.0), torch.arange(200.0), indexing="ij")
    clean = torch.full((1, 3, 160, 200), 0.2)
    for row, column, colour in ((40, 50, 0.9), (110, 80, 0.7), (60, 150, 0.8)):
        clean[..., (y - row).square() + (x - column).square() < 600] = colour
    hair = torch.rand(160, 1, generator=draw).repeat(1, 200)
    hair += 0.3 * torch.rand(160, 200, generator=draw)
    alpha = (0.35 + hair).clamp(0, 1)
    image = alpha * 0.25 * torch.rand(160, 200, generator=draw) + (1 - alpha) * clean
    assert not nothing_in_common(image, clean)
    assert nothing_in_common(image, clean.roll((37, 61), (2, 3)))


def test_a_pair_of_equals_is_all_background(lemur: Any) -> None:
    assert not nothing_in_common(lemur.clean, lemur.clean)
    assert known_background(lemur.clean, lemur.clean).all()
