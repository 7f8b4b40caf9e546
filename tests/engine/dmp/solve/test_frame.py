"""One frame: which method solves it, and what holds for either."""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any

import pytest
import torch

from dmp_engine.dmp.paper.algorithm1 import algorithm_1
from dmp_engine.dmp.paper.initial_alpha import updated_alpha
from dmp_engine.dmp.solve.frame import solve
from dmp_engine.dmp.solve.pair_solution import solve_pair
from dmp_engine.dmp.steps import Solution, Step
from dmp_matting import Settings
from dmp_matting.generators import finish
from dmp_matting.presets import preset

# The paper's algorithm with few and large steps.
PAPER = Settings(
    device="cpu", fit_steps=4, joint_steps=10, projection_steps=5, learning_rate=0.01
)  # fmt: skip
MODEL = preset("final").changed(device="cpu")


def run(truth: Any, settings: Settings, **how: Any) -> tuple[Solution, list[Step]]:
    steps: list[Step] = []
    solving = solve(truth.image, truth.clean, settings, linear=truth.linear, **how)
    return finish(solving, steps.append), steps


def solved(truth: Any, settings: Settings, **how: Any) -> Solution:
    return run(truth, settings, **how)[0]


Known = Callable[[Settings], tuple[Solution, list[Step]]]


@pytest.fixture(scope="module")
def known(tiny: Any) -> Known:
    """What settings make of the tiny pair, solved once for all tests that look at it."""

    @functools.cache
    def once(settings: Settings) -> tuple[Solution, list[Step]]:
        torch.manual_seed(1)  # the world's, see test_the_worlds_random_numbers_do_not_matter
        return run(tiny, settings)

    return once


def same(one: Solution, other: Solution) -> bool:
    names = ("alpha", "foreground", "trimap")
    return all(torch.equal(getattr(one, name), getattr(other, name)) for name in names)


def test_the_model_solves_with_method_model(tiny: Any, known: Known) -> None:
    direct = finish(solve_pair(tiny.image, tiny.clean, recompositions=MODEL.recompositions))
    assert same(known(MODEL)[0], direct)


def test_algorithm_1_solves_with_method_paper_and_f_is_made_exact(tiny: Any, known: Known) -> None:
    direct = finish(algorithm_1(tiny.image, tiny.clean, PAPER))
    found = known(PAPER)[0]
    assert torch.equal(found.alpha, direct.alpha)
    assert torch.equal(
        found.trimap, updated_alpha(direct.initial_alpha, direct.alpha, PAPER.alpha_update)
    )

    def misfit(foreground: torch.Tensor) -> torch.Tensor:
        apart = direct.alpha * foreground + (1 - direct.alpha) * tiny.clean - tiny.image
        return apart.abs().mean(1, keepdim=True)[direct.alpha > 0.3].mean()

    assert misfit(found.foreground) < 0.2 * misfit(direct.foreground)
    plain = PAPER.changed(refinement=False)  # the networks' layers as they are
    direct = finish(algorithm_1(tiny.image, tiny.clean, plain))
    assert torch.equal(solved(tiny, plain).foreground, direct.foreground)


def test_the_settings_of_the_paper_do_not_touch_the_model(tiny: Any, known: Known) -> None:
    others = MODEL.changed(rounds=3, joint_steps=7, alpha_init="simple", variance_alpha=0.1)
    assert same(known(MODEL)[0], solved(tiny, others))


@pytest.mark.parametrize("settings", [PAPER, MODEL], ids=["paper", "model"])
def test_the_fraction_never_falls_and_ends_at_one(known: Known, settings: Settings) -> None:
    _, steps = known(settings)
    fractions = [step.fraction for step in steps]
    assert fractions == sorted(fractions)
    assert fractions[0] == 0 and fractions[-1] == 1
    rises = [b - a for a, b in zip(fractions, fractions[1:], strict=False)]
    assert max(rises) < 0.2  # no long silence


@pytest.mark.parametrize("settings", [PAPER, MODEL], ids=["paper", "model"])
def test_what_comes_out_is_in_range_at_the_plates_size(
    tiny: Any, known: Known, settings: Settings
) -> None:
    solution = known(settings)[0]
    assert solution.alpha.shape == tiny.alpha.shape
    assert solution.foreground.shape == tiny.image.shape
    assert solution.alpha.min() >= 0 and solution.alpha.max() <= 1
    assert torch.isfinite(solution.foreground).all()
    assert set(solution.trimap.unique().tolist()) <= {0.0, 0.5, 1.0}


def test_known_regions_are_held_to_the_bit(known: Known) -> None:
    solution = known(MODEL)[0]
    known = solution.trimap != 0.5
    assert 0.2 < known.float().mean() < 1
    assert torch.equal(solution.alpha[known], solution.trimap[known])


@pytest.mark.parametrize("settings", [PAPER, MODEL], ids=["paper", "model"])
def test_the_artists_mattes_are_kept(tiny: Any, known: Known, settings: Settings) -> None:
    constraint = torch.full_like(tiny.alpha, 0.5)
    constraint[..., 40:, :] = 0
    constraint[..., 20:26, 28:38] = 0  # in the middle of the subject
    constraint[..., :6, :6] = 1  # sky: nothing but the matte shows it
    solution = solved(tiny, settings, constraint=constraint)
    assert (solution.alpha[constraint == 0] == 0).all() and (
        solution.alpha[constraint == 1] == 1
    ).all()
    free = known(settings)[0].alpha
    assert free[..., 20:26, 28:38].min() > 0.5 and free[..., :6, :6].max() < 0.5


@pytest.mark.parametrize("settings", [PAPER, MODEL], ids=["paper", "model"])
def test_a_seed_is_a_matte(tiny: Any, known: Known, settings: Settings) -> None:
    first, again = known(settings)[0], solved(tiny, settings)
    assert same(first, again)
    other = solved(tiny, settings.changed(seed=1))
    assert not torch.equal(first.alpha, other.alpha)


@pytest.mark.parametrize("settings", [PAPER, MODEL], ids=["paper", "model"])
def test_the_worlds_random_numbers_do_not_matter(
    tiny: Any, known: Known, settings: Settings
) -> None:
    first = known(settings)[0]
    torch.manual_seed(2)
    before = torch.random.get_rng_state()
    assert same(first, solved(tiny, settings))
    assert torch.equal(before, torch.random.get_rng_state())  # nor do we touch them


def test_the_model_keeps_no_state(known: Known) -> None:
    """It takes seconds: an interrupted frame is solved anew."""
    _, steps = known(MODEL)
    assert len(steps) > 10 and all(step.state is None for step in steps)


def test_the_papers_confidence_is_low_where_its_layers_miss_the_plate(lemur: Any) -> None:
    """Few steps leave much to explain; where nothing is behind the plate, nothing is known."""
    part = lemur.cut(0, 100, 128, 160)
    found = solved(part, PAPER.changed(joint_steps=60, rounds=1))
    assert found.confidence.shape == found.alpha.shape
    assert found.confidence.min() >= 0 and found.confidence.max() <= 1
    error = (found.alpha - part.alpha).abs()
    sure = found.confidence > 0.5
    assert 0.1 < sure.float().mean() < 0.95
    assert error[sure].mean() < 0.5 * error[~sure].mean()
    constraint = torch.full_like(part.alpha, 0.5)
    constraint[..., :40, :40] = 0
    matted = solved(part, PAPER.changed(rounds=1, joint_steps=2), constraint=constraint)
    assert (matted.confidence[constraint == 0] == 1).all()
