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
from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn import functional

from ..encoding import Encoding
from .alpha_posterior import PASSES, AlphaPosterior, alpha_posterior
from .constraints import Constraints, apply_constraints
from .joint_layers import JointLayers, joint_layers
from .pair import Pair
from .parameters import PARAMETERS, Parameters

WORKING_SIDE = 960  # pixels of the long side
UPSAMPLING_VARIANCE = 1e-3  # of alpha between, added by interpolation
LEAST_VARIANCE = 1e-4  # of a pixel that is undecided
NO_TRUST = 0.25  # standard deviation of alpha at which confidence is 0


@dataclass(frozen=True)
class Progress:
    """``done`` of ``steps``; the layers so far, maybe smaller than the plate."""

    done: int
    steps: int
    alpha: Tensor  # (1, 1, h, w)
    foreground: Tensor  # (1, 3, h, w)


@dataclass(frozen=True)
class PairSolution:
    """Layers of the plate's size."""

    alpha: Tensor  # (1, 1, H, W), [0, 1]
    foreground: Tensor  # (1, 3, H, W), straight, in the space in which layers add up
    premultiplied: Tensor  # (1, 3, H, W)
    undecided: Tensor  # (1, 1, H, W), mask
    confidence: Tensor  # (1, 1, H, W), [0, 1]


def solve_pair(
    image: Tensor,
    clean: Tensor,
    *,
    linear: bool = False,
    sigma: Tensor | None = None,
    hint: Tensor | None = None,
    undecided: Tensor | None = None,
    seed: int = 0,
    working_side: int = WORKING_SIDE,
    parameters: Parameters = PARAMETERS,
) -> Generator[Progress, None, PairSolution]:
    """Solve ``image`` and ``clean`` (1, 3, H, W), scene-linear (``linear``) or as stored.

    ``sigma`` (1, 1, H, W) is the standard deviation of one channel of I - B beyond rounding, in
    encoded units. ``hint`` (1, 1, H, W): alpha is 0 where it is 0, 1 where it is 1, free elsewhere;
    where ``undecided`` (same shape) is true alpha is solved even where the pair is certain.
    """
    generator = torch.Generator(image.device).manual_seed(seed)
    size = working_size(image.shape[-2], image.shape[-1], working_side)
    small = [_shrunk(x, size) for x in (image, clean)]
    encoding = Encoding.of_pair(image, clean, linear)
    pair = Pair.of(*small, encoding, parameters, None if sigma is None else _shrunk(sigma, size))
    constraints = Constraints.of_mattes(hint, undecided, pair.size, image)
    steps = len(PASSES) + 1
    posterior: AlphaPosterior | None = None
    for done, posterior in enumerate(
        alpha_posterior(pair, constraints, parameters, generator), start=1
    ):
        yield Progress(done, steps, posterior.alpha[None, None], small[0])
    assert posterior is not None
    if size is not None:
        posterior = enlarged(posterior, (image.shape[-2], image.shape[-1]))
        pair = Pair.of(image, clean, encoding, parameters, sigma)
    posterior = _constrained(posterior, hint)
    layers = joint_layers(pair, posterior, parameters)
    return _solution(pair, layers, posterior, hint)


def working_size(height: int, width: int, side: int) -> tuple[int, int] | None:
    """Height and width of the working size; None where that is the plate's own."""
    longest = max(height, width)
    if longest <= side:
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


def _constrained(posterior: AlphaPosterior, hint: Tensor | None) -> AlphaPosterior:
    """The posterior with the constrained pixels decided."""
    if hint is None:
        return posterior
    empty, opaque = hint[0, 0] == 0, hint[0, 0] == 1
    fixed = empty | opaque

    def decided(x: Tensor, at_empty: float, at_opaque: float) -> Tensor:
        return torch.where(empty, at_empty, torch.where(opaque, at_opaque, x))

    return AlphaPosterior(
        decided(posterior.alpha, 0, 1),
        decided(posterior.mean, 0, 1),
        decided(posterior.variance, 0, 0),
        decided(posterior.zero, 1, 0),
        decided(posterior.one, 0, 1),
        decided(posterior.between, 0, 1),
        posterior.undecided & ~fixed,
    )


def _solution(
    pair: Pair, layers: JointLayers, posterior: AlphaPosterior, hint: Tensor | None
) -> PairSolution:
    alpha = apply_constraints(layers.alpha[None, None], hint)
    foreground = layers.foreground[None]
    # P = I - (1 - alpha) B holds grain and detail that F leaves out: a F + a (P - a F).
    seen = pair.image - (1 - alpha) * pair.clean
    premultiplied = alpha * (foreground + seen - alpha * foreground)
    confidence = (1 - layers.variance.sqrt() / NO_TRUST).clamp(0, 1)[None, None]
    undecided = posterior.undecided[None, None]
    return PairSolution(alpha, foreground, premultiplied, undecided, confidence)


def _shrunk(x: Tensor, size: tuple[int, int] | None) -> Tensor:
    return x if size is None else functional.interpolate(x, size, mode="area")
