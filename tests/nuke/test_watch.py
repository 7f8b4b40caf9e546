"""Changes of the nodes above outdate the states on a node's tile, without a press of Reload."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import nuke
import pytest
from nuke_standin.session import Session, pump, run_until

from dmp_nuke import knobs, menus, node, states, watch

from .conftest import Shot, dmp_node, graded


@pytest.fixture
def dmp(shot: Shot, tmp_path: Path) -> Any:
    """Below a grade, with the states of its frames on its tile."""
    menus.add()
    plate, clean = shot.reads()
    made = dmp_node(graded(plate), clean, tmp_path / "matte.%04d.exr")
    states.show(made)
    return made


def outdated(dmp: Any) -> bool:
    return bool(dmp["frame_states"].value() == knobs.OUTDATED)


def test_a_changed_knob_above(dmp: Any) -> None:
    dmp.input(0)["value"].setValue(2.0)
    run_until(lambda: outdated(dmp))
    states.show(dmp)
    watch.look()
    assert not outdated(dmp)


def test_a_changed_connection_far_above(dmp: Any) -> None:
    grade = dmp.input(0)
    grade.setInput(0, graded(grade.input(0)))
    run_until(lambda: outdated(dmp))


def test_what_changes_no_pixel_of_an_input(dmp: Any) -> None:
    """Names and places, nodes below and beside it, another frame."""
    below, beside = graded(dmp), nuke.nodes.Multiply(value=1.0)
    below["value"].setValue(3.0)
    beside["value"].setValue(3.0)
    dmp.input(0).setName("Exposure")
    dmp.input(0).setXYpos(50, 60)
    nuke.frame(1002)
    watch.look()
    assert not outdated(dmp)


def test_states_that_were_saved(dmp: Any, session: Session, tmp_path: Path) -> None:
    """The script is opened again: its states hold until something above is changed."""
    nuke.scriptSaveAs(str(tmp_path / "shot.nk"))
    nuke.scriptOpen(str(tmp_path / "shot.nk"))
    (again,) = node.all_nodes()
    watch.look()
    assert not outdated(again)
    again.input(0)["value"].setValue(2.0)
    run_until(lambda: outdated(again))


def test_many_changes_are_one_look(dmp: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """A slider that is dragged costs no look for each of its values; the last one counts."""
    ticks: list[Any] = []

    class Ticker:
        def __init__(self, tick: Any, failed: Any) -> None:
            ticks.append(tick)

        def stop(self) -> None: ...

    monkeypatch.setattr(watch, "Ticker", Ticker)
    monkeypatch.setattr(watch, "_watch", watch._Watch())
    for value in range(2, 30):
        dmp.input(0)["value"].setValue(float(value))
        pump()
    assert len(ticks) == 1 and not outdated(dmp)
    ticks[0]()
    assert outdated(dmp)
    dmp.input(0)["value"].setValue(1.0)
    pump()
    assert len(ticks) == 2, "a change after the look"
