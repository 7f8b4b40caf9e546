"""Dilation and erosion of masks, (1, 1, H, W), by a radius in pixels."""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional


def dilate(mask: Tensor, radius: float) -> Tensor:
    """Binary dilation by a disc-like element, built from 3x3 crosses and squares in turn."""
    grown = mask.float()
    for step in range(round(radius)):
        if step % 2:
            grown = functional.max_pool2d(grown, 3, 1, 1)
        else:
            across = functional.max_pool2d(grown, (1, 3), 1, (0, 1))
            grown = torch.maximum(across, functional.max_pool2d(grown, (3, 1), 1, (1, 0)))
    return grown > 0.5


def erode(mask: Tensor, radius: float) -> Tensor:
    """Binary erosion; outside the frame counts as inside the mask."""
    return ~dilate(~mask, radius)
