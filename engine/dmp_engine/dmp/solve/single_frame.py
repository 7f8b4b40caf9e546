"""Algorithm 1, top to bottom: a plate and its clean plate in, alpha and foreground out.

    1.  alpha^[0] by eq. 8
    2.  fit both networks, eq. 9 and 11
    3.  stage 1a, joint, eq. 12
    4.  stage 1b, projection, eq. 12 and 13
    5.  stage 2, Bayesian refinement, eq. 18
    6.  new alpha^[0] by eq. 19, and 2-5 once more
    7.  F and alpha

A plate larger than Settings.solve_size is scaled down first and the result upsampled
to its own pixels (full_resolution.py).

Tensors in, tensors out: no file, socket or job is known here. Closing the
generator ends the work at once.

Long because the algorithm is read in one piece, as in the paper.
"""

from __future__ import annotations

from collections.abc import Callable, Generator
from dataclasses import dataclass, replace
from typing import Any

import torch
from torch import Tensor
from torch.nn import functional

from dmp_matting.job import Stage
from dmp_matting.settings import Settings

from ..evidence.confidence import confidence_of
from ..evidence.constraints import without_solve
from ..evidence.foreground_samples import sample_alpha
from ..evidence.texture import seen_through, with_texture
from ..evidence.types import Sampled, SeenThrough
from ..model.clean_plate_error import CleanPlateError
from ..model.encoding import Encoding
from ..model.morphology import erode
from ..model.noise import Noise
from ..paper.initial_alpha import background_mask, initial_alpha, patch_similarity, updated_alpha
from ..paper.losses import Problem, Trainer, start_logits
from ..paper.refine import NEARLY_ONE
from ..steps import Memo, Solution, Step, no_cache
from .crop import changed_box, whole
from .foreground import smooth_foreground
from .full_resolution import shrunk_constraint, solve_size, upsample
from .laplacian import MattingLaplacian
from .pair_solution import solve_pair
from .postprocess import colour_bounds, exact_foreground, finished, with_solid_core

REFERENCE_SIDE = 512  # at which Settings gives pixel sizes
GLANCE = 10  # steps between two looks at a GPU's loss
NEARLY_CORE = 0.97  # above it a pixel's colour may be sampled in the next round

# Weights of the evidence in the matting-Laplacian solve; alpha^T L alpha has weight 1.
SAMPLES_FIRST, OPAQUE_FIRST = 0.001, 0.003  # before any foreground is known
COLOUR, SAMPLES, OPAQUE = 5.0, 0.03, 0.03  # once there is one


@dataclass(frozen=True)
class Estimate:
    """What a round starts from and ends with, at the plate's size."""

    alpha: Tensor  # (1, 1, H, W)
    foreground: Tensor  # (1, 3, H, W)

    def layers(self) -> tuple[Tensor, Tensor]:
        """Both, to be looked at."""
        return self.alpha, self.foreground


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
    in: scene-linear (``linear``, any values) or as stored. ``hint`` (1, 1, H, W) is the
    artist's word: alpha is 0 where it is 0, 1 where it is 1, and solved where it is 0.5.
    ``start`` is a state of an interrupted run of the same call. ``recall`` knows what an
    earlier solve of the pair found out before it looked at the hint. ``leftover`` is
    what the fit of the clean plate could not reach.
    Yields Step, returns Solution. Deterministic for a seed and a device.

    Where the settings draw from nothing (not ``correction``), T frames in place of the 1
    are the paper's video mode (Sec. IV-F): one network each, with T and 3T output channels.
    """
    if settings.alpha_init != "tested":
        constraint = without_solve(constraint)
        return (yield from _solve(image, clean, settings, linear, constraint, start, memo))
    box = changed_box(image, clean, settings, linear, constraint, memo)
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
        working_side=settings.solve_size,
        recompositions=settings.recompositions,
        memo=memo,
    )
    return (yield from (solving if box is None else whole(box, solving)))


def _solve(
    image: Tensor,
    clean: Tensor,
    settings: Settings,
    linear: bool,
    constraint: Tensor | None,
    start: dict[str, Any] | None,
    memo: Memo,
) -> Generator[Step, None, Solution]:
    plan = _Plan(settings)
    generator = torch.Generator().manual_seed(settings.seed)
    full_image, full_clean, full_constraint = image, clean, constraint
    size = solve_size(image.shape[-2], image.shape[-1], settings)
    if size is not None:
        image, clean = (functional.interpolate(x, size, mode="area") for x in (image, clean))
        constraint = shrunk_constraint(constraint, size) if constraint is not None else None
    encoding = Encoding.of_pair(image, clean, linear)
    bounds = colour_bounds(image, clean)
    I_enc, B_enc = encoding.encode(image), encoding.encode(clean)

    yield plan.at(Stage.INITIALISE, 0, 1)
    # line 1: alpha^[0], eq. 8
    trimap = drawn(
        "first trimap",
        lambda: first_trimap(I_enc, B_enc, settings),
        generator,
        memo,
    )
    # To be looked at seconds before there is more; half where nothing is known yet.
    yield replace(plan.at(Stage.INITIALISE, 1, 2), layers=Estimate(trimap, image).layers)
    through = memo("seen through", lambda: seen_through(image, clean))
    if constraint is not None:
        trimap = torch.where(constraint == 0.5, trimap, constraint)
    estimate: Estimate | None = None
    evidence: Sampled | None = None
    sources = trimap  # where colours may be sampled: grows with the rounds

    first_round = 0
    if start is not None:
        first_round = int(start["round"])
        trimap, sources = start["trimap"].to(image), start["sources"].to(image)
        estimate = Estimate(start["alpha"].to(image), start["foreground"].to(image))
        evidence = Sampled(*(x.to(image) for x in start["evidence"]))

    for turn in range(first_round, settings.rounds):
        plan.round = turn
        resumed = start if start is not None and turn == first_round else None
        if resumed is None or estimate is None or evidence is None:
            estimate, evidence = first_estimate(
                image, clean, trimap, sources, encoding, settings, generator, through
            )
            yield replace(plan.at(Stage.INITIALISE, 1, 1), layers=estimate.layers)
        else:
            generator.set_state(resumed["generator"])  # the same weights' and inputs' noise again
        problem = _at_working_size(image, clean, trimap, estimate, encoding, settings)
        kept = {
            "round": turn,
            "generator": generator.get_state(),
            "trimap": trimap,
            "sources": sources,
            "alpha": estimate.alpha,
            "foreground": estimate.foreground,
            "evidence": (evidence.alpha, evidence.confidence),
        }
        trainer = Trainer(problem, settings, generator)
        yield from _learn(trainer, plan, kept, resumed)  # lines 2-4
        alpha, foreground = _lifted(trainer, image, estimate, encoding)
        yield plan.at(Stage.REFINE, 0, 1)
        unfinished, decided = Estimate(alpha, foreground), trimap
        held = trimap if settings.hold > 0 else constraint
        alpha, foreground = finished(image, clean, alpha, foreground, held, settings, bounds)
        estimate = Estimate(alpha, foreground)
        sources = torch.where((trimap == 0.5) & (alpha > NEARLY_CORE), 1.0, trimap)
        if settings.hold == 0:  # line 6: eq. 19; a held trimap stays
            trimap = updated_alpha(trimap, alpha, settings.alpha_update)

    assert estimate is not None and evidence is not None  # settings have a round at least
    yield plan.at(Stage.UPSAMPLE, 0, 1)
    confidence = confidence_of(estimate.alpha, decided, evidence)
    if size is None:
        foreground = estimate.foreground
        alpha = with_solid_core(estimate.alpha, held, settings)
        foreground = exact_foreground(image, clean, alpha, foreground, settings)
        return Solution(alpha, foreground, trimap, confidence)
    small = Solution(unfinished.alpha, unfinished.foreground, decided, confidence)
    return (yield from upsample(full_image, full_clean, small, full_constraint, settings))


class _Plan:
    """Where we are, as a share of all learning steps."""

    def __init__(self, settings: Settings) -> None:
        self.settings, self.round = settings, 0
        self.counts = {
            Stage.FIT: 0 if settings.correction else settings.fit_steps,
            Stage.JOINT: settings.joint_steps,
            Stage.PROJECT: settings.projection_steps if settings.projection else 0,
        }

    def at(self, stage: Stage, step: int, steps: int) -> Step:
        """The Step at ``step`` of ``stage`` in the current round."""
        order = list(Stage)
        total = max(1, sum(self.counts.values()))
        done = sum(n for s, n in self.counts.items() if order.index(s) < order.index(stage))
        done += step if stage in self.counts else 0
        rounds = (self.round + done / total) / self.settings.rounds
        if stage is Stage.UPSAMPLE:
            rounds = 1.0
        return Step(stage, step, steps, min(1.0, rounds))


def grain_of(
    image: Tensor,
    clean: Tensor,
    encoding: Encoding,
    clean_plate_error: CleanPlateError | None = None,
) -> Tensor:
    """The noise of a pair and its ``leftover`` in the space that layers add up in, (1, 3, H, W)."""
    noise = Noise.of_pair(encoding.encode(image), encoding.encode(clean))
    left = None if clean_plate_error is None else clean_plate_error.sigma
    return noise.and_also(left).where_mixed(clean, encoding)


def drawn(what: str, make: Callable[[], Tensor], generator: torch.Generator, memo: Memo) -> Tensor:
    """What ``make`` draws with the generator, which is afterwards where that leaves it."""
    value, state = memo(what, lambda: (make(), generator.get_state()))
    generator.set_state(state.cpu())
    return value


def first_trimap(I_enc: Tensor, B_enc: Tensor, settings: Settings) -> Tensor:
    """alpha^[0] of eq. 8; or 0.5."""
    if settings.alpha_init == "simple":
        return torch.full_like(I_enc[:, :1], 0.5)
    background = background_mask(I_enc, B_enc, settings.background_tolerance)
    similarity = patch_similarity(I_enc, B_enc, settings.patch_size)
    alpha = initial_alpha(background, similarity, settings.similarity)
    margin = settings.core_margin * max(I_enc.shape[-2:]) / REFERENCE_SIDE
    if margin > 0:
        known = erode(alpha == 1, margin)
        alpha = torch.where((alpha == 1) & ~known, 0.5, alpha)
    return alpha


def first_estimate(
    image: Tensor,
    clean: Tensor,
    trimap: Tensor,
    sources: Tensor,
    encoding: Encoding,
    settings: Settings,
    generator: torch.Generator,
    through: SeenThrough,
) -> tuple[Estimate, Sampled]:
    """What eq. 9 and 11 fit, and the evidence about alpha at the undecided pixels.

    Without corrections alpha^[0] and I; for corrections the evidence solved.
    """
    unknown = trimap == 0.5
    query = unknown & (sources == 0.5)
    if not settings.correction:  # for its confidence only: the networks' noise stays theirs
        generator = torch.Generator().manual_seed(settings.seed)
    sampled = _sampled(image, clean, query, sources == 1, encoding, generator)
    sampled = with_texture(sampled, through, query)
    if not settings.correction or not unknown.any():
        return Estimate(trimap, image), sampled
    laplacian = MattingLaplacian(image, unknown)
    weight = SAMPLES_FIRST * sampled.confidence + OPAQUE_FIRST
    pull = SAMPLES_FIRST * sampled.confidence * sampled.alpha + OPAQUE_FIRST
    alpha = laplacian.solve(trimap, weight, pull / weight)
    foreground = smooth_foreground(image, clean, alpha)

    difference = foreground - clean
    power = (encoding.encode(foreground) - encoding.encode(clean)).square().sum(1, keepdim=True)
    along = (difference * (image - clean)).sum(1, keepdim=True)
    by_colour = (along / difference.square().sum(1, keepdim=True).clamp_min(1e-6)).clamp(0, 1)
    colour_weight = COLOUR * power
    weight = colour_weight + SAMPLES * sampled.confidence + OPAQUE
    pull = colour_weight * by_colour + SAMPLES * sampled.confidence * sampled.alpha + OPAQUE
    alpha = laplacian.solve(alpha, weight, pull / weight)
    return Estimate(alpha, smooth_foreground(image, clean, alpha)), sampled


def _sampled(
    image: Tensor,
    clean: Tensor,
    query: Tensor,
    sources: Tensor,
    encoding: Encoding,
    generator: torch.Generator,
) -> Sampled:
    """``sample_alpha`` of each frame of a window; there is one, but in the paper's video mode."""
    frames = zip(*(torch.split(x, 1) for x in (image, clean, query, sources)), strict=True)
    found = [sample_alpha(i, b, a, s, encoding, generator) for i, b, a, s in frames]
    alphas, confidences = [s.alpha for s in found], [s.confidence for s in found]
    return Sampled(torch.cat(alphas), torch.cat(confidences))


def _at_working_size(
    image: Tensor,
    clean: Tensor,
    trimap: Tensor,
    estimate: Estimate,
    encoding: Encoding,
    settings: Settings,
) -> Problem:
    height, width = image.shape[-2:]
    longest = max(height, width)
    if 0 < settings.working_size < longest:
        scale = settings.working_size / longest
        size = (max(1, round(height * scale)), max(1, round(width * scale)))

        def shrink(x: Tensor) -> Tensor:
            return functional.interpolate(x, size, mode="area")

        small = shrink(trimap)
        small = torch.where((small > 0) & (small < 1), 0.5, small)
        image, clean, trimap = shrink(image), shrink(clean), small
        estimate = Estimate(shrink(estimate.alpha), shrink(estimate.foreground))
    return Problem(
        image, clean, trimap, estimate.alpha, encoding.encode(estimate.foreground), encoding
    )


def _learn(
    trainer: Trainer, plan: _Plan, kept: dict[str, Any], resumed: dict[str, Any] | None
) -> Generator[Step, None, None]:
    """Lines 2-4 of Algorithm 1 for one round."""
    projected: Tensor | None = None
    stages = [stage for stage, count in plan.counts.items() if count > 0]
    first, done = (stages[0] if stages else None), 0
    # Whoever looks at a loss waits for the GPU, which meanwhile has nothing to do.
    glance = GLANCE if trainer.repeat.steady else 1
    if resumed is not None:
        trainer.restore(resumed["learner"])
        first, done = Stage(resumed["stage"]), int(resumed["step"])
        if resumed["projected"] is not None:
            projected = resumed["projected"].to(trainer.I_enc.device)
    for stage in stages[stages.index(first) if first is not None else 0 :]:
        steps = plan.counts[stage]
        if stage is Stage.PROJECT and projected is None:
            with torch.no_grad():
                projected = trainer.predict()[0] > NEARLY_ONE  # eq. 13, frozen at its start
        for step in range(done, steps):
            if stage is Stage.FIT:
                loss = trainer.fit_step()
            else:
                loss = trainer.joint_step(step, steps, projected)

            if (step + 1) % glance and step + 1 < steps:
                continue

            def state(
                stage: Stage = stage, step: int = step, projected: Tensor | None = projected
            ) -> dict[str, Any]:
                return {
                    **kept,
                    "stage": stage.value,
                    "step": step + 1,
                    "projected": projected,
                    "learner": trainer.state(),
                }

            yield replace(
                plan.at(stage, step + 1, steps),
                loss=float(loss),
                layers=trainer.layers,
                state=state,
            )
        done = 0


@torch.no_grad()
def _lifted(
    trainer: Trainer, image: Tensor, estimate: Estimate, encoding: Encoding
) -> tuple[Tensor, Tensor]:
    """The networks' alpha and F at the plate's own size.

    Corrections are smooth, so they are scaled up and applied to the estimate
    at full size, which keeps every pixel's own detail; generated layers are
    scaled up as they are.
    """
    size = image.shape[-2:]
    if not trainer.settings.correction:
        alpha, foreground = trainer.predict()
        alpha, foreground = (_enlarged(x, size) for x in (alpha, foreground))
        return alpha, encoding.decode(foreground)
    alpha_by, foreground_by = (_enlarged(x, size) for x in trainer.corrections())
    alpha, foreground = start_logits(estimate.alpha, encoding.encode(estimate.foreground), encoding)
    foreground = encoding.from_network(torch.sigmoid(foreground + foreground_by))
    return torch.sigmoid(alpha + alpha_by), encoding.decode(foreground)


def _enlarged(x: Tensor, size: torch.Size) -> Tensor:
    if x.shape[-2:] == size:
        return x
    return functional.interpolate(x, size, mode="bilinear", align_corners=False)
