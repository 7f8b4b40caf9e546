"""Alpha from one point of the subject seen before several parts of the clean plate.

Our own evidence for shots. Smith & Blinn, "Blue Screen Matting" (1996), solve alpha
from two pictures of one subject before two known backgrounds. A subject that moves
over its clean plate makes such pictures by itself: followed along its motion, I = P +
(1 - alpha) B with P and alpha the same and B another in every frame. With the means
over the frames taken away, the regression of I on B has the slope 1 - alpha, and what
it leaves unexplained measures how far to trust it: little where the motion was misjudged,
where the subject turned, or where B stayed as it was.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from ..model.box_filter import mean_around
from .parameters import SHOT

FLOOR = 1e-5  # of the clean plate's mean square: what varies less is rounding
GRAIN, TINY = 10.0, 1e-3  # of the floor: unexplained at least; variation at least, against 0 / 0


@dataclass(frozen=True)
class View:
    """A frame as seen from another one, along the motion between them. All (1, C, H, W)."""

    image: Tensor
    clean: Tensor
    alpha: Tensor
    premultiplied: Tensor  # alpha F
    weight: Tensor  # 0 where it lies outside of the frame
    fit: Tensor  # [0, 1]: whether its layer explains the plate here; 0 behind an occlusion
    distance: int  # in frames


@dataclass(frozen=True)
class Triangulated:
    """Alpha in [0, 1] and the variance of its error, (1, 1, H, W)."""

    alpha: Tensor
    variance: Tensor


def triangulated(image: Tensor, clean: Tensor, views: Sequence[View]) -> Triangulated:
    """For one frame's ``image`` and ``clean`` (1, 3, H, W) and its neighbours' views."""
    floor = FLOOR * clean.square().mean().clamp(1e-4, 1.0)
    value = torch.zeros_like(image[:, :1])
    precision = torch.zeros_like(value)
    count = 0
    if not views:  # all neighbours are unreadable
        return Triangulated(value, torch.full_like(value, torch.inf))
    for reach in sorted({view.distance for view in views}):
        near = [view for view in views if view.distance <= reach]
        fitting = torch.stack([v.weight * v.fit for v in near]).mean(0)
        # A regression does not see that all are strangers.
        fit_weight = (fitting / SHOT.enough_fit).clamp(0, 1)
        weight = torch.stack(
            [torch.ones_like(value), *(v.weight * (v.fit + SHOT.stranger) for v in near)]
        )
        weight = weight / weight.sum(0)
        images = torch.stack([image, *(view.image for view in near)])
        cleans = torch.stack([clean, *(view.clean for view in near)])
        images = images - (weight * images).sum(0)
        cleans = cleans - (weight * cleans).sum(0)
        together, varied, power = (
            (weight * x).sum(0).sum(1, keepdim=True)
            for x in (images * cleans, cleans.square(), images.square())
        )
        for window, share in SHOT.windows:
            joint, change = mean_around(together, window), mean_around(varied, window)
            change = change.clamp_min(TINY * floor)
            slope = joint / (change + floor)
            unexplained = (mean_around(power, window) - slope * joint).clamp_min(0) + GRAIN * floor
            trust = fit_weight / (share * unexplained / change + SHOT.window_least)
            value += trust * (1 - slope.clamp(0, 1))
            precision += trust
            count += 1
    return Triangulated(value / precision.clamp_min(1e-9), count / precision.clamp_min(1e-9))
