"""Errors of an alpha against the truth, as the matting literature reports them.

Rhemann et al., "A Perceptually Motivated Online Benchmark for Image Matting"
(2009), as alphamatting.com computes them. Arrays are (H, W) in [0, 1]. A
``region`` is an (H, W) mask; without one the whole image counts.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy import ndimage

Array = NDArray[np.float64]
Mask = NDArray[np.bool_]

REFERENCE_SIDE = 512  # at which UNKNOWN_MARGIN is given
UNKNOWN_MARGIN = 10  # pixels by which the truly mixed pixels are grown
GRADIENT_SIGMA, GRADIENT_CUT = 1.4, 0.01
CONNECTIVITY_STEP, CONNECTIVITY_SLACK = 0.1, 0.15
SOLID, CLEAN = 0.98, 0.02


def sad(alpha: ArrayLike, truth: ArrayLike, region: Mask | None = None) -> float:
    """Sum of absolute differences, in thousands."""
    return float(_within(np.abs(_array(alpha) - _array(truth)), region).sum() / 1000)


def mse(alpha: ArrayLike, truth: ArrayLike, region: Mask | None = None) -> float:
    """Mean squared error (not yet times 1000); 0 for an empty region."""
    errors = _within(np.square(_array(alpha) - _array(truth)), region)
    return float(errors.mean()) if errors.size else 0.0


def gradient_error(alpha: ArrayLike, truth: ArrayLike, region: Mask | None = None) -> float:
    """Sum of squared differences of the gradients' lengths, in thousands.

    First derivatives of a Gaussian with sigma 1.4, cut where it falls below
    0.01, each filter of unit norm, borders repeated.
    """
    difference = _gradient(_array(alpha)) - _gradient(_array(truth))
    return float(_within(np.square(difference), region).sum() / 1000)


def connectivity_error(alpha: ArrayLike, truth: ArrayLike, region: Mask | None = None) -> float:
    """Sum of differences of connectedness to the one large opaque part, in thousands.

    A pixel's level is the largest threshold (in steps of 0.1) at which it still
    belongs to the largest 4-connected part opaque in both alphas; how far its
    alpha rises above that, where it is by 0.15 or more, is its disconnectedness.
    """
    a, t = _array(alpha), _array(truth)
    level = np.full(a.shape, -1.0)
    count = round(1 / CONNECTIVITY_STEP)
    for step in range(1, count + 1):
        threshold = step * CONNECTIVITY_STEP
        # alpha 0.3 is not below the threshold 3 * 0.1 for a rounding of the last bit
        part = _largest_part((a >= threshold - 1e-9) & (t >= threshold - 1e-9))
        level[(level < 0) & ~part] = (step - 1) * CONNECTIVITY_STEP
    level[level < 0] = 1.0

    def connected(x: Array) -> Array:
        above = x - level
        return 1 - np.where(above >= CONNECTIVITY_SLACK, above, 0)

    return float(_within(np.abs(connected(a) - connected(t)), region).sum() / 1000)


def foreground_mse(foreground: ArrayLike, truth: ArrayLike, true_alpha: ArrayLike) -> float:
    """Mean squared error of the straight colours (H, W, 3) where the true alpha is above 0."""
    visible = _array(true_alpha) > 0
    errors = np.square(_array(foreground)[visible] - _array(truth)[visible])
    return float(errors.mean()) if errors.size else 0.0


def core_solidity(alpha: ArrayLike, truth: ArrayLike) -> float:
    """Share of the truly opaque pixels whose alpha is at least 0.98; 1 where there are none."""
    core = _array(truth) >= 1 - 1e-4
    return float((_array(alpha)[core] >= SOLID).mean()) if core.any() else 1.0


def outside_cleanliness(alpha: ArrayLike, truth: ArrayLike) -> float:
    """Share of the truly empty pixels whose alpha is at most 0.02; 1 where there are none."""
    outside = _array(truth) <= 1e-4
    return float((_array(alpha)[outside] <= CLEAN).mean()) if outside.any() else 1.0


def dtssd(alphas: Sequence[ArrayLike], truths: Sequence[ArrayLike]) -> float:
    """Flicker of a sequence, in hundredths: how far changes in time differ from the true ones.

    Erofeev et al., "Perceptually Motivated Benchmark for Video Matting" (2015):
    the RMS over pixels of (alpha_t+1 - alpha_t) - (truth_t+1 - truth_t), mean
    over t. Frames must be of one size; 0 for a single frame.
    """
    values = []
    for t in range(len(alphas) - 1):
        change = _array(alphas[t + 1]) - _array(alphas[t])
        wanted = _array(truths[t + 1]) - _array(truths[t])
        values.append(math.sqrt(float(np.square(change - wanted).mean())))
    return 100 * float(np.mean(values)) if values else 0.0


def unknown_region(truth: ArrayLike) -> Mask:
    """Where the truth is mixed, grown by a disc of 10 px at a long side of 512."""
    t = _array(truth)
    mixed = (t > 1e-4) & (t < 1 - 1e-4)
    radius = max(1.0, UNKNOWN_MARGIN * max(t.shape) / REFERENCE_SIDE)
    if not mixed.any():
        return mixed
    grown: Mask = ndimage.distance_transform_edt(~mixed) <= radius
    return grown


def _array(x: ArrayLike) -> Array:
    return np.asarray(x, dtype=np.float64)


def _within(errors: Array, region: Mask | None) -> Array:
    return errors if region is None else errors[region]


def _gradient(x: Array) -> Array:
    """Length of the gradient by first derivatives of a Gaussian."""
    sigma = GRADIENT_SIGMA
    reach = -2 * math.log(math.sqrt(2 * math.pi) * sigma * GRADIENT_CUT)
    half = math.ceil(sigma * math.sqrt(reach))
    offset = np.arange(-half, half + 1)
    bell = np.exp(-(offset**2) / (2 * sigma**2))
    slope = offset * bell
    filters = np.outer(bell, slope)
    filters /= math.sqrt(float(np.square(filters).sum()))
    across = ndimage.convolve(x, filters, mode="nearest")
    down = ndimage.convolve(x, filters.T, mode="nearest")
    length: Array = np.hypot(across, down)
    return length


def _largest_part(mask: Mask) -> Mask:
    labels, count = ndimage.label(mask)  # 4-connected
    if count == 0:
        return mask
    sizes = np.bincount(labels.ravel())
    sizes[0] = 0
    part: Mask = labels == sizes.argmax()
    return part
