"""No frame does more than 1.1 times the work that is committed; and a slow change is seen.

benchmarks/work.py counts, and says what.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Callable
from typing import Any

import pytest

from dmp_engine.dmp.model.noise import Noise
from dmp_engine.dmp.solve import matting_operator
from dmp_engine.dmp.solve.matting_operator import MattingOperator
from dmp_engine.dmp.steps import no_cache
from dmp_engine.pipeline import frame, pair

from ...scripts import ROOT, load_script

MORE = 1.1  # times the committed work


work = load_script("benchmarks/work.py")
COMMITTED = json.loads((ROOT / "benchmarks" / "results" / "work.json").read_text())["work"]


def exceeded(found: Counter[str], case: str) -> set[str]:
    """What was done more often than it may be."""
    assert found.keys() == COMMITTED[case].keys()
    return {name for name, count in found.items() if count > MORE * COMMITTED[case][name]}


@pytest.fixture(scope="module")
def shot(tmp_path_factory: pytest.TempPathFactory) -> Any:
    made = work.made_shot(tmp_path_factory.mktemp("shot"))
    work.warm(made)
    return made


def test_a_frame_alone(shot: Any) -> None:
    found = work.alone(shot)
    assert not exceeded(found, "a frame alone"), found


def test_a_later_frame_of_a_shot(shot: Any) -> None:
    found = work.later(shot)
    assert not exceeded(found, "a later frame of a shot"), found


def twice(work: Callable[..., Any]) -> Callable[..., Any]:
    def again(*given: Any, **how: Any) -> Any:
        work(*given, **how)
        return work(*given, **how)

    return again


def noise_in_every_solve(patch: pytest.MonkeyPatch) -> None:
    """The noise of the pair measured where it could be handed over."""
    patch.setattr(Noise, "of_pair", twice(Noise.of_pair))


def a_tighter_solve(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(matting_operator, "TOLERANCE", matting_operator.TOLERANCE / 10)


def a_look_at_each_iteration(patch: pytest.MonkeyPatch) -> None:
    product = MattingOperator._times

    def looked(operator: Any, tau: Any, x: Any) -> Any:
        made = product(operator, tau, x)
        assert float(made.sum()) == float(made.sum())
        return made

    patch.setattr(MattingOperator, "_times", looked)


def plates_read_twice(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(frame, "read_plates", twice(frame.read_plates))


def the_fit_made_again(patch: pytest.MonkeyPatch) -> None:
    fit = pair.fit_clean

    def again(image: Any, clean: Any, settings: Any, memo: Any) -> Any:
        fit(image, clean, settings, no_cache)
        return fit(image, clean, settings, memo)

    patch.setattr(pair, "fit_clean", again)


@pytest.mark.parametrize(
    ("plant", "seen"),
    [
        (noise_in_every_solve, "waits"),
        (a_tighter_solve, "products"),
        (a_look_at_each_iteration, "waits"),
        (plates_read_twice, "read"),
        (the_fit_made_again, "opencv"),
    ],
)
def test_a_change_that_costs_is_seen(
    shot: Any, plant: Callable[[pytest.MonkeyPatch], None], seen: str,
    monkeypatch: pytest.MonkeyPatch,
) -> None:  # fmt: skip
    plant(monkeypatch)
    found = work.alone(shot)
    assert seen in exceeded(found, "a frame alone"), found
