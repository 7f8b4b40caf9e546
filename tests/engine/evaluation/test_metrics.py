"""Every figure against a value worked out by hand."""

from __future__ import annotations

import math

import numpy as np
import pytest

from dmp_engine.evaluation import metrics


def block() -> np.ndarray:
    """A large opaque part in an empty frame."""
    truth = np.zeros((40, 60))
    truth[10:30, 5:35] = 1
    return truth


def test_the_truth_is_without_error() -> None:
    truth = np.random.default_rng(0).random((20, 30))
    for error in (
        metrics.sad,
        metrics.mse,
        metrics.gradient_error,
        metrics.connectivity_error,
    ):
        assert error(truth, truth) == 0


def test_sad_and_mse_by_hand() -> None:
    truth = block()
    alpha = truth.copy()
    alpha[0, :20] = 0.25
    assert metrics.sad(alpha, truth) == pytest.approx(20 * 0.25 / 1000)
    assert metrics.mse(alpha, truth) == pytest.approx(20 * 0.25**2 / (40 * 60))
    region = np.zeros_like(truth, bool)
    region[0, :4] = True
    assert metrics.sad(alpha, truth, region) == pytest.approx(0.001)
    assert metrics.mse(alpha, truth, region) == pytest.approx(0.0625)


def test_gradient_of_a_ramp() -> None:
    """Against a flat truth a ramp's error is the filter's answer to it, squared, per pixel."""
    slope = 0.01
    ramp = np.tile(np.arange(50) * slope, (40, 1))
    inner = np.zeros(ramp.shape, bool)
    inner[10:30, 10:40] = True
    reach = range(-4, 5)  # where sigma 1.4 falls below 0.01
    bell = {k: math.exp(-(k**2) / (2 * 1.4**2)) for k in reach}
    norm = math.sqrt(sum((bell[i] * j * bell[j]) ** 2 for i in reach for j in reach))
    answer = slope * sum(bell[i] * j * j * bell[j] for i in reach for j in reach) / norm
    error = metrics.gradient_error(ramp, np.zeros_like(ramp), inner)
    assert error == pytest.approx(600 * answer**2 / 1000, rel=1e-9)
    # The direction does not matter, a shift of the level neither.
    turned = metrics.gradient_error(ramp.T + 0.3, np.zeros_like(ramp.T), inner.T)
    assert turned == pytest.approx(error, rel=1e-9)


def test_connectivity_counts_an_island() -> None:
    truth = block()
    alpha = truth.copy()
    alpha[2, 40:50] = 1.0  # ten pixels that touch nothing
    assert metrics.connectivity_error(alpha, truth) == pytest.approx(10 / 1000)


def test_connectivity_of_a_half_that_hangs_on() -> None:
    """alpha 0.5 where the truth is 1: connected up to 0.5, so the truth stands out by 0.5."""
    truth = block()
    alpha = truth.copy()
    alpha[10:30, 30:35] = 0.5
    assert metrics.connectivity_error(alpha, truth) == pytest.approx(100 * 0.5 / 1000)


def test_connectivity_forgives_a_little() -> None:
    truth = block()
    alpha = truth.copy()
    alpha[2, 40:50] = 0.14
    assert metrics.connectivity_error(alpha, truth) == 0


def test_core_and_outside() -> None:
    truth = block()
    alpha = truth.copy()
    alpha[10, 5:35] = 0.97  # 30 of 600 pixels of the core
    alpha[0, :18] = 0.03  # 18 of 1800 outside
    assert metrics.core_solidity(alpha, truth) == pytest.approx(0.95)
    assert metrics.outside_cleanliness(alpha, truth) == pytest.approx(0.99)


def test_foreground_counts_where_alpha_is() -> None:
    truth = block()
    colours = np.random.default_rng(1).random((40, 60, 3))
    wrong = colours + 0.1
    wrong[truth == 0] = 9
    assert metrics.foreground_mse(wrong, colours, truth) == pytest.approx(0.01)


def test_dtssd_sees_flicker_and_not_a_constant_error() -> None:
    truths = [block()] * 3
    assert metrics.dtssd([t * 0.8 for t in truths], truths) == 0
    flickering = [truths[0], truths[1] * 0.9, truths[2]]
    expected = 100 * math.sqrt(600 * 0.1**2 / 2400)
    assert metrics.dtssd(flickering, truths) == pytest.approx(expected)


def test_unknown_region_is_the_mixed_part_grown() -> None:
    truth = np.zeros((512, 512))
    truth[:, 256:] = 1
    assert not metrics.unknown_region(truth).any()
    truth[:, 255] = 0.5
    region = metrics.unknown_region(truth)
    assert region[:, 245:266].all() and region.sum() == 21 * 512
