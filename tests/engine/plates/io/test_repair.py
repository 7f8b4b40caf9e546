"""Fireflies and stray NaN: what is made of them, and what is refused."""

from __future__ import annotations

import numpy as np
import pytest

from dmp_engine.plates.io.repair import LARGEST, repaired


def test_an_ordinary_plate_is_not_touched(noise):
    found = repaired(noise)
    assert found is not None and found.pixels is noise and found.note("a.exr") == ""


@pytest.mark.parametrize("value", [1e6, 1e20, np.inf, -np.inf])
def test_a_firefly_becomes_the_largest_half(picture, image, noise, value):
    noise = noise.copy()
    noise[20, 5] = value
    noise[3, 40, 1] = value
    plate = image(picture("a.exr", noise, "float"))
    assert plate.rgb[20, 5].tolist() == [np.sign(value) * LARGEST] * 3
    assert plate.rgb[3, 40].tolist() == [noise[3, 40, 0], np.sign(value) * LARGEST, noise[3, 40, 2]]
    assert (plate.rgb != noise).any(axis=2).sum() == 2
    assert plate.notes == ("The plate: 2 pixels clamped to the largest value of half (65504).",)


def test_a_few_nan_are_filled_from_around(picture, image, noise):
    spoilt = noise.copy()
    spoilt[20, 5, 1] = np.nan
    spoilt[10:12, 30:32] = np.nan
    plate = image(picture("a.exr", spoilt, "float"))
    changed = (plate.rgb != noise).any(axis=2)
    assert changed.sum() == 5 and np.isfinite(plate.rgb).all()
    around = np.delete(noise[19:22, 4:7, 1].ravel(), 4)
    assert plate.rgb[20, 5, 1] == np.median(around)
    assert plate.rgb[20, 5, 0] == noise[20, 5, 0]
    assert plate.notes == ("The plate: 5 pixels without a value (NaN) filled from around.",)


def test_too_many_are_refused(noise):
    for value, count in ((np.nan, 12), (np.inf, 100)):
        spoilt = noise.copy()
        spoilt.reshape(-1, 3)[np.random.default_rng(0).permutation(33 * 51)[:count]] = value
        assert repaired(spoilt) is None
    large = np.zeros((200, 200, 3), np.float32)
    large[50:70, 50:58] = np.nan
    assert repaired(large) is not None  # 4 pixels from what is there
    large = np.zeros((400, 400, 3), np.float32)
    large[50:70, 50:70] = np.nan  # a bucket that did not render
    assert repaired(large) is None


def test_a_log_curve_makes_no_infinity_of_a_firefly(picture, image, noise):
    noise = noise.copy()
    noise[20, 5] = 60000
    plate = image(picture("a.exr", noise), "ACEScct")
    assert np.isfinite(plate.rgb).all() and plate.rgb.max() <= LARGEST
    assert "1 pixel" in plate.notes[0]
