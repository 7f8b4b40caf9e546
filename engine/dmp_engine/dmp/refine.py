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


GRAIN, DARK = 0.008, 0.02  # in the space layers add up in
SURELY = 3.3  # sigma: one pixel of background in a thousand, over three channels
KNEE = 0.4  # alpha below which :func:`solidified` changes nothing


@dataclass(frozen=True)
class Variances:
    """sigma^2 of eq. 15-17."""

    alpha: float = 10.0
    foreground: float = 1.0
    image: float = 1.0


def refined_foreground(
    image: Tensor, clean: Tensor, alpha: Tensor, prior: Tensor, v: Variances
) -> Tensor:
    """One F update of eq. 18 around ``prior``; shapes (1, 3, H, W) and (1, 1, H, W)."""
    seen = alpha * (image - (1 - alpha) * clean)
    return (v.image * prior + v.foreground * seen) / (v.image + v.foreground * alpha.square())


def refined_alpha(
    image: Tensor, clean: Tensor, alpha: Tensor, foreground: Tensor, v: Variances
) -> Tensor:
    """One alpha update of eq. 18 around ``alpha``."""
    difference = foreground - clean
    seen = (difference * (image - clean)).sum(1, keepdim=True)
    power = difference.square().sum(1, keepdim=True)
    return (v.image * alpha + v.alpha * seen) / (v.image + v.alpha * power)


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


def solidified(alpha: Tensor, solid: float) -> Tensor:
    """Alpha with everything from ``solid`` up made opaque, by a monotone curve with a soft knee.

    Not in the paper. Most of a subject's pixels are opaque and F there is I, so
    an alpha of 0.95 is far more often an opaque pixel with an uncertain F than a
    pixel that lets 5 % through; a prior with a spike at 1 has this threshold as
    its MAP rule. The curve adds (1 - solid) x^2, x rising from 0 at KNEE to 1 at ``solid``.
    """
    if solid >= 1:
        return alpha
    rise = ((alpha - KNEE) / (solid - KNEE)).clamp(0, 1)
    return (alpha + (1 - solid) * rise.square()).clamp(0, 1).where(alpha < solid, 1.0)


def least_alpha(image: Tensor, clean: Tensor, grain: Tensor | None = None) -> Tensor:
    """The smallest alpha for which F = B + (I - B) / alpha is not negative: (1, 1, H, W).

    A bound on the truth, not a guess: alpha >= (B - I) / B in every channel. Some
    of the difference is left to rounding and grain; dark B, where that would
    decide, is left out.
    """
    margin = GRAIN if grain is None else (SURELY * grain).clamp_min(GRAIN)
    bound = (clean - image - margin) / clean.clamp_min(DARK)
    return torch.where(clean > DARK, bound, 0.0).amax(1, keepdim=True).clamp(0, 1)
