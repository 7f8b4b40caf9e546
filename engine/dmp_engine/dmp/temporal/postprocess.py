"""Eq. 18 for the frames of a shot, and what follows it pixel by pixel: our own, not the paper's.

postprocessed        eq. 18, the bound of alpha, the knee, what is held
clip_black           alpha emptied where it is no more than grain's print
at_full_resolution   a frame that was solved smaller, at the plate's own pixels
"""

from __future__ import annotations

from collections.abc import Generator

import torch
from torch import Tensor

from ..model.box_filter import mean_around
from ..model.clean_plate_error import CleanPlateError
from ..model.constraints import apply_constraint
from ..model.encoding import Encoding
from ..model.noise import Noise
from ..paper.refine import Variances, colour_bounds, exact_foreground, refine
from ..solve.full_resolution import bands, enlarged, enlarged_trimap, refined_at_full_resolution
from ..steps import Solution, Step
from .parameters import SHOT


def grain_of(
    image: Tensor,
    clean: Tensor,
    encoding: Encoding,
    clean_plate_error: CleanPlateError | None = None,
) -> Tensor:
    """Standard deviation of I - B in the space that layers add up in, (1, 3, H, W)."""
    noise = Noise.of_pair(encoding.encode(image), encoding.encode(clean))
    left = None if clean_plate_error is None else clean_plate_error.sigma
    return noise.and_also(left).where_mixed(clean, encoding)


def postprocessed(
    image: Tensor,
    clean: Tensor,
    alpha: Tensor,
    foreground: Tensor,
    grain: Tensor | None,
    bounds: tuple[Tensor, Tensor],
    variance_alpha: float = SHOT.variance_alpha,
    opaque_from: float = SHOT.clip_white,
) -> tuple[Tensor, Tensor]:
    """Alpha and F after eq. 18; ``grain`` as of :func:`grain_of`, ``bounds`` of F.

    It looks at one pixel alone, so any set of pixels may be refined by itself, in any shape
    (1, C, H, W).
    """
    variances = Variances(alpha=variance_alpha)
    alpha, foreground = refine(
        image, clean, alpha, foreground, SHOT.refine_passes, variances, bounds
    )
    alpha = torch.maximum(alpha, least_alpha(image, clean, grain))
    return clip_white(alpha, opaque_from), foreground


def at_full_resolution(
    image: Tensor,
    clean: Tensor,
    small: Solution,
    constraint: Tensor | None,
    grain: Tensor,
) -> Generator[Step, None, Solution]:
    """The solution for ``image`` and ``clean`` (1, 3, H, W), which are larger than ``small``.

    ``constraint`` are the artist's mattes as a trimap at full size, ``grain`` the noise there.
    """
    size = (image.shape[-2], image.shape[-1])
    trimap = apply_constraint(enlarged_trimap(small.trimap, size), constraint)
    bounds, noise = colour_bounds(image, clean), grain.reshape(3, -1)

    def eq_18(i: Tensor, b: Tensor, a: Tensor, f: Tensor, at: Tensor) -> tuple[Tensor, Tensor]:
        n = noise[:, at][None, :, None]
        return postprocessed(i, b, a, f, n, bounds, SHOT.full_variance_alpha, SHOT.full_clip_white)

    alpha, foreground = yield from refined_at_full_resolution(
        image, clean, small.alpha, small.foreground, trimap, eq_18
    )
    alpha = clip_black(alpha, foreground, clean, trimap, grain)
    for rows in bands(size):
        i, b, a, f = (x[:, :, rows] for x in (image, clean, alpha, foreground))
        foreground[:, :, rows] = exact_foreground(i, b, a, f)
    confidence = torch.where(trimap == 0.5, enlarged(small.confidence, size), 1.0)
    return Solution(alpha, foreground, trimap, confidence)


def clip_black(
    alpha: Tensor, foreground: Tensor, clean: Tensor, held: Tensor, grain: Tensor
) -> Tensor:
    """Alpha emptied where it is no more than grain's print.

    What an alpha adds to the plate, alpha (F - B), is hidden by a pixel's grain, and the alphas
    around it are next to nothing, too. ``held`` is a trimap whose 0 and 1 stay, ``grain``
    as of :func:`grain_of`.
    """
    above = torch.zeros_like(alpha)
    for c in range(foreground.shape[1]):  # one at a time: a large plate's are large
        added = alpha * (foreground[:, c : c + 1] - clean[:, c : c + 1])
        above += added.square() - (SHOT.hidden_sigmas * grain[:, c : c + 1]).square()
    hidden = (above < 0) & (held == 0.5)
    hidden &= mean_around(alpha, 3) < SHOT.lonely
    return torch.where(hidden, 0.0, alpha)


def clip_white(alpha: Tensor, least: float) -> Tensor:
    """Alpha with everything from ``least`` up made opaque, by a monotone curve with a soft knee.

    Most of a subject's pixels are opaque and F there is I, so an alpha of 0.95 is far more often
    an opaque pixel with an uncertain F than a pixel that lets 5 % through; a prior with a spike
    at 1 has this threshold as its MAP rule. The curve adds (1 - least) x^2, x rising from 0 at
    the knee to 1 at ``least``.
    """
    rise = ((alpha - SHOT.knee) / (least - SHOT.knee)).clamp(0, 1)
    return (alpha + (1 - least) * rise.square()).clamp(0, 1).where(alpha < least, 1.0)


def least_alpha(image: Tensor, clean: Tensor, grain: Tensor | None = None) -> Tensor:
    """The smallest alpha for which F = B + (I - B) / alpha is not negative: (1, 1, H, W).

    A bound on the truth, not a guess: alpha >= (B - I) / B in every channel. Some
    of the difference is left to rounding and grain; dark B, where that would
    decide, is left out.
    """
    margin = SHOT.grain if grain is None else (SHOT.bound_sigmas * grain).clamp_min(SHOT.grain)
    bound = (clean - image - margin) / clean.clamp_min(SHOT.dark)
    return torch.where(clean > SHOT.dark, bound, 0.0).amax(1, keepdim=True).clamp(0, 1)
