"""A plate and its clean plate in, alpha and foreground out: the model, top to bottom.

    1.  a working size of about 960 px: the posterior of alpha does not need more pixels
    2.  the posterior of alpha there                            alpha_posterior.py
    3.  its masses and moments at the plate's own size
    4.  foreground and alpha together, at the plate's own size  joint_layers.py
    5.  the artist's constraints, exactly; confidence from the posterior's own spread

Tensors in, tensors out. Deterministic for a seed and a device. Closing the generator ends the
work at once.
"""

from __future__ import annotations

from collections.abc import Generator
from functools import partial

import torch
from torch import Tensor
from torch.nn import functional

from dmp_matting.job import Stage

from ..evidence.constraints import EMPTY, OPAQUE, UNKNOWN, Constraints, apply_constraint
from ..evidence.trimap import nothing_in_common
from ..model.box_filter import mean_around
from ..model.clean_plate_error import CleanPlateError
from ..model.encoding import Encoding
from ..model.noise import ROUNDED, Noise
from ..model.pair import Pair
from ..model.parameters import PARAMETERS, Parameters
from ..steps import Memo, Solution, Step, no_cache
from .alpha_posterior import STEPS, AlphaPosterior, alpha_posterior
from .joint_layers import ROUNDS, joint_layers

UPSAMPLING_VARIANCE = 1e-3  # of alpha between, added by interpolation
LEAST_VARIANCE = 1e-4  # of a pixel that is undecided
NO_TRUST = 0.25  # standard deviation of alpha at which confidence is 0
WINDOW, ENOUGH = 5, 1 << 18  # pixels: side of a window; how many are looked at
CALMEST, LEAST_SHARE = 0.02, 0.5  # share of windows; their variance over the noise's, at least
JOINT_SHARE = 0.3  # of the time, for the progress


def solve_pair(
    image: Tensor,
    clean: Tensor,
    *,
    linear: bool = False,
    constraint: Tensor | None = None,
    clean_plate_error: CleanPlateError | None = None,
    seed: int = 0,
    working_side: int = 0,
    memo: Memo = no_cache,
    parameters: Parameters = PARAMETERS,
) -> Generator[Step, None, Solution]:
    """Solve ``image`` and ``clean`` (1, 3, H, W), scene-linear (``linear``) or as stored.

    ``constraint`` (1, 1, H, W) as in evidence/constraints.py. ``clean_plate_error`` is what the
    fit of the clean plate leaves. ``working_side`` is the long side in pixels at which the
    posterior of alpha is solved, 0 for the plate's own. ``memo`` keeps what does not depend on
    the constraint. Yields Step, returns Solution.
    """
    full = (image.shape[-2], image.shape[-1])
    size = working_size(*full, working_side)
    encoding = Encoding.of_pair(image, clean, linear)

    def pair_at(size: tuple[int, int] | None) -> Pair:
        small, behind, error = image, clean, clean_plate_error
        if size is not None:
            small, behind = (functional.interpolate(x, size, mode="area") for x in (image, clean))
            error = None if error is None else error.shrunk(size)
        seen, hidden = encoding.encode(small), encoding.encode(behind)
        measured = memo(f"noise at {size}", partial(_noise, seen, hidden))
        noise = Noise((measured.sigma.square() - ROUNDED).clamp_min(0).sqrt())
        if error is None:
            return Pair.of(small, behind, encoding, parameters, noise.sigma)
        sigmas = [noise.and_also(x).sigma for x in (error.sigma, error.tested)]
        return Pair.of(small, behind, encoding, parameters, *sigmas)

    pair = pair_at(size)
    if memo("nothing in common", partial(_strangers, pair)):
        # Another take, or the target background: what looks alike is chance.
        free = torch.full_like(image[:, :1], UNKNOWN) if constraint is None else constraint
        constraint = torch.where(free == UNKNOWN, OPAQUE, free)
    constraints = Constraints.of_mattes(constraint, pair.size, image)
    generator = torch.Generator(image.device).manual_seed(seed)
    posterior: AlphaPosterior | None = None
    yield Step(Stage.INITIALISE, 0, STEPS, 0.0)
    for done, posterior in enumerate(
        alpha_posterior(pair, constraints, parameters, generator), start=1
    ):
        layers = partial(_layers, posterior.alpha, pair.image)
        fraction = (1 - JOINT_SHARE) * done / STEPS
        yield Step(Stage.INITIALISE, done, STEPS, fraction, layers=layers)
    assert posterior is not None  # there is a pass at least
    if size is not None:
        posterior, pair = enlarged(posterior, full), pair_at(None)
    posterior = _constrained(posterior, constraint)

    joining = joint_layers(pair, posterior, parameters)
    while True:
        try:
            done = next(joining)
        except StopIteration as stop:
            joint = stop.value
            break
        yield Step(Stage.REFINE, done, ROUNDS, 1 - JOINT_SHARE * (1 - done / (ROUNDS + 1)))
    yield Step(Stage.REFINE, ROUNDS, ROUNDS, 1.0)

    alpha, foreground = joint.alpha[None, None], joint.foreground[None]
    alpha = apply_constraint(alpha, constraint)
    # P = I - (1 - alpha) B holds grain and detail that F leaves out: a F + a (P - a F).
    seen = image - (1 - alpha) * clean
    return Solution(
        alpha,
        foreground,
        torch.where(posterior.undecided[None, None], 0.5, (alpha > 0.5).to(alpha)),
        (1 - joint.variance.sqrt() / NO_TRUST).clamp(0, 1)[None, None],
        alpha * (foreground + seen - alpha * foreground),
    )


def _noise(seen: Tensor, hidden: Tensor) -> Noise:
    """The noise of encoded I and B, bounded by the calmest windows where no level shows it.

    Where the subject fills the frame hardly a window is background; the measure then is one number
    that the subject's texture raises. Grain leaves no window with less than half its variance.
    """
    measured = Noise.of_pair(seen, hidden)
    apart = mean_around((seen - hidden).square().mean(1, keepdim=True), WINDOW).flatten()
    apart = apart[:: max(1, len(apart) // ENOUGH)]
    calm = apart.kthvalue(max(1, round(CALMEST * len(apart)))).values / LEAST_SHARE
    one_number = measured.sigma.amax() == measured.sigma.amin()
    bound = calm.clamp_min(ROUNDED).sqrt()
    return Noise(torch.where(one_number, measured.sigma.minimum(bound), measured.sigma))


def _strangers(pair: Pair) -> bool:
    """Whether the plates show nothing in common."""
    encode = pair.encoding.encode
    seen, behind = (encode(x)[None] for x in (pair.image, pair.clean))
    return nothing_in_common(seen, behind)


def _layers(alpha: Tensor, image: Tensor) -> tuple[Tensor, Tensor]:
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
