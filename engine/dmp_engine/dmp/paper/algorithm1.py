"""Algorithm 1 of the paper, line by line: a plate and its clean plate in, foreground and alpha out.

    Input: an image pair (I, B). Output: foreground F, alpha matte alpha.
    1. Initialise alpha^[0] via (8).
    2. Initialise theta, omega via (11) and (9) respectively.
    3. [Stage 1a] Jointly update theta, omega via (12).
    4. [Stage 1b] Jointly update theta, omega via (12) and (13).
    5. [Stage 2] Calculate F_N, alpha_N via (18).
    6. Update alpha^[0] via (19), repeat 2 to 5 one more time.
    7. Return F := F_N, alpha := alpha_N.

The networks are in networks.py, what is minimised in losses.py, lines 2 to 4 step by step in
training.py, the two closed forms in initial_alpha.py and refine.py.
"""

from __future__ import annotations

from collections.abc import Generator
from dataclasses import dataclass, replace
from functools import partial
from typing import Any

import torch
from torch import Tensor

from dmp_matting.job import Stage
from dmp_matting.settings import Settings

from ..model.constraints import apply_constraint
from ..model.encoding import Encoding
from ..steps import Step
from .initial_alpha import first_alpha, updated_alpha
from .losses import Problem
from .refine import Variances, colour_bounds, refine
from .training import Plan, Training


@dataclass(frozen=True)
class Result:
    """What Algorithm 1 returns, and what its last round came from. Images (T, 3, H, W)."""

    alpha: Tensor  # alpha_N, (T, 1, H, W), [0, 1]
    foreground: Tensor  # F_N
    generated_alpha: Tensor  # A_omega(eps0): alpha before stage 2
    generated_foreground: Tensor  # F_theta(z0), likewise
    initial_alpha: Tensor  # alpha^[0] of the last round: 0, 0.5 or 1


def algorithm_1(
    image: Tensor,
    clean: Tensor,
    settings: Settings,
    *,
    linear: bool = False,
    constraint: Tensor | None = None,
    start: dict[str, Any] | None = None,
) -> Generator[Step, None, Result]:
    """Solve ``image`` and ``clean`` (1, 3, H, W), scene-linear (``linear``) or as stored.

    T frames in place of the 1 are the paper's video mode (Sec. IV-F): one network each, with T
    and 3T output channels. ``constraint`` (T, 1, H, W) is 0 or 1 where the artist decides alpha
    and 0.5 elsewhere; the paper has none. ``start`` is the ``Step.state()`` of an interrupted run
    of the same call. Yields Step, returns Result. Deterministic for a seed and a device.
    """
    encoding = Encoding.of_pair(image, clean, linear)
    variances = Variances(
        settings.variance_alpha, settings.variance_foreground, settings.variance_image
    )
    bounds, passes = colour_bounds(image, clean), settings.refine_passes
    generator = torch.Generator().manual_seed(settings.seed)
    plan = Plan(settings)
    yield plan.at(Stage.INITIALISE, 0, 1)

    # 1. alpha^[0], eq. 8
    alpha_0 = first_alpha(encoding.encode(image), encoding.encode(clean), settings)
    yield replace(plan.at(Stage.INITIALISE, 1, 1), layers=partial(_both, alpha_0, image))
    alpha_0 = apply_constraint(alpha_0, constraint)
    if start is not None:
        plan.round, alpha_0 = int(start["round"]), start["alpha_0"].to(image)

    while True:
        problem = Problem(image, clean, alpha_0, encoding)
        training = Training(problem, settings, generator, plan, start)
        yield from training.fit()  # 2. theta, omega by eq. 11 and 9
        yield from training.joint()  # 3. stage 1a, eq. 12
        yield from training.project()  # 4. stage 1b, eq. 12 and 13
        alpha, foreground = generated = training.layers()

        yield plan.at(Stage.REFINE, 0, 1)
        if settings.refinement:  # 5. stage 2, eq. 18
            alpha, foreground = refine(image, clean, *generated, passes, variances, bounds)
        alpha = apply_constraint(alpha, constraint)

        if plan.round + 1 == settings.rounds:
            return Result(alpha, foreground, *generated, alpha_0)  # 7.
        alpha_0 = updated_alpha(alpha_0, alpha, settings.alpha_update)  # 6. eq. 19, once more 2-5
        plan.round, start = plan.round + 1, None


def _both(alpha: Tensor, foreground: Tensor) -> tuple[Tensor, Tensor]:
    """To be looked at."""
    return alpha, foreground
