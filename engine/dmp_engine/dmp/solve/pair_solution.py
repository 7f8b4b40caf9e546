"""A plate and its clean plate in, alpha and foreground out: the model, top to bottom.

    1.  a working size of about 960 px: the posterior of alpha does not need more pixels
    2.  the posterior of alpha there                            alpha_posterior.py
    3.  its masses and moments at the plate's own size
    4.  foreground and alpha together, at the plate's own size  joint_layers.py
    5.  with recompositions: 1 to 4 for each of them; a network that is fitted to what the model
        gets wrong there corrects alpha; then F given alpha     recompositions/
    6.  opaque regions that let B's texture through             evidence/transmission.py
    7.  the artist's constraints, exactly; confidence from the posterior's own spread

Tensors in, tensors out. Deterministic for a seed and a device. Closing the generator ends the
work at once.
"""

from __future__ import annotations

from collections.abc import Callable, Generator
from dataclasses import dataclass, replace
from functools import partial

import torch
from torch import Tensor
from torch.nn import functional

from dmp_matting.generators import mapped
from dmp_matting.job import Stage

from ..evidence.known_background import nothing_in_common
from ..evidence.transmission import transmission
from ..model.box_filter import mean_around
from ..model.clean_plate_error import CleanPlateError
from ..model.constraints import EMPTY, OPAQUE, UNKNOWN, Constraints, apply_constraint
from ..model.encoding import Encoding
from ..model.noise import Noise
from ..model.noise_curve import ROUNDED
from ..model.pair import Pair
from ..model.parameters import PARAMETERS, Parameters
from ..model.white_noise import WhiteNoise
from ..recompositions.correction import Lesson, corrected, learn
from ..recompositions.features import Estimate
from ..recompositions.recompose import other_backgrounds, recomposed
from ..steps import Memo, Solution, Step, no_cache
from .alpha_posterior import PASSES, QUICK_PASSES, AlphaPosterior, alpha_posterior, steps_of
from .joint_layers import ROUNDS, JointLayers, joint_layers

UPSAMPLING_VARIANCE = 1e-3  # of alpha between, added by interpolation
LEAST_VARIANCE = 1e-4  # of a pixel that is undecided
NINE_OF_TEN = 1.645  # standard deviations; confidence is 1 - 2 h, nine of ten errors are below h
WINDOW, ENOUGH = 5, 1 << 18  # pixels: side of a window; how many are looked at
CALMEST, LEAST_SHARE = 0.02, 0.5  # share of windows; their variance over the noise's, at least
JOINT_SHARE = 0.3  # of a solve's time, for the progress
# The plates as the posterior sees them end here, in units of white: the fourth powers of brighter
# pixels exceed single precision (measured: one pixel of 256 can make alpha NaN). F and the
# premultiplied layer keep the plate's own values.
BRIGHTEST = 64.0
REGIONS_SIDE = (
    960  # pixels of the long side at most, at which regions are asked what they let through
)
LIKELY = 0.1  # probability that B is seen through, from which alpha follows it
QUICK_SHARE, CORRECTION_SHARE = 0.35, 0.4  # times of a recomposition and of the network, likewise


def solve_pair(
    image: Tensor,
    clean: Tensor,
    *,
    linear: bool = False,
    constraint: Tensor | None = None,
    clean_plate_error: CleanPlateError | None = None,
    seed: int = 0,
    working_side: int = 0,
    recompositions: int = 0,
    memo: Memo = no_cache,
    parameters: Parameters = PARAMETERS,
) -> Generator[Step, None, Solution]:
    """Solve ``image`` and ``clean`` (1, 3, H, W), scene-linear (``linear``) or as stored.

    ``constraint`` (1, 1, H, W) as in model/constraints.py. ``clean_plate_error`` is what the
    fit of the clean plate leaves. ``working_side`` is the long side in pixels at which the
    posterior of alpha is solved, 0 for the plate's own. ``recompositions`` is how many other
    backgrounds the correcting network learns from, 0 for no network. ``memo`` keeps what does
    not depend on the constraint. Yields Step, returns Solution.
    """
    size = working_size(image.shape[-2], image.shape[-1], working_side)
    full_image, full_clean = image, clean
    image, clean = image.clamp_max(BRIGHTEST), clean.clamp_max(BRIGHTEST)
    encoding = Encoding.of_pair(image, clean, linear)
    model = _Model(encoding, size, constraint, clean_plate_error, parameters)
    if memo("nothing in common", lambda: _strangers(model.pair(image, clean, size, memo))):
        # Another take, or the target background: what looks alike is chance.
        free = torch.full_like(image[:, :1], UNKNOWN) if constraint is None else constraint
        model = replace(model, constraint=torch.where(free == UNKNOWN, OPAQUE, free))
    share = 1 / (1 + recompositions * QUICK_SHARE + (CORRECTION_SHARE if recompositions else 0))
    layers = yield from _within(model.solve(image, clean, seed, PASSES, memo), 0.0, share)
    if recompositions:
        correcting = _correct(model, layers, seed, recompositions)
        layers = yield from _within(correcting, share, 1.0)

    joint, sheer = model.seen_through(layers, image, clean, memo)
    undecided = layers.posterior.undecided | sheer
    alpha = apply_constraint(joint.alpha[None, None], model.constraint)
    # In the core F is the plate, however bright.
    foreground = torch.where(joint.alpha >= 1, full_image, joint.foreground[None])
    # P = I - (1 - alpha) B holds grain and detail that F leaves out: a F + a (P - a F).
    P = full_image - (1 - alpha) * full_clean
    return Solution(
        alpha,
        foreground,
        torch.where(undecided[None, None], 0.5, (alpha > 0.5).to(alpha)),
        confidence_of(joint.variance + joint.mixed * parameters.model_error**2)[None, None],
        alpha * (foreground + P - alpha * foreground),
        joint.variance[None, None],
    )


@dataclass(frozen=True)
class _Layers:
    """A pair at its own size, and what the model makes of it."""

    pair: Pair
    posterior: AlphaPosterior
    joint: JointLayers

    def estimate(self) -> Estimate:
        """The same as the correcting network takes it."""
        pair, posterior = self.pair, self.posterior
        return Estimate(
            image=pair.image,
            clean=pair.clean,
            foreground=self.joint.foreground,
            unit=pair.unit,
            alpha=self.joint.alpha,
            first_alpha=posterior.alpha,
            variance=posterior.variance,
            zero=posterior.zero,
            one=posterior.one,
            mean=posterior.mean,
            between=posterior.between,
            undecided=posterior.undecided,
        )

    def shown(self) -> tuple[Tensor, Tensor]:
        """To be looked at."""
        return self.joint.alpha[None, None], self.joint.foreground[None]


@dataclass(frozen=True)
class _Model:
    """What a pair and its recompositions are solved with."""

    encoding: Encoding
    size: tuple[int, int] | None  # at which the posterior of alpha is solved
    constraint: Tensor | None
    clean_plate_error: CleanPlateError | None
    parameters: Parameters

    def pair(self, image: Tensor, clean: Tensor, size: tuple[int, int] | None, memo: Memo) -> Pair:
        """``image`` and ``clean`` at ``size``, None for their own."""
        error = self.clean_plate_error
        if size is not None:
            image, clean = (functional.interpolate(x, size, mode="area") for x in (image, clean))
            error = None if error is None else error.shrunk(size)
        I_enc, B_enc = self.encoding.encode(image), self.encoding.encode(clean)
        measured = memo(f"noise at {size}", partial(_noise, I_enc, B_enc))
        noise = Noise((measured.sigma.square() - ROUNDED).clamp_min(0).sqrt())
        if error is None:
            return Pair.of(image, clean, self.encoding, self.parameters, noise.sigma)
        sigmas = [noise.and_also(x).sigma for x in (error.sigma, error.sigma_tests)]
        return Pair.of(image, clean, self.encoding, self.parameters, *sigmas)

    def solve(
        self,
        image: Tensor,
        clean: Tensor,
        seed: int,
        passes: tuple[int, ...],
        memo: Memo,
        before: Tensor | None = None,
    ) -> Generator[Step, None, _Layers]:
        """Steps 1 to 4 of the module's docstring, from a rough alpha ``before`` (H, W) or none."""
        pair, steps = self.pair(image, clean, self.size, memo), steps_of(passes)
        constraints = Constraints.of_mattes(self.constraint, pair.size, image)
        noise = WhiteNoise(seed)
        if before is not None and self.size is not None:
            before = functional.interpolate(before[None, None], self.size, mode="area")[0, 0]
        posterior: AlphaPosterior | None = None
        yield Step(Stage.INITIALISE, 0, steps, 0.0)
        for done, posterior in enumerate(
            alpha_posterior(pair, constraints, self.parameters, noise, passes, before), start=1
        ):
            layers = partial(_first_layers, posterior.alpha, pair.image)
            fraction = (1 - JOINT_SHARE) * done / steps
            yield Step(Stage.JOINT, done, steps, fraction, layers=layers)
        assert posterior is not None  # there is a pass at least
        if self.size is not None:
            full = (image.shape[-2], image.shape[-1])
            posterior = enlarged(posterior, full)
            pair = self.pair(image, clean, None, memo)
        posterior = _constrained(posterior, self.constraint)
        joining = joint_layers(pair, posterior, self.parameters)
        joint = yield from _joined(joining, 1 - JOINT_SHARE)
        return _Layers(pair, posterior, joint)

    def seen_through(
        self, layers: _Layers, image: Tensor, clean: Tensor, memo: Memo
    ) -> tuple[JointLayers, Tensor]:
        """The joint layers, with alpha below 1 where the opaque region lets B's texture through.

        And the mask (H, W) of these pixels. The posterior's mean, so that a region has no border
        where it becomes likelier; where it is less than likely the core stays as it is.
        """
        joint = layers.joint
        opaque = joint.alpha >= 1
        weight = opaque.to(joint.alpha)
        pair = layers.pair
        size = self.size or working_size(*pair.size, REGIONS_SIDE)
        if size is not None:
            pair = self.pair(image, clean, size, memo)
            weight = functional.interpolate(weight[None, None], size, mode="area")[0, 0]
        found = transmission(pair, weight, self.parameters).resized(layers.pair.size)
        sheer = opaque & (found.probability > LIKELY)
        if self.constraint is not None:
            sheer &= self.constraint[0, 0] != OPAQUE
        alpha = torch.where(sheer, 1 - found.probability * found.share, joint.alpha)
        pair = layers.pair
        foreground = pair.clean + (pair.image - pair.clean) / alpha.clamp_min(0.5)
        low, high = pair.bounds
        foreground = torch.maximum(torch.minimum(foreground, high), low)
        changed = JointLayers(
            torch.where(sheer, foreground, joint.foreground),
            alpha,
            torch.where(sheer, found.variance, joint.variance),
            torch.where(sheer, found.probability, joint.mixed),
        )
        return changed, sheer


def _joined(
    joining: Generator[int, None, JointLayers], start: float
) -> Generator[Step, None, JointLayers]:
    """The steps of ``joint_layers``, from the fraction ``start`` to the end."""

    def step(done: int) -> Step:
        return Step(Stage.REFINE, done, ROUNDS, start + (1 - start) * done / (ROUNDS + 1))

    layers = yield from mapped(joining, step)
    yield Step(Stage.REFINE, ROUNDS, ROUNDS, 1.0)
    return layers


def _correct(
    model: _Model, layers: _Layers, seed: int, count: int
) -> Generator[Step, None, _Layers]:
    """Alpha corrected by a network that is fitted to ``count`` recompositions, and F given it."""
    image, clean = layers.pair.image[None], layers.pair.clean[None]
    truth = layers.joint.alpha
    generator = torch.Generator().manual_seed(seed)
    lessons: list[Lesson] = []
    backgrounds = other_backgrounds(clean, count)
    share = QUICK_SHARE / (count * QUICK_SHARE + CORRECTION_SHARE)
    for turn, background in enumerate(backgrounds):
        again = recomposed(image, clean, truth[None, None], background, model.encoding)
        solving = model.solve(again, background, seed + 1 + turn, QUICK_PASSES, no_cache, truth)
        part = (turn * share, (turn + 1) * share)
        solved = yield from _within(solving, *part, stage=Stage.FIT, layers=layers.shown)
        lessons.append(Lesson.of(solved.estimate(), truth, generator))

    p, start, steps = model.parameters, count * share, model.parameters.correction_steps

    def step(learned: tuple[int, float]) -> Step:
        done, loss = learned
        fraction = start + (1 - start) / 2 * done / steps
        return Step(Stage.JOINT, done, steps, fraction, loss, layers.shown)

    network = yield from mapped(learn(lessons, generator, p), step)
    if network is None:
        return layers
    alpha, variance = corrected(layers.estimate(), network, p), layers.joint.variance
    known = replace(layers.posterior, alpha=alpha, variance=variance)
    joining = joint_layers(layers.pair, known, p, keep_alpha=True)
    joint = yield from _joined(joining, (1 + start) / 2)
    return replace(layers, joint=replace(joint, mixed=layers.joint.mixed))


def _within(
    solving: Generator[Step, None, _Layers],
    start: float,
    stop: float,
    stage: Stage | None = None,
    layers: Callable[[], tuple[Tensor, Tensor]] | None = None,
) -> Generator[Step, None, _Layers]:
    """The steps of a part of the work, as the fractions from ``start`` to ``stop`` of all of it.

    ``stage`` and ``layers`` replace the part's own.
    """

    def part(step: Step) -> Step:
        step = replace(step, fraction=start + (stop - start) * step.fraction)
        if layers is not None:
            step = replace(step, layers=layers)
        return step if stage is None else replace(step, stage=stage)

    return (yield from mapped(solving, part))


def confidence_of(variance: Tensor) -> Tensor:
    """1 where alpha is certain; nine of ten errors of alpha are below half of what is left to 1."""
    return (1 - 2 * NINE_OF_TEN * variance.sqrt()).clamp(0, 1)


def _noise(I_enc: Tensor, B_enc: Tensor) -> Noise:
    """The noise of encoded I and B, bounded by the calmest windows where no level shows it.

    Where the subject fills the frame hardly a window is background; the measure then is one number
    that the subject's texture raises. Grain leaves no window with less than half its variance.
    """
    measured = Noise.of_pair(I_enc, B_enc)
    apart = mean_around((I_enc - B_enc).square().mean(1, keepdim=True), WINDOW).flatten()
    apart = apart[:: max(1, len(apart) // ENOUGH)]
    calm = apart.kthvalue(max(1, round(CALMEST * len(apart)))).values / LEAST_SHARE
    one_number = measured.sigma.amax() == measured.sigma.amin()
    bound = calm.clamp_min(ROUNDED).sqrt()
    return Noise(torch.where(one_number, measured.sigma.minimum(bound), measured.sigma))


def _strangers(pair: Pair) -> bool:
    """Whether the plates show nothing in common."""
    encode = pair.encoding.encode
    I_enc, B_enc = (encode(x)[None] for x in (pair.image, pair.clean))
    return nothing_in_common(I_enc, B_enc)


def _first_layers(alpha: Tensor, image: Tensor) -> tuple[Tensor, Tensor]:
    """To be looked at: alpha (1, 1, h, w) and, before there is a foreground, the plate."""
    return alpha[None, None], image[None]


def working_size(height: int, width: int, side: int) -> tuple[int, int] | None:
    """Height and width of the working size; None where that is the plate's own."""
    longest = max(height, width)
    if not 0 < side < longest:
        return None
    return max(1, round(height * side / longest)), max(1, round(width * side / longest))


def enlarged(posterior: AlphaPosterior, size: tuple[int, int]) -> AlphaPosterior:
    """The posterior at a larger ``size``, less certain by what interpolation adds."""
    maps = torch.stack(
        [
            posterior.alpha,
            posterior.mean,
            posterior.variance,
            posterior.zero,
            posterior.one,
            posterior.between,
            posterior.undecided.float(),
        ]
    )
    maps = functional.interpolate(maps[None], size, mode="bilinear", align_corners=False)[0]
    alpha, mean, variance, zero, one, between, share = maps
    open_ = share > 0
    mass = (1 - zero - one).clamp_min(0)
    variance = variance + mass * UPSAMPLING_VARIANCE
    variance = torch.where(open_, variance.clamp_min(LEAST_VARIANCE), 0.0)
    return AlphaPosterior(alpha, mean, variance, zero, one, between, open_)


def _constrained(posterior: AlphaPosterior, constraint: Tensor | None) -> AlphaPosterior:
    """The posterior with the constrained pixels decided."""
    if constraint is None:
        return posterior
    empty, opaque = constraint[0, 0] == EMPTY, constraint[0, 0] == OPAQUE

    def decided(x: Tensor, at_empty: float, at_opaque: float) -> Tensor:
        return torch.where(empty, at_empty, torch.where(opaque, at_opaque, x))

    return AlphaPosterior(
        decided(posterior.alpha, 0, 1),
        decided(posterior.mean, 0, 1),
        decided(posterior.variance, 0, 0),
        decided(posterior.zero, 1, 0),
        decided(posterior.one, 0, 1),
        decided(posterior.between, 0, 1),
        posterior.undecided & ~(empty | opaque),
    )
