"""A frame of a shot solved with its neighbours: the same subject, seen before other background.

    initial_state  the frame alone, as a single frame is solved (pair_solution.py)
    refine_state   a state and its neighbours' states -> the next state. In the first SOLVED
                   passes one solve combines the alphas from triangulation (triangulation.py),
                   from this frame alone, and from the neighbours where their layers explain
                   this plate; then eq. 18. Later passes fuse the layers of all (fusion.py)
    solution_of    the Solution of the last state

There are PASSES passes with REACH neighbours on each side, so a result depends on PASSES * REACH
frames before and after and on nothing else: not on the order of work, nor on what was solved or
interrupted before. A neighbour's layers count as far as they explain this plate after they were
moved here. Where the subject hid something or has left, their weight is 0, so nothing trails
behind the subject.

Shots skip the networks: neighbouring frames reduce the error by about half.
"""

from __future__ import annotations

from collections.abc import Callable, Generator, Sequence
from dataclasses import dataclass, replace
from typing import Any

import torch
from torch import Tensor
from torch.nn import functional

from dmp_matting.settings import Settings

from ..model.clean_plate_error import CleanPlateError
from ..model.constraints import apply_constraint, shrunk, undecided, without_solve
from ..model.encoding import Encoding
from ..model.morphology import dilate
from ..paper.refine import colour_bounds, exact_foreground
from ..solve.pair_solution import confidence_of, solve_pair, working_size
from ..steps import Memo, Solution, Step, T, no_cache
from .fusion import Layered, fused
from .laplacian import MattingLaplacian
from .optical_flow import Flows, Picture, Wanted, chained, fetched, layer_picture, within_frame
from .parameters import SHOT
from .postprocess import clip_black, grain_of, postprocessed
from .smooth_foreground import smooth_foreground
from .triangulation import Triangulated, View, triangulated

REFERENCE_SIDE = 320  # at which pixel sizes are given
REACH, PASSES = 2, 4  # frames on each side; times
SOLVED = 2  # of these; the others fuse
FEW = 3.9  # core pixels of 3 x 3 that are no cluster


@dataclass(frozen=True)
class FrameState:
    """What is known of a frame between two passes; images (1, 3, H, W), maps (1, 1, H, W)."""

    image: Tensor
    clean: Tensor
    encoding: Encoding
    trimap: Tensor  # what the frame decides by itself
    undecided: Tensor  # trimap with more of the core to be decided again
    expected: Tensor  # alpha by the frame alone and, after the last solve, by triangulation too
    variance: Tensor  # of its error
    alpha: Tensor  # as solved
    foreground: Tensor
    seen_alpha: Tensor  # as neighbours see it
    seen_foreground: Tensor
    constraint: Tensor | None
    grain: Tensor  # standard deviation of I - B, (1, 3, H, W)
    passes: int = 0

    def layers(self) -> tuple[Tensor, Tensor]:
        """Alpha and F, for a preview."""
        return self.seen_alpha, self.seen_foreground

    def to(self, device: torch.device | str) -> FrameState:
        """The same on another device."""
        moved: dict[str, Any] = {
            name: value.to(device) for name, value in vars(self).items() if torch.is_tensor(value)
        }
        return replace(self, **moved)


def initial_state(
    image: Tensor,
    clean: Tensor,
    settings: Settings,
    *,
    linear: bool,
    constraint: Tensor | None = None,
    memo: Memo = no_cache,
    clean_plate_error: CleanPlateError | None = None,
) -> Generator[Step, None, FrameState]:
    """The state of a frame without its neighbours, at the solve size.

    The arguments are those of ``solve_pair``. Yields Step, returns FrameState.
    """
    size = working_size(image.shape[-2], image.shape[-1], settings.solve_size)
    if size is not None:
        image, clean = (functional.interpolate(x, size, mode="area") for x in (image, clean))
        constraint = None if constraint is None else shrunk(constraint, size)
        if clean_plate_error is not None:
            clean_plate_error = clean_plate_error.shrunk(size)

    def memo_of_state(what: str, make: Callable[[], T]) -> T:
        return memo(f"state: {what}", make)  # a single frame is not solved at this size

    solution = yield from solve_pair(
        image,
        clean,
        linear=linear,
        constraint=constraint,
        clean_plate_error=clean_plate_error,
        seed=settings.seed,
        memo=memo_of_state,
    )
    assert solution.variance is not None  # the model has one
    encoding = Encoding.of_pair(image, clean, linear)
    grain = memo_of_state("grain", lambda: grain_of(image, clean, encoding, clean_plate_error))
    return FrameState(
        image,
        clean,
        encoding,
        solution.trimap,
        solution.trimap,
        solution.alpha,
        solution.variance,
        solution.alpha,
        solution.foreground,
        solution.alpha,
        solution.foreground,
        without_solve(constraint),
        grain,
    )


def refine_state(
    state: FrameState, others: Sequence[tuple[int, FrameState]], flows: Flows | None = None
) -> FrameState:
    """The state after one more pass. ``others`` are neighbours: offset in frames, and state.

    All states are of the same pass, and the ``others`` of each side have no gap between them.
    ``flows`` keeps motions for the frames that are refined next.
    """
    if not (state.undecided == 0.5).any():
        return replace(state, passes=state.passes + 1)
    views = _views(state, others, flows or Flows())
    if state.passes >= SOLVED:
        return _fused(state, views)
    known = triangulated(state.image, state.clean, views)
    state = replace(state, undecided=_opened(state, known, views))
    unknown = state.undecided == 0.5
    again = unknown & (state.trimap != 0.5)
    # Of the frame alone the weight is small: its errors hang together over many pixels, those of
    # triangulation hardly do.
    alone = torch.where(again, SHOT.alone_decided, state.variance.clamp_min(SHOT.alone_least))
    by_itself, by_triangle = SHOT.alone / alone, SHOT.triangulation / known.variance
    weight = by_itself + by_triangle
    pull = by_itself * state.expected + by_triangle * known.alpha
    if state.passes:  # first alphas are each frame's own guesses
        for view in views:
            weight = weight + SHOT.neighbour * view.weight * view.fit
            pull = pull + SHOT.neighbour * view.weight * view.fit * view.alpha
    start = torch.where(unknown, state.alpha, state.undecided)
    alpha = MattingLaplacian(state.image, unknown).solve(start, weight, pull / weight)
    foreground = smooth_foreground(state.image, state.clean, alpha)
    if state.passes == SOLVED - 1:
        precision = 1 / alone + 1 / known.variance
        expected = (state.expected / alone + known.alpha / known.variance) / precision
        state = replace(state, expected=expected, variance=1 / precision)
    state = replace(
        state,
        alpha=alpha,
        foreground=foreground,
        seen_alpha=alpha,
        seen_foreground=foreground,
        passes=state.passes + 1,
    )
    return state if state.passes < SOLVED else _refined(state)


def solution_of(state: FrameState) -> tuple[Solution, Solution]:
    """The Solution at the state's size, and the one from which upsampling starts."""
    held = state.undecided
    alpha, foreground = state.seen_alpha, state.seen_foreground
    alpha = clip_black(alpha, foreground, state.clean, held, state.grain)
    confidence = confidence_of(state.variance + (state.expected - alpha).square())
    confidence = torch.where(held == 0.5, confidence, 1.0)
    exact = exact_foreground(state.image, state.clean, alpha, foreground)
    return (
        Solution(alpha, exact, held, confidence),
        Solution(alpha, foreground, held, confidence),
    )


def _refined(state: FrameState) -> FrameState:
    """``state`` after eq. 18."""
    image, clean = state.image, state.clean
    bounds = colour_bounds(image, clean)
    alpha, foreground = postprocessed(
        image, clean, state.alpha, state.foreground, state.grain, bounds
    )
    alpha = torch.where(state.undecided == 0.5, alpha, state.undecided)
    exact = exact_foreground(image, clean, alpha, foreground)
    return replace(state, seen_alpha=alpha, seen_foreground=exact)


def _fused(state: FrameState, views: Sequence[View]) -> FrameState:
    """The state with its layers and its neighbours' fused."""
    own = torch.full_like(state.alpha, SHOT.own)
    layers = [Layered(state.seen_alpha, state.seen_alpha * state.seen_foreground, own)]
    layers += [Layered(view.alpha, view.premultiplied, view.weight * view.fit) for view in views]
    alpha, foreground = fused(state.image, state.clean, layers, state.undecided == 0.5, state.grain)
    return replace(state, seen_alpha=alpha, seen_foreground=foreground, passes=state.passes + 1)


def _opened(state: FrameState, known: Triangulated, views: Sequence[View]) -> Tensor:
    """``undecided``, with core that lets the clean plate through, at four sigma, decided again."""
    if not views:
        return state.undecided
    through = 1 - known.alpha
    found = (state.undecided == 1) & (through > SHOT.seen_through)
    found &= torch.stack([view.weight * view.fit for view in views]).mean(0) > SHOT.seen_fit
    found &= through > SHOT.seen_sigmas * known.variance.sqrt()
    found &= functional.avg_pool2d(found.float(), 3, 1, 1) * 9 > FEW
    if state.constraint is not None:
        found &= undecided(state.constraint)
    margin = max(1.0, SHOT.seen_margin * max(found.shape[-2:]) / REFERENCE_SIDE)
    again = dilate(found, margin) & (state.undecided == 1)
    return apply_constraint(torch.where(again, 0.5, state.undecided), state.constraint)


def _views(state: FrameState, others: Sequence[tuple[int, FrameState]], flows: Flows) -> list[View]:
    """``others`` as seen from ``state``, the nearest of each side first."""
    pictures = {at: _picture(other) for at, other in others}
    motions = _motions(_picture(state), pictures, state.image.device, flows)
    known = dict(others)
    return [_view(state, known[at], motion, abs(at)) for at, motion in motions.items()]


def _motions(
    here: Picture, pictures: dict[int, Picture], device: torch.device, flows: Flows
) -> dict[int, Tensor]:
    """The motion from ``here`` to each picture; to a farther one it goes on from the nearer."""
    sides = [sorted(at for at in pictures if at < 0)[::-1], sorted(at for at in pictures if at > 0)]
    nearest = [side[0] for side in sides if side]
    links = [link for side in sides for link in zip(side, side[1:], strict=False)]
    wanted = [Wanted(here, pictures[at]) for at in nearest]
    wanted += [Wanted(pictures[near], pictures[far]) for near, far in links]
    found = flows.between(wanted, device)
    motions = dict(zip(nearest, found, strict=False))
    onward = dict(zip(links, found[len(nearest) :], strict=True))
    for distance in range(1, max(map(len, sides))):
        steps = [(side[distance - 1], side[distance]) for side in sides if len(side) > distance]
        starts = [chained(motions[near], onward[near, far]) for near, far in steps]
        wanted = [
            Wanted(here, pictures[far], start.cpu().numpy())
            for (_, far), start in zip(steps, starts, strict=True)
        ]
        farther = flows.between(wanted, device)
        motions.update(zip((far for _, far in steps), farther, strict=True))
    return {at: motions[at] for side in sides for at in side}


def _picture(state: FrameState) -> Picture:
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
        (-misfit / (2 * SHOT.fit**2)).exp(),
        distance,
    )
