"""Algorithm 1 as a whole: its stages in order, its switches, its sameness, and going on."""

from __future__ import annotations

import io
from collections.abc import Generator, Iterator
from typing import Any

import pytest
import torch

from dmp_engine.dmp.paper import losses
from dmp_engine.dmp.paper.initial_alpha import updated_alpha
from dmp_engine.dmp.solve.single_frame import solve
from dmp_engine.dmp.steps import Solution, Step
from dmp_matting import Settings
from dmp_matting.generators import finish
from dmp_matting.job import Stage
from dmp_matting.presets import preset

# The paper's algorithm with few and large steps.
PAPER = Settings(
    device="cpu", fit_steps=4, joint_steps=10, projection_steps=5, learning_rate=0.01
)  # fmt: skip
HELD = preset("final").changed(device="cpu", joint_steps=6)


def run(truth: Any, settings: Settings, **how: Any) -> tuple[Solution, list[Step]]:
    steps: list[Step] = []
    solving = solve(truth.image, truth.clean, settings, linear=truth.linear, **how)
    return finish(solving, steps.append), steps


def solved(truth: Any, settings: Settings, **how: Any) -> Solution:
    return run(truth, settings, **how)[0]


def same(one: Solution, other: Solution) -> bool:
    names = ("alpha", "foreground", "trimap")
    return all(torch.equal(getattr(one, name), getattr(other, name)) for name in names)


# --- the order of things -----------------------------------------------------------------------


def test_the_stages_come_as_in_algorithm_1(tiny: Any) -> None:
    _, steps = run(tiny, PAPER)
    order = list(dict.fromkeys(step.stage for step in steps))
    assert order == [
        Stage.INITIALISE, Stage.FIT, Stage.JOINT, Stage.PROJECT, Stage.REFINE, Stage.UPSAMPLE,
    ]  # fmt: skip
    for stage, each in ((Stage.FIT, 4), (Stage.JOINT, 10), (Stage.PROJECT, 5)):
        assert [s.step for s in steps if s.stage is stage] == 2 * list(range(1, each + 1))
    assert all(step.loss is not None and step.loss >= 0 for step in steps if step.state)


@pytest.mark.parametrize("settings", [PAPER, HELD, PAPER.changed(rounds=3, fit_steps=0)])
def test_the_fraction_never_falls_and_ends_at_one(tiny: Any, settings: Settings) -> None:
    _, steps = run(tiny, settings)
    fractions = [step.fraction for step in steps]
    assert fractions == sorted(fractions)
    assert fractions[0] == 0 and fractions[-1] == 1
    rises = [b - a for a, b in zip(fractions, fractions[1:], strict=False)]
    assert max(rises) < 0.2  # no long silence


@pytest.mark.parametrize("settings", [PAPER, HELD])
def test_what_comes_out_is_in_range_at_the_plates_size(tiny: Any, settings: Settings) -> None:
    solution = solved(tiny, settings)
    assert solution.alpha.shape == tiny.alpha.shape
    assert solution.foreground.shape == tiny.image.shape
    assert solution.alpha.min() >= 0 and solution.alpha.max() <= 1
    assert torch.isfinite(solution.foreground).all()
    assert set(solution.trimap.unique().tolist()) <= {0.0, 0.5, 1.0}


def test_layers_to_look_at_are_there_after_every_step(tiny: Any) -> None:
    shown = 0
    for step in solve(tiny.image, tiny.clean, PAPER.changed(working_size=40)):
        if step.layers is not None:
            alpha, foreground = step.layers()
            assert alpha.shape[1] == 1 and foreground.shape[1] == 3
            assert alpha.min() >= 0 and alpha.max() <= 1 and torch.isfinite(foreground).all()
            shown += 1
    assert shown >= 2 * 19


# --- the switches of Table III -----------------------------------------------------------------

SWITCHES: dict[str, dict[str, Any]] = {
    "initial alpha: simple": {"alpha_init": "simple"},
    "initial alpha: tested": {"alpha_init": "tested"},
    "no projection": {"projection": False},
    "no refinement": {"refinement": False},
    "one round": {"rounds": 1},
    "three rounds": {"rounds": 3},
    "alpha update: simple": {"alpha_update": "simple"},
}


@pytest.fixture(scope="module")
def whole(tiny: Any) -> Solution:
    return solved(tiny, PAPER)


@pytest.mark.parametrize("change", SWITCHES.values(), ids=SWITCHES)
def test_a_switch_changes_the_result(tiny: Any, whole: Solution, change: dict[str, Any]) -> None:
    switched = solved(tiny, PAPER.changed(**change))
    assert (switched.alpha - whole.alpha).abs().mean() > 1e-4
    assert switched.alpha.min() >= 0 and switched.alpha.max() <= 1


def test_the_simple_start_knows_nothing(tiny: Any) -> None:
    steps = solve(tiny.image, tiny.clean, PAPER.changed(alpha_init="simple"))
    first = next(step for step in steps if step.layers is not None)
    assert first.layers is not None
    assert (first.layers()[0] == 0.5).all()


def test_without_projection_there_is_no_such_stage(tiny: Any) -> None:
    _, steps = run(tiny, PAPER.changed(projection=False))
    assert not any(step.stage is Stage.PROJECT for step in steps)


def test_without_refinement_alpha_is_the_networks(tiny: Any) -> None:
    alpha = solved(tiny, PAPER.changed(refinement=False)).alpha
    assert alpha.min() > 0 and alpha.max() < 1  # a sigmoid never says 0 or 1
    refined = solved(tiny, PAPER).alpha
    assert refined.min() == 0


@pytest.mark.parametrize("rounds", [1, 2, 3])
def test_rounds_are_counted(tiny: Any, rounds: int) -> None:
    _, steps = run(tiny, PAPER.changed(rounds=rounds))
    assert sum(step.stage is Stage.REFINE for step in steps) == rounds


@pytest.mark.parametrize("how", ["proposed", "simple"])
def test_the_next_rounds_trimap_is_eq19s(tiny: Any, how: str) -> None:
    """The trimap that one round leaves is made from that round's alpha."""
    settings = PAPER.changed(rounds=1, alpha_update=how)
    solution, steps = run(tiny, settings)
    first = next(step for step in steps if step.layers is not None and step.state is None)
    assert first.layers is not None
    expected = updated_alpha(first.layers()[0], solution.alpha, how)
    assert torch.equal(solution.trimap, expected)


def test_known_regions_are_held_to_the_bit(tiny: Any) -> None:
    solution = solved(tiny, HELD)
    known = solution.trimap != 0.5
    assert 0.2 < known.float().mean() < 1
    assert torch.equal(solution.alpha[known], solution.trimap[known])


# --- hints -------------------------------------------------------------------------------------


@pytest.mark.parametrize("settings", [PAPER, HELD])
def test_a_constraint_is_kept(tiny: Any, settings: Settings) -> None:
    constraint = torch.full_like(tiny.alpha, 0.5)
    constraint[..., 40:, :] = 0
    constraint[..., 20:26, 28:38] = 0  # in the middle of the subject
    constraint[..., :6, :6] = 1  # sky: nothing but the artist says so
    solution = solved(tiny, settings, constraint=constraint)
    assert (solution.alpha[constraint == 0] == 0).all() and (
        solution.alpha[constraint == 1] == 1
    ).all()
    free = solved(tiny, settings).alpha
    assert free[..., 20:26, 28:38].min() > 0.5 and free[..., :6, :6].max() < 0.5


# --- sameness ----------------------------------------------------------------------------------


@pytest.mark.parametrize("settings", [PAPER, HELD])
def test_a_seed_is_a_matte(tiny: Any, settings: Settings) -> None:
    first, again = solved(tiny, settings), solved(tiny, settings)
    assert same(first, again)
    other = solved(tiny, settings.changed(seed=1))
    assert not torch.equal(first.alpha, other.alpha)


def test_the_worlds_random_numbers_do_not_matter(tiny: Any) -> None:
    torch.manual_seed(1)
    first = solved(tiny, HELD)
    torch.manual_seed(2)
    before = torch.random.get_rng_state()
    assert same(first, solved(tiny, HELD))
    assert torch.equal(before, torch.random.get_rng_state())  # nor do we touch them


# --- interruption ------------------------------------------------------------------------------


def kept(solving: Generator[Step, None, Solution], count: int) -> dict[str, Any]:
    """The state after ``count`` learning steps, through the bytes of a file; ends the run."""
    for step in solving:
        if step.state is not None:
            count -= 1
            if count == 0:
                file = io.BytesIO()
                torch.save(step.state(), file)
                solving.close()
                file.seek(0)
                state: dict[str, Any] = torch.load(file, weights_only=True)
                return state
    raise AssertionError("the run ended before")


@pytest.fixture(scope="module")
def perturbed() -> Iterator[None]:
    """Random numbers are drawn at every joint step, not only in long runs."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(losses, "PERTURBATION_RAMP", 0)
        patch.setattr(losses, "PERTURBATION_OFF", 0)
        yield


@pytest.fixture(scope="module")
def undisturbed(tiny: Any, perturbed: None) -> Solution:
    return solved(tiny, PAPER)


# After steps of each stage of either round: 4 fit, 10 joint, 5 projection.
@pytest.mark.parametrize("count", [2, 9, 14, 16, 19, 30, 36])
def test_a_run_goes_on_as_if_nothing_had_been(
    tiny: Any, count: int, perturbed: None, undisturbed: Solution
) -> None:
    state = kept(solve(tiny.image, tiny.clean, PAPER), count)
    assert same(solved(tiny, PAPER, start=state), undisturbed)


def test_the_model_keeps_no_state(tiny: Any) -> None:
    """It takes seconds: an interrupted frame is solved anew."""
    _, steps = run(tiny, HELD)
    assert len(steps) > 10 and all(step.state is None for step in steps)


def test_the_fraction_goes_on_too(tiny: Any) -> None:
    state = kept(solve(tiny.image, tiny.clean, PAPER), 25)
    _, steps = run(tiny, PAPER, start=state)
    learning = [step for step in steps if step.state is not None]
    assert len(learning) == 38 - 25
    assert learning[0].fraction > 0.5
