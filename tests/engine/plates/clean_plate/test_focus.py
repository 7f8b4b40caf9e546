"""The clean plate gets the focus of the plate's background; what is no blur is left alone."""

from __future__ import annotations

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray

from dmp_engine.plates.clean_plate.fit import fit_pixels
from dmp_engine.plates.clean_plate.focus import fit_focus
from dmp_matting import preset

Array = NDArray[np.float32]
AUTO = preset("draft").changed(device="cpu", threads=1)
HEIGHT, WIDTH = 160, 256
EVERYWHERE = np.ones((HEIGHT, WIDTH), bool)


def wall(seed: int = 4) -> Array:
    """Bricks and shelves: edges, as real sets have them."""
    random = np.random.default_rng(seed)
    made = np.full((HEIGHT, WIDTH, 3), 0.35, np.float32)
    for _ in range(140):
        top, left = random.integers(0, HEIGHT), random.integers(0, WIDTH)
        down, across = random.integers(3, 30), random.integers(3, 45)
        made[top : top + down, left : left + across] = random.random(3) * 0.7 + 0.05
    noise = 0.02 * random.standard_normal((HEIGHT, WIDTH, 1))
    return np.clip(made + noise, 0.01, 1).astype(np.float32)


def blurred(pixels: Array, sigma: float) -> Array:
    return cv2.GaussianBlur(pixels, (0, 0), sigma, borderType=cv2.BORDER_REFLECT)


def with_subject(behind: Array) -> Array:
    y, x = np.mgrid[:HEIGHT, :WIDTH]
    alpha = np.clip(0.5 - (np.hypot(x - 128, y - 90) - 45) / 2, 0, 1)[..., None]
    return (alpha * np.float32([0.5, 0.1, 0.05]) + (1 - alpha) * behind).astype(np.float32)


def eight_bits(pixels: Array) -> Array:
    return (np.round(pixels * 255) / 255).astype(np.float32)


@pytest.mark.parametrize("sigma", [0.7, 1.5, 3.0])
def test_a_blurred_background_blurs_the_clean_plate(sigma: float) -> None:
    image = eight_bits(with_subject(blurred(wall(), sigma)))
    clean = eight_bits(wall())
    found = fit_focus(image, clean, EVERYWHERE, False)
    assert found is not None and not found.softer and not found.varies
    assert found.sigma == pytest.approx(sigma, rel=0.1)
    fit = fit_pixels(image, clean, EVERYWHERE, False, AUTO)
    assert fit.report.focus == found.sigma
    assert f"blurred by {found.sigma:.1f} px" in fit.report.sentence()
    outside = np.hypot(*np.mgrid[-90:70, -128:128]) > 50
    assert np.abs(fit.pixels - image)[outside].max() < 0.03


def test_a_soft_clean_plate_is_sharpened_and_reported() -> None:
    image = eight_bits(with_subject(wall()))
    clean = eight_bits(blurred(wall(), 1.5))
    found = fit_focus(image, clean, EVERYWHERE, False)
    assert found is not None and found.softer and found.sigma == pytest.approx(1.5, rel=0.15)
    assert "softer than the plate's background (by 1." in found.warnings()[0]
    behind = wall()
    before, after = (np.abs(x - behind).mean() for x in (clean, found.on(clean)))
    assert after < 0.8 * before  # what the noise has hidden stays hidden


def test_a_focus_that_varies_is_reported() -> None:
    sharp, soft = wall(), blurred(wall(), 4)
    share = np.linspace(0, 1, WIDTH, dtype=np.float32)[None, :, None]
    image = with_subject(np.where(share < 0.5, blurred(sharp, 0.8), soft))
    found = fit_focus(image, sharp, EVERYWHERE, False)
    assert found is None or found.varies


@pytest.mark.parametrize("what", ["same", "grain", "shift", "dark", "other"])
def test_what_is_no_blur_is_left_alone(what: str) -> None:
    random = np.random.default_rng(3)
    clean, image = wall(), with_subject(wall())
    if what == "grain":
        image, clean = (x + 0.03 * random.standard_normal(x.shape) for x in (image, clean))
    elif what == "shift":
        clean = np.roll(clean, 1, 1)
    elif what == "dark":
        clean = clean * 0.9
    elif what == "other":
        clean = wall(9)
    image, clean = image.astype(np.float32), clean.astype(np.float32)
    assert fit_focus(image, clean, EVERYWHERE, False) is None
