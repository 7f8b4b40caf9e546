"""The test for background: noise by brightness, false alarms as stated, no grain in alpha."""

from __future__ import annotations

from io import BytesIO
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image
from torch import Tensor

from dmp_engine.dmp.evidence.known_background import known_background
from dmp_engine.dmp.model.noise import PIXEL_ALARM, WINDOW_ALARM, WINDOWS, Noise, same
from dmp_engine.dmp.solve.frame import solve
from dmp_matting.presets import preset


def grain(like: Tensor, sigma: Tensor | float, seed: int) -> Tensor:
    return sigma * torch.randn(like.shape, generator=torch.Generator().manual_seed(seed))


def ramp(height: int = 192, width: int = 256) -> Tensor:
    """A clean plate whose brightness goes from 0.1 to 0.9."""
    return torch.linspace(0.1, 0.9, width).expand(1, 3, height, width).contiguous()


def with_subject(clean: Tensor) -> tuple[Tensor, Tensor]:
    """A plate, a third of it a textured subject, and the subject's mask."""
    subject = torch.zeros_like(clean[:, :1], dtype=torch.bool)
    subject[..., 30:170, 60:180] = True
    texture = 0.5 + grain(clean, 0.15, 9)
    return torch.where(subject, texture, clean), subject


@pytest.mark.parametrize("sigma", [0.004, 0.01, 0.03])
def test_the_noise_is_measured_beside_a_subject(sigma: float) -> None:
    clean = ramp()
    plate, _ = with_subject(clean)
    assert Noise.of_pair(plate, clean).sigma.max() < 0.001
    noisy = plate + grain(clean, sigma, 1), clean + grain(clean, sigma, 2)
    found = Noise.of_pair(*noisy).sigma
    assert float(found.median()) == pytest.approx(sigma * 2**0.5, rel=0.12)
    assert float(found.max()) < 1.4 * sigma * 2**0.5


def test_noise_that_grows_with_the_light_is_measured_by_brightness() -> None:
    clean = ramp()
    plate, _ = with_subject(clean)
    sigma = 0.03 * clean.sqrt()  # photons
    found = Noise.of_pair(plate + grain(clean, sigma, 1), clean + grain(clean, sigma, 2)).sigma
    wanted = 2**0.5 * sigma[:, :1]
    for x in (25, 70, 128, 190, 235):
        assert float(found[..., x].mean()) == pytest.approx(float(wanted[..., x].mean()), rel=0.25)


def test_a_large_plate_is_measured_in_strips() -> None:
    clean = ramp(1200, 2048)
    found = Noise.of_pair(clean + grain(clean, 0.02, 1), clean)
    assert found.sigma.shape == (1, 1, 1200, 2048)
    assert float(found.sigma.median()) == pytest.approx(0.02, rel=0.12)


def test_background_fails_as_often_as_is_stated() -> None:
    clean = ramp(512, 512)
    noisy = clean + grain(clean, 0.02, 3), clean + grain(clean, 0.02, 4)
    noise = Noise(torch.full_like(clean[:, :1], 0.02 * 2**0.5))
    equal, agreed = same(*noisy, noise)
    failed = float((~equal).float().mean())
    assert 0.3 * PIXEL_ALARM < failed < 3 * PIXEL_ALARM
    denied = float((equal & ~agreed).float().mean())
    assert 0.2 * WINDOW_ALARM < denied < 1.5 * len(WINDOWS) * WINDOW_ALARM


def test_two_surfaces_within_the_grain_are_separated_by_windows() -> None:
    clean = ramp()
    other = clean + 0.03  # one sigma: no pixel by itself can tell
    noisy = other + grain(clean, 0.02, 5), clean + grain(clean, 0.02, 6)
    equal, agreed = same(*noisy, Noise(torch.full_like(clean[:, :1], 0.02 * 2**0.5)))
    assert equal.float().mean() > 0.98
    assert agreed.float().mean() < 0.01


@pytest.mark.parametrize("sigma", [0.01, 0.02])
def test_grain_is_not_printed_outside_the_subject(lemur: Any, sigma: float) -> None:
    noisy = [(x + grain(x, sigma, k)).clamp(0, 1) for k, x in enumerate((lemur.image, lemur.clean))]
    solving = solve(noisy[0], noisy[1], preset("draft"))
    while True:
        try:
            next(solving)
        except StopIteration as done:
            alpha = done.value.alpha
            break
    empty = lemur.alpha == 0
    assert (alpha[empty] > 0.02).float().mean() < 0.005
    assert alpha[empty].mean() < 0.001
    assert (alpha - lemur.alpha).abs().sum() / 1000 < 1.25 * (0.9 if sigma < 0.015 else 1.3)


def test_a_beige_subject_is_not_eaten_by_grain(lemur: Any) -> None:
    """The lemur's brown before the brown wall: hardly a pixel of its core is background."""
    noisy = [x + grain(x, 0.03, k) for k, x in enumerate((lemur.image, lemur.clean))]
    found = known_background(noisy[0], noisy[1])
    assert found[lemur.alpha > 0.999].float().mean() < 0.002


def compressed(plate: Tensor, quality: int = 85) -> Tensor:
    """Through a JPEG file, 4:2:0."""
    pixels = (plate[0].permute(1, 2, 0).clamp(0, 1) * 255).round().byte().numpy()
    file = BytesIO()
    Image.fromarray(pixels).save(file, "JPEG", quality=quality)
    with Image.open(file) as picture:
        return torch.from_numpy(np.array(picture)).permute(2, 0, 1)[None] / 255


@pytest.mark.parametrize(("sigma", "share"), [(0.005, 0.9), (0.01, 0.8)])
def test_compressed_grain_is_measured_though_its_finest_detail_is_gone(
    lemur: Any, sigma: float, share: float
) -> None:
    """By what fine grain shows, half and 70 % of the background were found."""
    plates = [compressed(x + grain(x, sigma, k)) for k, x in enumerate((lemur.image, lemur.clean))]
    _, agreed = same(*plates, Noise.of_pair(*plates))
    empty = lemur.alpha == 0
    assert agreed[empty].float().mean() > share
    found = known_background(*plates)
    assert found[empty].float().mean() > share
    assert found[lemur.alpha > 0.999].float().mean() < 0.003


def test_a_subject_is_not_taken_for_compression(lemur: Any) -> None:
    """Two pictures of other things differ by far more than their grain, too."""
    plates = [compressed(x) for x in (lemur.image, lemur.clean.flip(3))]
    assert same(*plates, Noise.of_pair(*plates))[1].float().mean() < 0.1
