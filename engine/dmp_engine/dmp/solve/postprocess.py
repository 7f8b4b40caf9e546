"""Stage 2 and what follows it, pixel by pixel: eq. 18, the bound of alpha, the knee, what is held.

:func:`finished` looks at one pixel alone, so any set of pixels may be finished by itself, in
any shape (1, C, H, W); :func:`without_grain` and :func:`with_solid_core` look around.
"""

from __future__ import annotations

import math

import torch
from torch import Tensor
from torch.nn import functional

from dmp_matting.settings import Settings

from ..model.box_filter import mean_around
from ..paper.refine import Variances, refine, refined_foreground

REFERENCE_SIDE = 320
INSIDE_SIGMA = 0.8  # pixels at that size: who is around
# The mean alpha there from which a pixel begins to be inside, and is.
INSIDE_FROM, INSIDE_TO = 0.79, 0.85
SOLID_INSIDE = 0.6  # the knee there
HIDDEN, ALONE = 1.5, 0.1  # sigma that nobody sees through; mean alpha of 3 x 3 that is nobody's


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
    grain: Tensor | None = None,
) -> tuple[Tensor, Tensor]:
    """Alpha and F after stage 2; ``held`` is a trimap whose 0 and 1 stay.

    ``grain`` is as of :meth:`.noise.Noise.where_mixed`.
    """
    if settings.refinement:
        variances = Variances(
            settings.variance_alpha, settings.variance_foreground, settings.variance_image
        )
        alpha, foreground = refine(
            image, clean, alpha, foreground, settings.refine_passes, variances, bounds
        )
    if settings.correction:
        alpha = torch.maximum(alpha, least_alpha(image, clean, grain))
    alpha = solidified(alpha, settings.solid)
    if held is not None:
        alpha = torch.where(held == 0.5, alpha, held)
    return alpha, foreground


def without_grain(
    alpha: Tensor,
    foreground: Tensor,
    clean: Tensor,
    held: Tensor | None,
    grain: Tensor | None,
) -> Tensor:
    """Alpha emptied where it is no more than grain's print: the opposite of the solid core.

    Not in the paper. What an alpha adds to the plate, alpha (F - B), is below 1.5 sigma of a
    pixel's grain, and the alphas around it are next to nothing, too. ``grain`` and ``held`` as in
    :func:`finished`.
    """
    if grain is None:
        return alpha
    above = torch.zeros_like(alpha)
    for c in range(foreground.shape[1]):  # one at a time: a large plate's are large
        added = alpha * (foreground[:, c : c + 1] - clean[:, c : c + 1])
        above += added.square() - (HIDDEN * grain[:, c : c + 1]).square()
    hidden = above < 0
    hidden &= mean_around(alpha, 3) < ALONE
    if held is not None:
        hidden &= held == 0.5
    return torch.where(hidden, 0.0, alpha)


def with_solid_core(alpha: Tensor, held: Tensor | None, settings: Settings) -> Tensor:
    """Alpha (1, 1, H, W) made opaque where all around it nearly is; ``held`` as in finished.

    Not in the paper. A pixel of alpha 0.8 among opaque ones is a dull spot of the core
    far more often than a hole of that shape, and among thinner ones it is hair: the
    neighbours choose how low the knee of :func:`.refine.solidified` lies.
    """
    if settings.solid >= 1:
        return alpha
    around = _softened(alpha, INSIDE_SIGMA * max(alpha.shape[-2:]) / REFERENCE_SIDE)
    inside = ((around - INSIDE_FROM) / (INSIDE_TO - INSIDE_FROM)).clamp(0, 1)
    firm = solidified(alpha, min(settings.solid, SOLID_INSIDE))
    alpha = alpha + inside * (firm - alpha)
    return alpha if held is None else torch.where(held == 0.5, alpha, held)


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


def _softened(x: Tensor, sigma: float) -> Tensor:
    """A Gaussian blur of (1, 1, H, W), the border repeated."""
    radius = math.ceil(2 * sigma)
    at = torch.arange(-radius, radius + 1, dtype=x.dtype, device=x.device)
    kernel = (-(at / sigma).square() / 2).exp()
    kernel = kernel / kernel.sum()
    x = functional.pad(x, [radius] * 4, mode="replicate")
    return functional.conv2d(
        functional.conv2d(x, kernel[None, None, None]), kernel[None, None, :, None]
    )


GRAIN, DARK = 0.008, 0.02  # in the space layers add up in
SURELY = 3.3  # sigma: one pixel of background in a thousand, over three channels
KNEE = 0.4  # alpha below which :func:`solidified` changes nothing


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
