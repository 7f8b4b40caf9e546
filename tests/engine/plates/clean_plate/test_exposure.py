"""Sums over a frame that are taken one axis at a time, against the same sums over all pixels."""

from __future__ import annotations

import numpy as np

from dmp_engine.plates.clean_plate import exposure
from dmp_engine.plates.clean_plate.exposure import ACROSS, DOWN, TERMS, Light

HEIGHT, WIDTH = 23, 31


def terms() -> np.ndarray:
    """(T, H, W)."""
    down, across = exposure._legendre(HEIGHT), exposure._legendre(WIDTH)
    return np.stack([np.outer(down[:, d], across[:, a]) for a, d in TERMS])


def test_the_slow_light_is_the_sum_of_its_terms() -> None:
    slow = 0.1 * np.random.default_rng(0).standard_normal((len(TERMS), 3))
    expected = np.exp(np.tensordot(terms(), slow, (0, 0)))
    assert np.allclose(Light(slow=slow).field(HEIGHT, WIDTH), expected, rtol=1e-6)


def test_products_of_terms_are_those_of_all_pixels() -> None:
    weight = np.random.default_rng(1).random((HEIGHT, WIDTH))
    flat = terms().reshape(len(TERMS), -1)
    expected = (flat * weight.ravel()) @ flat.T
    down, across = exposure._legendre(HEIGHT), exposure._legendre(WIDTH)
    assert np.allclose(exposure._products(weight, down, across), expected, rtol=1e-9, atol=1e-9)
    right = (down.T @ weight @ across)[DOWN, ACROSS]
    assert np.allclose(right, flat @ weight.ravel(), rtol=1e-9, atol=1e-9)
