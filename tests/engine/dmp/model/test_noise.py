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
from dmp_engine.dmp.model.encoding import Encoding
from dmp_engine.dmp.model.noise import PIXEL_ALARM, WINDOW_ALARM, WINDOWS, Noise, same
from dmp_engine.dmp.model.noise_curve import Windows
from dmp_engine.dmp.solve.frame import solve
from dmp_matting.generators import finish
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


def test_a_dark_pixel_beside_bright_ones_has_the_noise_of_dark_ones() -> None:
    """Noise that is one number in linear values is ten times as strong in a picture's shadows."""
    curve, generator = Encoding(True, 0.0, 1.0), torch.Generator().manual_seed(5)
    rough = 0.35 * torch.rand((1, 1, 192, 256), generator=generator)
    clean = (ramp() * 0.7 + rough).clamp(0.06, 1)  # no window of one brightness
    plate, subject = with_subject(clean)
    noisy = [
        curve.encode(curve.decode(x) + grain(x, 0.003, k)) for k, x in enumerate((plate, clean))
    ]
    found = Noise.of_pair(*noisy).sigma
    apart = (noisy[0] - noisy[1]).square().mean(1, keepdim=True)
    for low, high in ((0.08, 0.12), (0.15, 0.2), (0.25, 0.35), (0.5, 0.6), (0.8, 0.9)):
        there = (clean[:, :1] > low) & (clean[:, :1] < high) & ~subject
        wanted = float(apart[there].mean().sqrt())
        assert float(found[there].square().mean().sqrt()) == pytest.approx(wanted, rel=0.3)


def test_shadows_that_a_subject_hides_have_the_noise_of_their_own_grain() -> None:
    """One level in the middle shows the background; a dark one is nearly covered."""
    curve = Encoding(True, 0.0, 1.0)
    clean = torch.full((1, 3, 192, 256), 0.5)
    clean[..., :60] = 0.12
    plate = clean.clone()
    plate[..., 8:60] = 0.5 + grain(clean, 0.15, 9)[..., 8:60]
    noisy = [
        curve.encode(curve.decode(x) + grain(x, 0.003, k)) for k, x in enumerate((plate, clean))
    ]
    found = Noise.of_pair(*noisy).sigma[..., :8]
    apart = (noisy[0] - noisy[1])[..., :8]
    assert float(found.median()) == pytest.approx(float(apart.square().mean().sqrt()), rel=0.3)


def test_between_two_levels_noise_follows_the_same_power_as_towards_black() -> None:
    """A subject covers all that is between 0.2 and 0.7 bright."""
    clean = ramp()
    hidden = (clean > 0.2) & (clean < 0.7)
    plate = torch.where(hidden, clean - 0.2 + grain(clean, 0.05, 9), clean)
    sigma = 0.002 / clean
    found = Noise.of_pair(plate + grain(clean, sigma, 1), clean + grain(clean, sigma, 2)).sigma
    wanted = 2**0.5 * sigma[:, :1]
    for x in (15, 60, 80, 110, 140, 170, 220, 240):
        assert float(found[..., x].mean()) == pytest.approx(float(wanted[..., x].mean()), rel=0.25)


def test_a_few_windows_of_grain_that_look_like_compression_are_none() -> None:
    """Some grain of a pair is blurred: smaller than its windows' differences, as a JPEG's is."""
    clean = ramp()
    noise = grain(clean, 0.015, 1)
    blurred = 2 * (noise + noise.roll(1, -1) + noise.roll(1, -2) + noise.roll((1, 1), (-1, -2))) / 4

    def measured(share: int) -> tuple[int, Tensor]:
        plate = clean + torch.where(torch.arange(256) < share, blurred, noise)
        windows = Windows.of_pair(plate, clean)
        kind = torch.zeros_like(windows.level)
        found = windows.compression(kind, 1, windows.levels(windows.flat())[1])
        return sum(map(len, found)), Noise.of_pair(plate, clean).sigma

    few, sigma = measured(40)
    assert few == 0
    assert float(sigma[..., 60:].median()) == pytest.approx(0.015, rel=0.12)
    assert measured(200)[0] >= 4


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
    alpha = finish(solve(noisy[0], noisy[1], preset("draft"))).alpha
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
