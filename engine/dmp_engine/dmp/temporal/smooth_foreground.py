"""A smooth foreground for a given alpha, coarse to fine, with the background known exactly.

The energy is that of Germer et al., "Fast Multi-Level Foreground Estimation"
(2020), eq. 3, with B no longer an unknown:

    sum_j |alpha F + (1 - alpha) B - I|^2
        + sum_{j,k adjacent} (REGULARITY + |alpha_j - alpha_k|) |F_j - F_k|^2

minimised from one pixel up to the plate's size, a few Jacobi sweeps a level.
"""

from __future__ import annotations

import math

import torch
from torch import Tensor
from torch.nn import functional

REGULARITY = 1e-5
SWEEPS_COARSE, SWEEPS_FINE, COARSE_SIDE = 20, 6, 48


def smooth_foreground(image: Tensor, clean: Tensor, alpha: Tensor) -> Tensor:
    """F (1, 3, H, W) for ``image`` and ``clean`` (1, 3, H, W) and ``alpha`` (1, 1, H, W)."""
    height, width = image.shape[-2:]
    levels = max(1, math.ceil(math.log2(max(height, width))))
    weight = alpha.clamp_min(1e-3)
    f = (image * weight).sum((2, 3), keepdim=True) / weight.sum((2, 3), keepdim=True)
    for level in range(1, levels + 1):
        share = level / levels
        size = (max(1, round(height**share)), max(1, round(width**share)))
        i, b, a = (functional.interpolate(x, size, mode="area") for x in (image, clean, alpha))
        f = functional.interpolate(f, size, mode="nearest")
        f = _sweep(i, b, a, f, SWEEPS_COARSE if max(size) <= COARSE_SIDE else SWEEPS_FINE)
    return f


def _sweep(i: Tensor, b: Tensor, a: Tensor, f: Tensor, sweeps: int) -> Tensor:
    shifts = [(0, 1), (0, -1), (1, 0), (-1, 0)]
    padded = functional.pad(a, [1] * 4, mode="replicate")
    ties = [REGULARITY + (a - _shift(padded, s)).abs() for s in shifts]
    carried = a * (i - (1 - a) * b)
    total = a * a + torch.stack(ties).sum(0)
    for _ in range(sweeps):
        padded = functional.pad(f, [1] * 4, mode="replicate")
        pulled = sum(tie * _shift(padded, s) for tie, s in zip(ties, shifts, strict=True))
        f = (carried + pulled) / total
    return f


def _shift(padded: Tensor, offset: tuple[int, int]) -> Tensor:
    dy, dx = offset
    height, width = padded.shape[-2] - 2, padded.shape[-1] - 2
    return padded[..., 1 + dy : 1 + dy + height, 1 + dx : 1 + dx + width]
