"""Bayesian post-refinement (Sec. III-C.2, eq. 14-18): alpha and F brought into step.

The closed-form block updates of eq. 18. As in the released code F is replaced
by I where alpha > 0.99 first, and after every pass alpha > 0.99 becomes 1 and
alpha < 0.01 becomes 0. Eq. 18 sums over the colour channels in the alpha update.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

NEARLY_ONE, NEARLY_ZERO = 0.99, 0.01


@dataclass(frozen=True)
class Variances:
    """sigma^2 of eq. 15-17."""

    alpha: float = 10.0
    foreground: float = 1.0
    image: float = 1.0


EXACT = Variances(foreground=1.0, image=1e-4)


def colour_bounds(image: Tensor, clean: Tensor) -> tuple[Tensor, Tensor]:
    """The pair's extremes, with 0 and 1 between them: where F is kept by eq. 18."""
    low = torch.minimum(image.min(), clean.min()).clamp_max(0)
    high = torch.maximum(image.max(), clean.max()).clamp_min(1)
    return low, high


def refined_foreground(
    image: Tensor, clean: Tensor, alpha: Tensor, prior: Tensor, v: Variances
) -> Tensor:
    """One F update of eq. 18 around ``prior``; shapes (1, 3, H, W) and (1, 1, H, W)."""
    carried = alpha * (image - (1 - alpha) * clean)  # alpha^2 F, were F known
    return (v.image * prior + v.foreground * carried) / (v.image + v.foreground * alpha.square())


def refined_alpha(
    image: Tensor, clean: Tensor, alpha: Tensor, foreground: Tensor, v: Variances
) -> Tensor:
    """One alpha update of eq. 18 around ``alpha``."""
    difference = foreground - clean
    along = (difference * (image - clean)).sum(1, keepdim=True)
    power = difference.square().sum(1, keepdim=True)
    return (v.image * alpha + v.alpha * along) / (v.image + v.alpha * power)


def refine(
    image: Tensor,
    clean: Tensor,
    alpha: Tensor,
    foreground: Tensor,
    passes: int,
    v: Variances,
    bounds: tuple[Tensor, Tensor],
) -> tuple[Tensor, Tensor]:
    """(alpha, F) after N = ``passes`` of eq. 18; alpha in [0, 1], F within ``bounds``."""
    low, high = bounds
    foreground = torch.where(alpha > NEARLY_ONE, image, foreground)
    for _ in range(passes):
        new_foreground = refined_foreground(image, clean, alpha, foreground, v)
        alpha = refined_alpha(image, clean, alpha, foreground, v).clamp(0, 1)
        alpha = torch.where(alpha > NEARLY_ONE, 1.0, alpha)
        alpha = torch.where(alpha < NEARLY_ZERO, 0.0, alpha)
        foreground = torch.maximum(torch.minimum(new_foreground, high), low)
    return alpha, foreground


def exact_foreground(image: Tensor, clean: Tensor, alpha: Tensor, foreground: Tensor) -> Tensor:
    """F such that alpha F + (1 - alpha) B reproduces the plate where alpha carries it.

    Not in the paper, but eq. 18's F update with the plate taken at its word (sigma^2_I far below
    sigma^2_F): exact where alpha is large, the estimate where alpha vanishes.
    """
    return refined_foreground(image, clean, alpha, foreground, EXACT)
