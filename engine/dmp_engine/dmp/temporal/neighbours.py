"""A frame of a shot solved with its neighbours: the same subject, seen before other background.

    first_look   what the frame says by itself: trimap, sampled alphas, the evidence solved
    improved     a look again, with the neighbours' looks. The first SOLVED times: their motion,
                 the alphas that triangulation gives (triangulate.py), and the neighbours' own
                 alphas where their layers explain this plate, in one solve. Then eq. 18, and
                 after that the layers of all made one (fuse.py)
    settled      the Solution of the last look

PASSES times ``improved`` with REACH neighbours on each side, so a result depends on
PASSES * REACH frames before and after and on nothing else: not on the order of work, nor on
what was solved or interrupted before. A neighbour's layers count as far as they, brought
here, explain this plate: where the subject hid something or has left, they say nothing, so that
nothing trails behind.

The networks do not run here: what they correct by a fiftieth, neighbours correct by a third.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn import functional

from dmp_matting.settings import Settings

from ..evidence.confidence import confidence_of
from ..evidence.false_holes import fill_false_holes, without_closed_holes
from ..evidence.texture import PER_CONFIDENCE, SURE, seen_through, variance_of
from ..evidence.types import REFERENCE_SIDE, Sampled
from ..model.clean_plate_error import CleanPlateError
from ..model.encoding import Encoding
from ..model.morphology import dilate
from ..model.noise import weakened
from ..solve.foreground import smooth_foreground
from ..solve.full_resolution import shrunk_constraint, solve_size
from ..solve.laplacian import MattingLaplacian
from ..solve.postprocess import colour_bounds, exact_foreground, finished, without_grain
from ..solve.single_frame import (
    COLOUR,
    OPAQUE,
    SAMPLES,
    drawn,
    first_estimate,
    first_trimap,
    looked_again,
    noises_of,
)
from ..steps import Memo, Solution, no_cache
from .fusion import Layered, fused
from .optical_flow import chained, fetched, flow, layer_picture, within_frame
from .triangulation import Triangulated, View, triangulated

REACH, PASSES = 2, 4  # frames on each side; times
SOLVED = 2  # of these; the others fuse
BORDER = 12.0  # pixels of core from the background on, at 320, that are decided again

LEAST_THROUGH, SIGMAS, CLUSTER, MARGIN = 0.2, 4.0, 3.9, 2.0  # when other core is, too
HEARD = 0.15  # mean fit of the neighbours there: where the motion is wrong, all look through

# Weights beside those of solve.py in the matting-Laplacian solve.
COLOUR_SHARE = 0.3  # of solve.py's: colours mislead more than triangulation
TRIANGULATED = 0.18  # over the variance
NEIGHBOUR = 6.0  # of a neighbour whose layer explains this plate
DECIDED = 0.3  # for opacity, where the frame by itself was sure of the core
FIT = 0.03  # sigma of a fitting layer's misfit, encoded
OWN = 0.4  # of a frame's own layers among its neighbours', where they are fused

# Eq. 18 and the knee after it undo less of what is known better now; so would a solid core.
VARIANCE_ALPHA, SOLID = 0.3, 0.98


@dataclass(frozen=True)
class Look:
    """What is known of a frame; images (1, 3, H, W), maps (1, 1, H, W)."""

    image: Tensor
    clean: Tensor
    encoding: Encoding
    trimap: Tensor  # what the frame decides by itself
    undecided: Tensor  # trimap with more of the core to be decided again
    evidence: Sampled
    alpha: Tensor  # as solved
    foreground: Tensor
    seen_alpha: Tensor  # as neighbours see it
    seen_foreground: Tensor
    constraint: Tensor | None
    grain: Tensor | None
    passes: int = 0

    def layers(self) -> tuple[Tensor, Tensor]:
        """Alpha and F, to be looked at."""
        return self.seen_alpha, self.seen_foreground

    def to(self, device: torch.device | str) -> Look:
        """The same on another device."""
        moved: dict[str, Any] = {
            name: value.to(device) for name, value in vars(self).items() if torch.is_tensor(value)
        }
        evidence = Sampled(self.evidence.alpha.to(device), self.evidence.confidence.to(device))
        return replace(self, **moved, evidence=evidence)


def first_look(
    image: Tensor,
    clean: Tensor,
    settings: Settings,
    *,
    linear: bool,
    constraint: Tensor | None = None,
    memo: Memo = no_cache,
    clean_plate_error: CleanPlateError | None = None,
) -> Look:
    """What the pair says by itself, at the solve size, as at the beginning of ``solve``.

    ``hint``, ``recall`` and ``leftover`` as in ``solve``.
    """
    size = solve_size(image.shape[-2], image.shape[-1], settings)
    if size is not None:
        image, clean = (functional.interpolate(x, size, mode="area") for x in (image, clean))
        constraint = shrunk_constraint(constraint, size) if constraint is not None else None
        clean_plate_error = (
            clean_plate_error.shrunk(size) if clean_plate_error is not None else None
        )
    generator = torch.Generator().manual_seed(settings.seed)
    encoding = Encoding.of_pair(image, clean, linear)
    seen, behind = encoding.encode(image), encoding.encode(clean)
    tested, noise = noises_of(seen, behind, settings, memo, clean_plate_error)
    edge_loss_px = clean_plate_error.edge_loss_px if clean_plate_error is not None else 0.0
    grain = noise.where_mixed(clean, encoding) if noise is not None else None
    through = memo("seen through", lambda: seen_through(image, clean, grain))
    trimap = drawn(
        "first trimap",
        lambda: first_trimap(seen, behind, settings, generator, tested, edge_loss_px),
        generator,
        memo,
    )
    if settings.alpha_init == "tested":
        trimap = looked_again(image, clean, trimap, encoding, generator, noise, through, memo)
    trimap = _hinted(trimap, constraint)
    estimate, evidence = first_estimate(
        image, clean, trimap, trimap, encoding, settings, generator, noise, through
    )
    if tested is not None:
        trimap = without_closed_holes(seen, behind, trimap, estimate.alpha, through, tested)
        solid = torch.where(trimap == 0.5, estimate.alpha, trimap)
        trimap = _hinted(fill_false_holes(seen, behind, trimap, solid, tested), constraint)
    alpha = torch.where(trimap == 0.5, estimate.alpha, trimap)
    bounds = colour_bounds(image, clean)
    shown = finished(image, clean, alpha, estimate.foreground, trimap, settings, bounds, grain)
    border = BORDER * max(image.shape[-2:]) / REFERENCE_SIDE
    near = (trimap == 1) & dilate(trimap == 0, border)
    undecided = _hinted(torch.where(near, 0.5, trimap), constraint)
    return Look(
        image,
        clean,
        encoding,
        trimap,
        undecided,
        evidence,
        alpha,
        estimate.foreground,
        *shown,
        constraint,
        grain,
    )


def improved(look: Look, others: Sequence[tuple[int, Look]], settings: Settings) -> Look:
    """``look`` with what ``others`` say, each with its place from here in frames; all of one pass.

    The ``others`` of each side have no gap between them.
    """
    if not (look.undecided == 0.5).any():
        return replace(look, passes=look.passes + 1)
    views = _views(look, others)
    if look.passes >= SOLVED:
        return _fused(look, views)
    known = triangulated(look.image, look.clean, views)
    look = replace(look, undecided=_opened(look, known, views))
    unknown = look.undecided == 0.5
    by_triangle = TRIANGULATED / known.variance
    by_sample = SAMPLES * look.evidence.confidence
    again = unknown & (look.trimap != 0.5)
    opaque = OPAQUE + DECIDED * again
    laplacian = MattingLaplacian(look.image, unknown)
    alpha, foreground = torch.where(unknown, look.alpha, look.undecided), look.foreground
    for _ in range(1 if look.passes else 2):  # the first foreground is a guess without neighbours
        by_colour, said = _colour(look, foreground)
        by_colour = torch.where(again, 0.0, COLOUR_SHARE * by_colour)
        weight = by_colour + by_sample + opaque + by_triangle
        pull = by_colour * said + by_sample * look.evidence.alpha + opaque
        pull = pull + by_triangle * known.alpha
        if look.passes:  # first alphas are each frame's own guesses
            for view in views:
                weight = weight + NEIGHBOUR * view.weight * view.fit
                pull = pull + NEIGHBOUR * view.weight * view.fit * view.alpha
        alpha = laplacian.solve(alpha, weight, pull / weight)
        foreground = smooth_foreground(look.image, look.clean, alpha)
    look = replace(
        look,
        evidence=look.evidence if not look.passes else _together(look, known, unknown),
        alpha=alpha,
        foreground=foreground,
        seen_alpha=alpha,
        seen_foreground=foreground,
        passes=look.passes + 1,
    )
    return look if look.passes < SOLVED else _refined(look, settings)


def settled(look: Look, settings: Settings) -> tuple[Solution, Solution]:
    """The Solution at the look's size, and what a larger plate's lift begins with."""
    held = look.undecided
    alpha, foreground = look.seen_alpha, look.seen_foreground
    alpha = without_grain(alpha, foreground, look.clean, held, look.grain)
    confidence = confidence_of(alpha, held, look.evidence)
    exact = exact_foreground(look.image, look.clean, alpha, foreground, settings)
    return (
        Solution(alpha, exact, held, confidence),
        Solution(alpha, foreground, held, confidence),
    )


def _refined(look: Look, settings: Settings) -> Look:
    """``look`` after eq. 18."""
    weaker = replace(
        settings,
        variance_alpha=min(settings.variance_alpha, VARIANCE_ALPHA),
        solid=max(settings.solid, SOLID),
    )
    image, clean = look.image, look.clean
    bounds = colour_bounds(image, clean)
    alpha, foreground = finished(
        image, clean, look.alpha, look.foreground, look.undecided, weaker, bounds, look.grain
    )
    exact = exact_foreground(image, clean, alpha, foreground, settings)
    return replace(look, seen_alpha=alpha, seen_foreground=exact)


def _fused(look: Look, views: Sequence[View]) -> Look:
    """``look`` with its layers and its neighbours' made one."""
    own = torch.full_like(look.alpha, OWN)
    layers = [Layered(look.seen_alpha, look.seen_alpha * look.seen_foreground, own)]
    layers += [Layered(view.alpha, view.premultiplied, view.weight * view.fit) for view in views]
    alpha, foreground = fused(look.image, look.clean, layers, look.undecided == 0.5, look.grain)
    return replace(look, seen_alpha=alpha, seen_foreground=foreground, passes=look.passes + 1)


def _opened(look: Look, known: Triangulated, views: Sequence[View]) -> Tensor:
    """``undecided``, with core that lets the clean plate through, at four sigma, decided again."""
    if not views:
        return look.undecided
    through = 1 - known.alpha
    found = (look.undecided == 1) & (through > LEAST_THROUGH)
    found &= torch.stack([view.weight * view.fit for view in views]).mean(0) > HEARD
    found &= through > SIGMAS * known.variance.sqrt()
    found &= functional.avg_pool2d(found.float(), 3, 1, 1) * 9 > CLUSTER
    if look.constraint is not None:
        found &= look.constraint == 0.5
    margin = max(1.0, MARGIN * max(found.shape[-2:]) / REFERENCE_SIDE)
    again = dilate(found, margin) & (look.undecided == 1)
    return _hinted(torch.where(again, 0.5, look.undecided), look.constraint)


def _hinted(trimap: Tensor, constraint: Tensor | None) -> Tensor:
    return trimap if constraint is None else torch.where(constraint == 0.5, trimap, constraint)


def _views(look: Look, others: Sequence[tuple[int, Look]]) -> list[View]:
    """``others`` as seen from ``look``; the motion to a farther one goes on from the nearer."""
    pictures = {at: _picture(other) for at, other in others}
    here, device = _picture(look), look.image.device
    views = []
    for side in (-1, 1):
        motion: Tensor | None = None
        for at, other in sorted((x for x in others if x[0] * side > 0), key=lambda x: abs(x[0])):
            start = None
            if motion is not None:
                start = chained(motion, flow(pictures[at - side], pictures[at], device))
            motion = flow(here, pictures[at], device, start)
            views.append(_view(look, other, motion, abs(at)))
    return views


def _picture(look: Look) -> NDArray[np.uint8]:
    return layer_picture(look.seen_alpha, look.seen_foreground, look.encoding)


def _view(look: Look, other: Look, motion: Tensor, distance: int) -> View:
    """``other`` as seen from ``look`` along ``motion``."""
    alpha = fetched(other.seen_alpha, motion)
    premultiplied = fetched(other.seen_alpha * other.seen_foreground, motion)
    encode = look.encoding.encode
    built = encode(premultiplied + (1 - alpha) * look.clean)
    misfit = (built - encode(look.image)).square().mean(1, keepdim=True)
    misfit = functional.avg_pool2d(functional.pad(misfit, [1] * 4, mode="replicate"), 3, 1)
    return View(
        fetched(other.image, motion),
        fetched(other.clean, motion),
        alpha,
        premultiplied,
        within_frame(motion),
        (-misfit / (2 * FIT**2)).exp(),
        distance,
    )


def _colour(look: Look, foreground: Tensor) -> tuple[Tensor, Tensor]:
    """Weight and alpha of the colour equation, as in ``solve.first_estimate``."""
    encode = look.encoding.encode
    difference = foreground - look.clean
    power = (encode(foreground) - encode(look.clean)).square().sum(1, keepdim=True)
    seen = (difference * (look.image - look.clean)).sum(1, keepdim=True)
    alpha = (seen / difference.square().sum(1, keepdim=True).clamp_min(1e-6)).clamp(0, 1)
    weight = COLOUR * power
    if look.grain is not None:
        sigma = encode(look.clean + look.grain) - encode(look.clean)
        weight = weakened(weight, sigma.square().mean(1, keepdim=True))
    return weight, alpha


def _together(look: Look, known: Triangulated, asked: Tensor) -> Sampled:
    """Sampled and triangulated alphas, weighed by their variances, for the confidence."""
    by_sample = torch.where(
        look.evidence.confidence > 0, 1 / variance_of(look.evidence.confidence), 0.0
    )
    precision = by_sample + 1 / known.variance
    alpha = (by_sample * look.evidence.alpha + known.alpha / known.variance) / precision
    confidence = (100 - (1 / precision - SURE) / PER_CONFIDENCE).clamp(0, 100)
    return Sampled(torch.where(asked, alpha, 0.0), torch.where(asked, confidence, 0.0))
