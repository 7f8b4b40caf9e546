"""Algorithm 1 as a whole: its stages in order, its switches, and going on."""

from __future__ import annotations

import functools
import io
from collections.abc import Callable, Generator, Iterator
from typing import Any

import pytest
import torch

from dmp_engine.dmp.paper import losses
from dmp_engine.dmp.paper.algorithm1 import Result, algorithm_1
from dmp_engine.dmp.paper.initial_alpha import updated_alpha
from dmp_engine.dmp.steps import Step
from dmp_matting import Settings
from dmp_matting.generators import finish
from dmp_matting.job import Stage

# The paper's algorithm with few and large steps.
PAPER = Settings(
    device="cpu", fit_steps=4, joint_steps=10, projection_steps=5, learning_rate=0.01
)  # fmt: skip


def run(truth: Any, settings: Settings, **how: Any) -> tuple[Result, list[Step]]:
    steps: list[Step] = []
    solving = algorithm_1(truth.image, truth.clean, settings, linear=truth.linear, **how)
    return finish(solving, steps.append), steps


def solved(truth: Any, settings: Settings, **how: Any) -> Result:
    return run(truth, settings, **how)[0]


Known = Callable[[Settings], tuple[Result, list[Step]]]


@pytest.fixture(scope="module")
def known(tiny: Any) -> Known:
    """What settings make of the tiny pair, solved once for all tests that look at it."""
    return functools.cache(lambda settings: run(tiny, settings))


def same(one: Result, other: Result) -> bool:
    return all(torch.equal(getattr(one, name), getattr(other, name)) for name in vars(one))


# --- the order of things -----------------------------------------------------------------------


def test_the_stages_come_as_in_algorithm_1(known: Known) -> None:
    _, steps = known(PAPER)
    order = list(dict.fromkeys(step.stage for step in steps))
    assert order == [
        Stage.INITIALISE, Stage.FIT, Stage.JOINT, Stage.PROJECT, Stage.REFINE,
    ]  # fmt: skip
    for stage, each in ((Stage.FIT, 4), (Stage.JOINT, 10), (Stage.PROJECT, 5)):
        assert [s.step for s in steps if s.stage is stage] == 2 * list(range(1, each + 1))
    assert all(step.loss is not None and step.loss >= 0 for step in steps if step.state)


@pytest.mark.parametrize("settings", [PAPER, PAPER.changed(rounds=3, fit_steps=0)])
def test_the_fraction_never_falls_and_ends_at_one(known: Known, settings: Settings) -> None:
    _, steps = known(settings)
    fractions = [step.fraction for step in steps]
    assert fractions == sorted(fractions)
    assert fractions[0] == 0 and fractions[-1] == 1
    rises = [b - a for a, b in zip(fractions, fractions[1:], strict=False)]
    assert max(rises) < 0.2  # no long silence


def test_layers_to_look_at_are_there_after_every_step(tiny: Any) -> None:
    shown = 0
    for step in algorithm_1(tiny.image, tiny.clean, PAPER):
        if step.layers is not None:
            alpha, foreground = step.layers()
            assert alpha.shape[1] == 1 and foreground.shape[1] == 3
            assert alpha.min() >= 0 and alpha.max() <= 1 and torch.isfinite(foreground).all()
            shown += 1
    assert shown >= 2 * 19


# --- the switches of Table III -----------------------------------------------------------------

SWITCHES: dict[str, dict[str, Any]] = {
    "initial alpha: simple": {"alpha_init": "simple"},
    "no projection": {"projection": False},
    "no refinement": {"refinement": False},
    "one round": {"rounds": 1},
    "three rounds": {"rounds": 3},
    "alpha update: simple": {"alpha_update": "simple"},
}


@pytest.mark.parametrize("change", SWITCHES.values(), ids=SWITCHES)
def test_a_switch_changes_the_result(known: Known, change: dict[str, Any]) -> None:
    switched = known(PAPER.changed(**change))[0]
    assert (switched.alpha - known(PAPER)[0].alpha).abs().mean() > 1e-4
    assert switched.alpha.min() >= 0 and switched.alpha.max() <= 1


def test_the_simple_start_knows_nothing(tiny: Any) -> None:
    steps = algorithm_1(tiny.image, tiny.clean, PAPER.changed(alpha_init="simple"))
    first = next(step for step in steps if step.layers is not None)
    assert first.layers is not None
    assert (first.layers()[0] == 0.5).all()


def test_without_projection_there_is_no_such_stage(known: Known) -> None:
    _, steps = known(PAPER.changed(projection=False))
    assert not any(step.stage is Stage.PROJECT for step in steps)


def test_without_refinement_alpha_is_the_networks(known: Known) -> None:
    alpha = known(PAPER.changed(refinement=False))[0].alpha
    assert alpha.min() > 0 and alpha.max() < 1  # a sigmoid never says 0 or 1
    refined = known(PAPER)[0].alpha
    assert refined.min() == 0


@pytest.mark.parametrize("rounds", [1, 2, 3])
def test_rounds_are_counted(known: Known, rounds: int) -> None:
    _, steps = known(PAPER.changed(rounds=rounds))
    assert sum(step.stage is Stage.REFINE for step in steps) == rounds


@pytest.mark.parametrize("how", ["proposed", "simple"])
def test_the_next_rounds_alpha_is_eq19s(known: Known, how: str) -> None:
    """What the second round starts from is made from the first one's alpha."""
    first = known(PAPER.changed(rounds=1, alpha_update=how))[0]
    second = known(PAPER.changed(rounds=2, alpha_update=how))[0]
    expected = updated_alpha(first.initial_alpha, first.alpha, how)
    assert torch.equal(second.initial_alpha, expected)
    assert not torch.equal(second.initial_alpha, first.initial_alpha)


def test_stage_2_starts_from_what_the_networks_generate(known: Known) -> None:
    found = known(PAPER)[0]
    plain = known(PAPER.changed(refinement=False, rounds=1))[0]
    assert not torch.equal(found.generated_alpha, found.alpha)
    assert torch.equal(plain.generated_alpha, plain.alpha)
    assert torch.equal(plain.generated_foreground, plain.foreground)


# --- the artist's mattes, and several frames ---------------------------------------------------


def test_what_the_artist_decides_is_kept(tiny: Any) -> None:
    constraint = torch.full_like(tiny.alpha, 0.5)
    constraint[..., 40:, :] = 0
    constraint[..., :6, :6] = 1
    found = solved(tiny, PAPER, constraint=constraint)
    for alpha in (found.alpha, found.initial_alpha):
        assert (alpha[constraint == 0] == 0).all() and (alpha[constraint == 1] == 1).all()


def test_the_video_mode_is_one_network_of_all_frames(tiny: Any) -> None:
    """Sec. IV-F: T alphas and 3T colours come out of one pass."""
    twice = [torch.cat([x, x.flip(3)]) for x in (tiny.image, tiny.clean)]
    found = finish(algorithm_1(*twice, PAPER))
    assert found.alpha.shape == (2, 1, *tiny.alpha.shape[-2:])
    assert found.foreground.shape == twice[0].shape
    assert not torch.equal(found.alpha[0], found.alpha[1])


# --- interruption ------------------------------------------------------------------------------


def kept(solving: Generator[Step, None, Result], count: int) -> dict[str, Any]:
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
def undisturbed(tiny: Any, perturbed: None) -> Result:
    return solved(tiny, PAPER)


# After steps of each stage of either round: 4 fit, 10 joint, 5 projection.
@pytest.mark.parametrize("count", [2, 9, 14, 16, 19, 30, 36])
def test_a_run_goes_on_as_if_nothing_had_been(
    tiny: Any, count: int, perturbed: None, undisturbed: Result
) -> None:
    state = kept(algorithm_1(tiny.image, tiny.clean, PAPER), count)
    assert same(solved(tiny, PAPER, start=state), undisturbed)


def test_the_fraction_goes_on_too(tiny: Any) -> None:
    state = kept(algorithm_1(tiny.image, tiny.clean, PAPER), 25)
    _, steps = run(tiny, PAPER, start=state)
    learning = [step for step in steps if step.state is not None]
    assert len(learning) == 38 - 25
    assert learning[0].fraction > 0.5
