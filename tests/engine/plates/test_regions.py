"""Which regions of a matte are kept, with their soft edges and their loose hair."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from dmp_engine.plates.regions import THERE, kept_pixels, regions
from dmp_matting.keep import Keep

Array = NDArray[np.float32]
HEIGHT, WIDTH = 120, 260
Y, X = np.mgrid[:HEIGHT, :WIDTH].astype(np.float32)


def disc(x: float, y: float, radius: float, soft: float = 6, value: float = 1) -> Array:
    edge = (radius - np.hypot(X - x, Y - y)) / soft + 0.5
    return np.asarray(value * np.clip(edge, 0, 1), np.float32)


LARGE, SMALL = disc(70, 60, 36), disc(190, 60, 22)
BOTH = np.maximum(LARGE, SMALL)


def kept(alpha: Array, text: str, frame: int = 1, origin: tuple[int, int] = (0, 0)) -> Any:
    return alpha * kept_pixels(alpha, Keep.parse(text), frame, origin)


@pytest.mark.parametrize(
    ("text", "wanted"),
    [
        ("all", BOTH),
        ("largest", LARGE),
        ("at 190,60", SMALL),
        ("at 190.5,84.5", SMALL),  # on its soft edge
        ("at 190,85", SMALL),  # just beside it
        ("at 70,60,190,60", BOTH),
        ("at 130,60", 0 * BOTH),
        ("box 120,0,260,120", SMALL),
        ("box 260,120,120,0", SMALL),  # from any corner
        ("box 100,0,260,120", SMALL),  # a part of the other one too
        ("box 185,55,195,65", SMALL),  # inside of it
        ("box 0,0,260,120", BOTH),
        ("box 125,0,135,120", 0 * BOTH),
        ("at 70,60@1 190,60@3", SMALL),
    ],
)
def test_the_chosen_region_and_nothing_else(text: str, wanted: Array) -> None:
    assert np.array_equal(kept(BOTH, text, frame=3), wanted)


def test_coordinates_are_those_of_the_display_window() -> None:
    """Overscan: the first pixel of alpha lies outside of the window."""
    assert np.array_equal(kept(BOTH, "at 180,40", origin=(-10, -20)), SMALL)


def test_loose_hair_and_specks_belong_to_the_region_that_they_are_near() -> None:
    hair = disc(112, 60, 2, 1) + disc(70, 17, 2, 1, 0.3)
    assert regions(np.maximum(BOTH, hair))[1] == 2
    assert np.array_equal(kept(np.maximum(BOTH, hair), "largest"), np.maximum(LARGE, hair))


def test_a_haze_between_two_regions_is_divided_between_them() -> None:
    haze = np.float32(2 * THERE) * ((np.abs(Y - 60) < 5) & (X > 70) & (X < 190))
    alpha = np.maximum(BOTH, haze)
    assert regions(alpha)[1] == 2
    left, right = kept(alpha, "largest"), kept(alpha, "at 190,60")
    assert np.array_equal(left + right, alpha)
    assert left[60, 115] > 0 and right[60, 115] == 0 and right[60, 160] > 0


def test_a_small_thing_far_away_can_be_kept_by_a_point() -> None:
    bird = disc(130, 10, 3, 1)
    alpha = np.maximum(BOTH, bird)
    assert regions(alpha)[1] == 3
    assert np.array_equal(kept(alpha, "at 130,10"), bird)


def test_smoke_that_is_faint_everywhere_is_a_region() -> None:
    smoke = disc(190, 60, 22, 40, 0.3)
    alpha = np.maximum(LARGE, smoke)
    assert np.array_equal(kept(alpha, "largest"), LARGE)
    assert np.array_equal(kept(alpha, "at 190,60"), smoke)
    assert np.array_equal(kept(smoke, "largest"), smoke)


@pytest.mark.parametrize("value", [0.0, 1.0])
def test_a_matte_of_one_value(value: float) -> None:
    alpha = np.full((HEIGHT, WIDTH), value, np.float32)
    for text in ("largest", "at 5,5", "box 0,0,9,9"):
        assert np.array_equal(kept(alpha, text), alpha)
