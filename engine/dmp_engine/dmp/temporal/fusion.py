"""The last word of a shot: a frame's layers and its neighbours' made one, in step with its plate.

Our own step for shots, a Kalman update at each pixel. What is expected there are alpha and
the premultiplied P = alpha F, a mean over the frame and its neighbours along the motion, each
weighed by how well its layers explain this plate. What is measured is the plate itself: I - B =
P - alpha B, three exact equations. An unexplained rest is put down to alpha, along F - B, or to
F, whose colours vary as the core's do nearby, which the covariance there shows (as in Chuang et
al., "A Bayesian Approach to Digital Matting", 2001): fur that differs in brightness is no other
alpha, a rest towards the clean plate's colour is.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn import functional

from .parameters import SHOT

REFERENCE_SIDE = 320
ELSEWHERE = 1e-4  # weight of all core of the frame against what is near
TRACE = 1e-6  # of the plate's mean square: what no layer explains


@dataclass(frozen=True)
class Layered:
    """Alpha (1, 1, H, W) and premultiplied foreground (1, 3, H, W), and how far they count."""

    alpha: Tensor
    premultiplied: Tensor
    weight: Tensor  # (1, 1, H, W)


def fused(
    image: Tensor,
    clean: Tensor,
    layers: Sequence[Layered],
    query: Tensor,
    grain: Tensor | None = None,
) -> tuple[Tensor, Tensor]:
    """Alpha and straight F for ``image`` and ``clean`` (1, 3, H, W), at the pixels ``query``.

    The first of the ``layers`` is the frame's own, and stays elsewhere; its weight is not 0.
    ``grain`` is as of :meth:`.noise.Noise.where_mixed`.
    """
    own = layers[0]
    total = torch.stack([x.weight for x in layers]).sum(0)
    alpha = torch.stack([x.weight * x.alpha for x in layers]).sum(0) / total
    premultiplied = torch.stack([x.weight * x.premultiplied for x in layers]).sum(0) / total
    at = query.flatten()
    a = alpha.flatten()[at]
    p, i, b = (x[0].flatten(1).T[at] for x in (premultiplied, image, clean))  # (N, 3)
    scale = image.square().mean().clamp(1e-4, 1.0)
    covariance = varied(image, own.alpha)[at] * SHOT.varies * a[:, None, None].square()
    covariance = covariance + TRACE * scale * torch.eye(3, dtype=a.dtype, device=a.device)
    if grain is not None:
        covariance = covariance + torch.diag_embed(grain[0].flatten(1).T[at].square())
    away = p / a[:, None].clamp_min(1e-3) - b
    rest = i - b - (p - a[:, None] * b)
    solved = torch.linalg.solve(covariance, torch.stack([away, rest], 2))
    power, value = (away[:, :, None] * solved).sum(1).T
    correction = SHOT.spread**2 * value / (1 + SHOT.spread**2 * power)
    result, straight = own.alpha.clone(), own.premultiplied / own.alpha.clamp_min(1e-3)
    result.view(-1)[at] = (a + correction).clamp(0, 1)
    straight[0].view(3, -1)[:, at] = (away + b).T
    return result, straight


def varied(image: Tensor, alpha: Tensor) -> Tensor:
    """(H W, 3, 3): the covariance of the core's colours around each pixel.

    In double: mean squares less squared means of one flat colour would be anything near 0, and
    below 0 it turns the update round.
    """
    radius = max(1, round(SHOT.around * max(image.shape[-2:]) / REFERENCE_SIDE))
    weight = (alpha > SHOT.core).double()
    shown = image.double().clamp(0, 2)
    colours = shown * weight
    products = (colours[0][:, None] * shown[0]).flatten(0, 1)[None]  # (1, 9, H, W)
    moments = torch.cat([weight, colours, products], 1)
    everywhere = moments.mean((2, 3), keepdim=True) + 1e-6
    moments = _around(moments, radius) + ELSEWHERE * everywhere
    mean = moments[:, 1:4] / moments[:, :1]
    squares = (moments[:, 4:] / moments[:, :1])[0].flatten(1).T.view(-1, 3, 3)
    mean = mean[0].flatten(1).T
    return (squares - mean[:, :, None] * mean[:, None, :]).to(image.dtype)


def _around(x: Tensor, radius: int) -> Tensor:
    """The mean of (1, C, H, W) in windows, as much of them as lies within."""
    for window, pad in (((2 * radius + 1, 1), (radius, 0)), ((1, 2 * radius + 1), (0, radius))):
        x = functional.avg_pool2d(x, window, 1, pad, count_include_pad=False)
    return x
