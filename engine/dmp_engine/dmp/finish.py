"""Stage 2 and what follows it, pixel by pixel: eq. 18, the bound of alpha, the knee, what is held.

Every step looks at one pixel alone, so any set of pixels may be finished by itself,
in any shape (1, C, H, W).
"""

from __future__ import annotations

import torch
from torch import Tensor

from dmp_matting.job import Settings

from .refine import Variances, least_alpha, refine, refined_foreground, solidified


def colour_bounds(image: Tensor, clean: Tensor) -> tuple[Tensor, Tensor]:
    """The pair's extremes, with 0 and 1 between them: where F is kept by eq. 18."""
    low = torch.minimum(image.min(), clean.min()).clamp_max(0)
    high = torch.maximum(image.max(), clean.max()).clamp_min(1)
    return low, high


def finished(
    image: Tensor,
    clean: Tensor,
    alpha: Tensor,
    foreground: Tensor,
    held: Tensor | None,
    settings: Settings,
    bounds: tuple[Tensor, Tensor],
) -> tuple[Tensor, Tensor]:
    """Alpha and F after stage 2; ``held`` is a trimap whose 0 and 1 stay."""
    if settings.refinement:
        variances = Variances(
            settings.variance_alpha, settings.variance_foreground, settings.variance_image
        )
        alpha, foreground = refine(
            image, clean, alpha, foreground, settings.refine_passes, variances, bounds
        )
    if settings.correction:
        alpha = torch.maximum(alpha, least_alpha(image, clean))
    alpha = solidified(alpha, settings.solid)
    if held is not None:
        alpha = torch.where(held == 0.5, alpha, held)
    return alpha, foreground


def exact_foreground(
    image: Tensor, clean: Tensor, alpha: Tensor, foreground: Tensor, settings: Settings
) -> Tensor:
    """F such that alpha F + (1 - alpha) B reproduces the plate where alpha carries it.

    One more F update of eq. 18 with the plate taken at its word (sigma^2_I far
    below sigma^2_F): exact where alpha is large, the estimate where it vanishes.
    """
    if not settings.refinement:
        return foreground
    exact = Variances(settings.variance_alpha, 1.0, 1e-4)
    return refined_foreground(image, clean, alpha, foreground, exact)
