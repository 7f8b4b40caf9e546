"""The straight foreground continued beyond the matte: a smooth extension of known colours.

Push and pull (Gortler et al., "The Lumigraph", 1996): known colours are averaged into coarser and
coarser grids, and pixels that know nothing take the interpolated coarser value, smoothed on each
grid. The plate behind the subject does not enter: only colours that alpha shows do.
"""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional

SWEEPS = 2  # of smoothing on each grid


def extended(foreground: Tensor, weight: Tensor) -> Tensor:
    """``foreground`` (3, H, W) where ``weight`` (H, W) is 1, its extension where that is 0.

    Weights between blend the two.
    """
    return _extended(foreground * weight, weight[None])


def _extended(weighted: Tensor, weight: Tensor) -> Tensor:
    """Push and pull of sums of colours (3, H, W) and of weights (1, H, W)."""
    height, width = weight.shape[-2:]
    if max(height, width) == 1:
        return weighted / weight.clamp_min(1e-12)
    bottom, right = height % 2, width % 2
    sums = functional.pad(torch.cat([weighted, weight])[None], [0, right, 0, bottom])
    sums = 4 * functional.avg_pool2d(sums, 2)[0]
    # A coarse pixel that is known for certain stays so, however many fine ones it covers.
    sums = sums / sums[3:].clamp_min(1)
    coarse = _extended(sums[:3], sums[3:])
    size = (height + bottom, width + right)
    x = functional.interpolate(coarse[None], size, mode="bilinear", align_corners=False)
    x = x[0, :, :height, :width]
    missing = 1 - weight
    x = weighted + missing * x
    for _ in range(SWEEPS):
        padded = functional.pad(x[None], [1] * 4, mode="replicate")[0]
        near = padded[:, 1:-1, :-2] + padded[:, 1:-1, 2:] + padded[:, :-2, 1:-1]
        near = near + padded[:, 2:, 1:-1]
        x = weighted + missing * (near / 4)
    return x
