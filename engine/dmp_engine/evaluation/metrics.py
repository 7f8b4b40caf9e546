"""Errors of an alpha against the truth, as the matting literature reports them.

Rhemann et al., "A Perceptually Motivated Online Benchmark for Image Matting"
(2009). Arrays are (H, W) in [0, 1]; sums are over the whole image.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike


def sad(alpha: ArrayLike, truth: ArrayLike) -> float:
    """Sum of absolute differences, in thousands."""
    return float(np.abs(np.asarray(alpha, float) - np.asarray(truth, float)).sum() / 1000)


def mse(alpha: ArrayLike, truth: ArrayLike) -> float:
    """Mean squared error (not yet times 1000)."""
    return float(np.square(np.asarray(alpha, float) - np.asarray(truth, float)).mean())


def core_solidity(alpha: ArrayLike, truth: ArrayLike) -> float:
    """Share of the truly opaque pixels whose alpha is at least 0.98; 1 where there are none."""
    core = np.asarray(truth) >= 1 - 1e-4
    return float((np.asarray(alpha)[core] >= 0.98).mean()) if core.any() else 1.0


def outside_cleanliness(alpha: ArrayLike, truth: ArrayLike) -> float:
    """Share of the truly empty pixels whose alpha is at most 0.02; 1 where there are none."""
    outside = np.asarray(truth) <= 1e-4
    return float((np.asarray(alpha)[outside] <= 0.02).mean()) if outside.any() else 1.0
