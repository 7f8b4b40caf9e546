"""Means over windows of a map, its border repeated."""

from __future__ import annotations

from torch import Tensor
from torch.nn import functional


def mean_around(x: Tensor, side: int) -> Tensor:
    """Mean of (1, C, H, W) over ``side`` x ``side`` pixels, ``side`` odd."""
    return functional.avg_pool2d(functional.pad(x, [side // 2] * 4, mode="replicate"), side, 1)
