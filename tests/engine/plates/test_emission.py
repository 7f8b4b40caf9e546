"""Light without alpha: carried where the plate is brighter than white, and grain never."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from dmp_engine.plates.emission import premultiplied

Array = NDArray[np.float32]
HEIGHT, WIDTH = 90, 160
Y, X = np.mgrid[:HEIGHT, :WIDTH].astype(np.float32)
NONE = np.zeros((HEIGHT, WIDTH), np.float32)


def colours(value: Array | float) -> Array:
    return np.broadcast_to(np.asarray(value, np.float32)[..., None], (HEIGHT, WIDTH, 3)).copy()


def test_a_faint_glow_before_a_highlight_is_carried_without_alpha() -> None:
    clean = colours(40 + 0 * X)
    image = clean + colours(1.5 * np.exp(-np.hypot(X - 80, Y - 45) / 20))
    for background in (NONE > 0, NONE == 0):  # undecided, and known within the noise
        rgb = premultiplied(image, clean, NONE, colours(1.0), background)
        wrong = np.abs(rgb + clean - image) / image
        assert wrong.max() < 0.01 and wrong.mean() < 0.001
        assert rgb[45, 80].min() > 0.8


def test_grain_of_a_highlight_is_not_carried() -> None:
    random = np.random.default_rng(0)
    clean = colours(8 + 4 * np.sin(X / 15))
    image = (clean * (1 + random.normal(0, 0.008, clean.shape))).astype(np.float32)
    rgb = premultiplied(image, clean, NONE, colours(1.0), NONE == 0)
    assert (rgb / image).mean() < 0.001
    assert rgb.min() >= 0


def test_without_any_grain_all_of_it_is_light() -> None:
    clean = colours(8 + 4 * np.sin(X / 15))
    image = clean.copy()
    image[30:33, 40:120] *= 1.012  # a thin reflection: not smooth
    rgb = premultiplied(image, clean, NONE, colours(1.0), NONE == 0)
    np.testing.assert_allclose(rgb + clean, image, rtol=1e-6)
    random = np.random.default_rng(0)
    grainy = (image * (1 + random.normal(0, 0.004, clean.shape))).astype(np.float32)
    rgb = premultiplied(grainy, clean, NONE, colours(1.0), NONE == 0)
    assert (rgb[:25] / image[:25]).mean() < 0.001


def test_below_white_it_is_alpha_times_f_and_an_empty_place_stays_empty() -> None:
    clean = colours(0.2)
    alpha = np.clip((X - 40) / 80, 0, 1).astype(np.float32)
    foreground = colours(0.4)
    image = (alpha[..., None] * foreground + (1 - alpha[..., None]) * clean + 0.05).astype("f4")
    carried = alpha[..., None] * foreground
    rgb = premultiplied(image, clean, alpha, carried, NONE > 0)
    np.testing.assert_allclose(rgb, carried, rtol=1e-6)
    empty = X < 60
    bright = premultiplied(image + 5, clean, alpha * ~empty, carried, NONE > 0, empty)
    assert (bright[empty] == 0).all() and bright[~empty].min() > 4


def test_the_composite_is_the_plate_at_any_alpha() -> None:
    random = np.random.default_rng(1)
    clean, image = (random.uniform(1, 60, (HEIGHT, WIDTH, 3)).astype(np.float32) for _ in "ab")
    alpha = random.uniform(0, 1, (HEIGHT, WIDTH)).astype(np.float32)
    rgb = premultiplied(image, clean, alpha, colours(0.5), NONE > 0)
    over = rgb + (1 - alpha[..., None]) * clean
    # a place darker than what (1 - alpha) B leaves asks for more alpha, not for negative light
    possible = image >= (1 - alpha[..., None]) * clean
    np.testing.assert_allclose(over[possible], image[possible], rtol=1e-4)
    assert rgb.min() >= 0
