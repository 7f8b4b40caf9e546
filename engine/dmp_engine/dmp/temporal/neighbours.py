"""A frame of a shot solved with its neighbours: the same subject, seen before other background.

    initial_state  the frame alone: trimap, sampled alphas, the evidence solved
    refine_state   a state and its neighbours' states -> the next state. In the first SOLVED
                   passes one solve combines the alphas from triangulation (triangulation.py),
                   from this frame's samples, and from the neighbours where their layers explain
                   this plate; then eq. 18. Later passes fuse the layers of all (fusion.py)
    solution_of    the Solution of the last state

There are PASSES passes with REACH neighbours on each side, so a result depends on PASSES * REACH
frames before and after and on nothing else: not on the order of work, nor on what was solved or
interrupted before. A neighbour's layers count as far as they explain this plate after they were
moved here. Where the subject hid something or has left, their weight is 0, so nothing trails
behind the subject.

Shots skip the networks: they reduce the error by about 2 %, neighbouring frames by about a third.
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
from ..evidence.constraints import without_solve
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
LEAST_FIT = 0.15  # mean fit of the neighbours there: a wrong motion makes all seem transparent

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
class FrameState:
    """What is known of a frame between two passes; images (1, 3, H, W), maps (1, 1, H, W)."""

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
        """Alpha and F, for a preview."""
        return self.seen_alpha, self.seen_foreground

    def to(self, device: torch.device | str) -> FrameState:
        """The same on another device."""
        moved: dict[str, Any] = {
            name: value.to(device) for name, value in vars(self).items() if torch.is_tensor(value)
        }
        evidence = Sampled(self.evidence.alpha.to(device), self.evidence.confidence.to(device))
        return replace(self, **moved, evidence=evidence)


def initial_state(
    image: Tensor,
    clean: Tensor,
    settings: Settings,
    *,
    linear: bool,
    constraint: Tensor | None = None,
    memo: Memo = no_cache,
    clean_plate_error: CleanPlateError | None = None,
) -> FrameState:
    """The state of a frame without its neighbours, at the solve size.

    The steps are those at the beginning of ``solve``, and so are the arguments.
    """
    constraint = without_solve(constraint)
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
    trimap = _constrained(trimap, constraint)
    estimate, evidence = first_estimate(
        image, clean, trimap, trimap, encoding, settings, generator, noise, through
    )
    if tested is not None:
        trimap = without_closed_holes(seen, behind, trimap, estimate.alpha, through, tested)
        solid = torch.where(trimap == 0.5, estimate.alpha, trimap)
        trimap = _constrained(fill_false_holes(seen, behind, trimap, solid, tested), constraint)
    alpha = torch.where(trimap == 0.5, estimate.alpha, trimap)
    bounds = colour_bounds(image, clean)
    shown = finished(image, clean, alpha, estimate.foreground, trimap, settings, bounds, grain)
    border = BORDER * max(image.shape[-2:]) / REFERENCE_SIDE
    near = (trimap == 1) & dilate(trimap == 0, border)
    undecided = _constrained(torch.where(near, 0.5, trimap), constraint)
    return FrameState(
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


def refine_state(
    state: FrameState, others: Sequence[tuple[int, FrameState]], settings: Settings
) -> FrameState:
    """The state after one more pass. ``others`` are neighbours: offset in frames, and state.

    All states are of the same pass, and the ``others`` of each side have no gap between them.
    """
    if not (state.undecided == 0.5).any():
        return replace(state, passes=state.passes + 1)
    views = _views(state, others)
    if state.passes >= SOLVED:
        return _fused(state, views)
    known = triangulated(state.image, state.clean, views)
    state = replace(state, undecided=_opened(state, known, views))
    unknown = state.undecided == 0.5
    by_triangle = TRIANGULATED / known.variance
    by_sample = SAMPLES * state.evidence.confidence
    again = unknown & (state.trimap != 0.5)
    opaque = OPAQUE + DECIDED * again
    laplacian = MattingLaplacian(state.image, unknown)
    alpha, foreground = torch.where(unknown, state.alpha, state.undecided), state.foreground
    for _ in range(1 if state.passes else 2):  # the first foreground is a guess without neighbours
        by_colour, colour_alpha = _colour(state, foreground)
        by_colour = torch.where(again, 0.0, COLOUR_SHARE * by_colour)
        weight = by_colour + by_sample + opaque + by_triangle
        pull = by_colour * colour_alpha + by_sample * state.evidence.alpha + opaque
        pull = pull + by_triangle * known.alpha
        if state.passes:  # first alphas are each frame's own guesses
            for view in views:
                weight = weight + NEIGHBOUR * view.weight * view.fit
                pull = pull + NEIGHBOUR * view.weight * view.fit * view.alpha
        alpha = laplacian.solve(alpha, weight, pull / weight)
        foreground = smooth_foreground(state.image, state.clean, alpha)
    state = replace(
        state,
        evidence=state.evidence if not state.passes else _together(state, known, unknown),
        alpha=alpha,
        foreground=foreground,
        seen_alpha=alpha,
        seen_foreground=foreground,
        passes=state.passes + 1,
    )
    return state if state.passes < SOLVED else _refined(state, settings)


def solution_of(state: FrameState, settings: Settings) -> tuple[Solution, Solution]:
    """The Solution at the state's size, and the one from which upsampling starts."""
    held = state.undecided
    alpha, foreground = state.seen_alpha, state.seen_foreground
    alpha = without_grain(alpha, foreground, state.clean, held, state.grain)
    confidence = confidence_of(alpha, held, state.evidence)
    exact = exact_foreground(state.image, state.clean, alpha, foreground, settings)
    return (
        Solution(alpha, exact, held, confidence),
        Solution(alpha, foreground, held, confidence),
    )


def _refined(state: FrameState, settings: Settings) -> FrameState:
    """``state`` after eq. 18."""
    weaker = replace(
        settings,
        variance_alpha=min(settings.variance_alpha, VARIANCE_ALPHA),
        solid=max(settings.solid, SOLID),
    )
    image, clean = state.image, state.clean
    bounds = colour_bounds(image, clean)
    alpha, foreground = finished(
        image, clean, state.alpha, state.foreground, state.undecided, weaker, bounds, state.grain
    )
    exact = exact_foreground(image, clean, alpha, foreground, settings)
    return replace(state, seen_alpha=alpha, seen_foreground=exact)


def _fused(state: FrameState, views: Sequence[View]) -> FrameState:
    """The state with its layers and its neighbours' fused."""
    own = torch.full_like(state.alpha, OWN)
    layers = [Layered(state.seen_alpha, state.seen_alpha * state.seen_foreground, own)]
    layers += [Layered(view.alpha, view.premultiplied, view.weight * view.fit) for view in views]
    alpha, foreground = fused(state.image, state.clean, layers, state.undecided == 0.5, state.grain)
    return replace(state, seen_alpha=alpha, seen_foreground=foreground, passes=state.passes + 1)


def _opened(state: FrameState, known: Triangulated, views: Sequence[View]) -> Tensor:
    """``undecided``, with core that lets the clean plate through, at four sigma, decided again."""
    if not views:
        return state.undecided
    through = 1 - known.alpha
    found = (state.undecided == 1) & (through > LEAST_THROUGH)
    found &= torch.stack([view.weight * view.fit for view in views]).mean(0) > LEAST_FIT
    found &= through > SIGMAS * known.variance.sqrt()
    found &= functional.avg_pool2d(found.float(), 3, 1, 1) * 9 > CLUSTER
    if state.constraint is not None:
        found &= state.constraint == 0.5
    margin = max(1.0, MARGIN * max(found.shape[-2:]) / REFERENCE_SIDE)
    again = dilate(found, margin) & (state.undecided == 1)
    return _constrained(torch.where(again, 0.5, state.undecided), state.constraint)


def _constrained(trimap: Tensor, constraint: Tensor | None) -> Tensor:
    return trimap if constraint is None else torch.where(constraint == 0.5, trimap, constraint)


def _views(state: FrameState, others: Sequence[tuple[int, FrameState]]) -> list[View]:
    """``others`` as seen from ``state``; the motion to a farther one goes on from the nearer."""
    pictures = {at: _picture(other) for at, other in others}
    here, device = _picture(state), state.image.device
    views = []
    for side in (-1, 1):
        motion: Tensor | None = None
        for at, other in sorted((x for x in others if x[0] * side > 0), key=lambda x: abs(x[0])):
            start = None
            if motion is not None:
                start = chained(motion, flow(pictures[at - side], pictures[at], device))
            motion = flow(here, pictures[at], device, start)
            views.append(_view(state, other, motion, abs(at)))
    return views


def _picture(state: FrameState) -> NDArray[np.uint8]:
    return layer_picture(state.seen_alpha, state.seen_foreground, state.encoding)


def _view(state: FrameState, other: FrameState, motion: Tensor, distance: int) -> View:
    """``other`` as seen from ``state`` along ``motion``."""
    alpha = fetched(other.seen_alpha, motion)
    premultiplied = fetched(other.seen_alpha * other.seen_foreground, motion)
    encode = state.encoding.encode
    built = encode(premultiplied + (1 - alpha) * state.clean)
    misfit = (built - encode(state.image)).square().mean(1, keepdim=True)
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


def _colour(state: FrameState, foreground: Tensor) -> tuple[Tensor, Tensor]:
    """Weight and alpha of the colour equation, as in ``solve.first_estimate``."""
    encode = state.encoding.encode
    difference = foreground - state.clean
    power = (encode(foreground) - encode(state.clean)).square().sum(1, keepdim=True)
    seen = (difference * (state.image - state.clean)).sum(1, keepdim=True)
    alpha = (seen / difference.square().sum(1, keepdim=True).clamp_min(1e-6)).clamp(0, 1)
    weight = COLOUR * power
    if state.grain is not None:
        sigma = encode(state.clean + state.grain) - encode(state.clean)
        weight = weakened(weight, sigma.square().mean(1, keepdim=True))
    return weight, alpha


def _together(state: FrameState, known: Triangulated, unknown: Tensor) -> Sampled:
    """Sampled and triangulated alphas, weighed by their variances, for the confidence."""
    by_sample = torch.where(
        state.evidence.confidence > 0, 1 / variance_of(state.evidence.confidence), 0.0
    )
    precision = by_sample + 1 / known.variance
    alpha = (by_sample * state.evidence.alpha + known.alpha / known.variance) / precision
    confidence = (100 - (1 / precision - SURE) / PER_CONFIDENCE).clamp(0, 100)
    return Sampled(torch.where(unknown, alpha, 0.0), torch.where(unknown, confidence, 0.0))
