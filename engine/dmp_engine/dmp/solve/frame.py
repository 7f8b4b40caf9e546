"""One frame: the model of the pair, or the paper's algorithm, as ``Settings.method`` decides.

    model  a large plate is cut to the subject (crop.py), then pair_solution.py solves it
    paper  Algorithm 1 (paper/algorithm1.py), and of a plate above the solve size by eq. 18 its
           own pixels (full_resolution.py)

Tensors in, tensors out: no file, socket or job is known here. Closing the generator ends the
work at once.
"""

from __future__ import annotations

from collections.abc import Generator
from typing import Any

import torch
from torch import Tensor
from torch.nn import functional

from dmp_matting.job import Stage
from dmp_matting.settings import Settings

from ..model.clean_plate_error import CleanPlateError
from ..model.constraints import apply_constraint, shrunk, undecided, without_solve
from ..model.encoding import Encoding
from ..paper.algorithm1 import Result, algorithm_1
from ..paper.initial_alpha import updated_alpha
from ..paper.refine import Variances, colour_bounds, exact_foreground, refine
from ..steps import Memo, Solution, Step, no_cache
from .crop import changed_box, whole
from .full_resolution import bands, enlarged, enlarged_trimap, refined_at_full_resolution
from .pair_solution import confidence_of, solve_pair, working_size

ONE_LEVEL = 1 / 255  # encoded, of a display: a misfit below it is none


def solve(
    image: Tensor,
    clean: Tensor,
    settings: Settings,
    *,
    linear: bool = False,
    constraint: Tensor | None = None,
    start: dict[str, Any] | None = None,
    memo: Memo = no_cache,
    clean_plate_error: CleanPlateError | None = None,
) -> Generator[Step, None, Solution]:
    """Solve one pair.

    ``image`` and ``clean`` are float32 (1, 3, H, W) in the space they composite
    in: scene-linear (``linear``, any values) or as stored. ``constraint`` (1, 1, H, W) are the
    artist's mattes as in model/constraints.py. ``start`` is a state of an interrupted run of
    the same call. ``memo`` keeps what does not depend on the constraint. ``clean_plate_error`` is
    what the fit of the clean plate leaves. Yields Step, returns Solution. Deterministic for a
    seed and a device.

    With the paper's method T frames in place of the 1 are its video mode (Sec. IV-F).
    """
    if settings.method == "paper":
        constraint = without_solve(constraint)
        return (yield from _by_the_paper(image, clean, settings, linear, constraint, start))
    side = settings.solve_size
    box = changed_box(image, clean, side, linear, constraint, memo)
    if box is not None:
        image, clean = box.cut(image), box.cut(clean)
        constraint = None if constraint is None else box.cut(constraint)
        clean_plate_error = None if clean_plate_error is None else clean_plate_error.each(box.cut)
        memo = box.scoped_memo(memo)
    solving = solve_pair(
        image,
        clean,
        linear=linear,
        constraint=constraint,
        clean_plate_error=clean_plate_error,
        seed=settings.seed,
        working_side=side,
        recompositions=settings.recompositions,
        memo=memo,
    )
    return (yield from (solving if box is None else whole(box, solving)))


def _by_the_paper(
    image: Tensor,
    clean: Tensor,
    settings: Settings,
    linear: bool,
    constraint: Tensor | None,
    start: dict[str, Any] | None,
) -> Generator[Step, None, Solution]:
    """Algorithm 1 at the solve size, F exact, and a confidence."""
    size = working_size(image.shape[-2], image.shape[-1], settings.solve_size)
    small_image, small_clean, known = image, clean, constraint
    if size is not None:
        small_image, small_clean = (
            functional.interpolate(x, size, mode="area") for x in (image, clean)
        )
        known = None if constraint is None else shrunk(constraint, size)
    found = yield from algorithm_1(
        small_image, small_clean, settings, linear=linear, constraint=known, start=start
    )
    yield Step(Stage.UPSAMPLE, 0, 1, 1.0)
    confidence = _confidence(small_image, small_clean, found, known, linear)
    if size is None:
        foreground = found.foreground
        if settings.refinement:
            foreground = exact_foreground(image, clean, found.alpha, foreground)
        trimap = updated_alpha(found.initial_alpha, found.alpha, settings.alpha_update)
        return Solution(found.alpha, foreground, trimap, confidence)
    frames = []
    for t in range(len(image)):
        at = slice(t, t + 1)
        held = None if constraint is None else constraint[at]
        start_from = (found.generated_alpha[at], found.generated_foreground[at])
        frames.append((yield from _enlarged(image[at], clean[at], *start_from, held, settings)))
    alpha, foreground = (torch.cat(layers) for layers in zip(*frames, strict=True))
    own = (image.shape[-2], image.shape[-1])
    trimap = apply_constraint(enlarged_trimap(found.initial_alpha, own), constraint)
    return Solution(alpha, foreground, trimap, enlarged(confidence, own))


def _enlarged(
    image: Tensor,
    clean: Tensor,
    alpha: Tensor,
    foreground: Tensor,
    constraint: Tensor | None,
    settings: Settings,
) -> Generator[Step, None, tuple[Tensor, Tensor]]:
    """What the networks generate at the plate's own size, after stage 2 there: alpha and F."""
    bounds, passes = colour_bounds(image, clean), settings.refine_passes
    variances = Variances(
        settings.variance_alpha, settings.variance_foreground, settings.variance_image
    )

    def stage_2(i: Tensor, b: Tensor, a: Tensor, f: Tensor, at: Tensor) -> tuple[Tensor, Tensor]:
        return refine(i, b, a, f, passes, variances, bounds) if settings.refinement else (a, f)

    alpha, foreground = yield from refined_at_full_resolution(
        image, clean, alpha, foreground, constraint, stage_2
    )
    if settings.refinement:
        for rows in bands((image.shape[-2], image.shape[-1])):
            i, b, a, f = (x[:, :, rows] for x in (image, clean, alpha, foreground))
            foreground[:, :, rows] = exact_foreground(i, b, a, f)
    return alpha, foreground


def _confidence(
    image: Tensor, clean: Tensor, found: Result, constraint: Tensor | None, linear: bool
) -> Tensor:
    """(T, 1, H, W) in [0, 1], as of the model.

    The paper estimates no error of alpha. Its networks' layers miss the plate by some colour, and
    alpha would have to move by that, over the difference of F from B, to explain it.
    """
    encode = Encoding.of_pair(image, clean, linear).encode
    alpha, foreground = found.generated_alpha, found.generated_foreground
    mixed = alpha * foreground + (1 - alpha) * clean
    misfit, apart = (
        x.square().mean(1, keepdim=True).sqrt()
        for x in (encode(mixed) - encode(image), encode(foreground) - encode(clean))
    )
    error = misfit.clamp_min(ONE_LEVEL) / apart.clamp_min(ONE_LEVEL)
    confidence = confidence_of(error.square())
    return confidence if constraint is None else confidence.where(undecided(constraint), 1.0)
