"""A running job and the artist beside it: renders, viewers, questions."""

from __future__ import annotations

import traceback
from pathlib import Path
from typing import Any

import nuke
import pytest
from nuke_standin.session import Session, run_until

from dmp_matting.client.connection import Connection
from dmp_matting.hosts import Layers, finish
from dmp_nuke import jobs, menus, publish, results
from dmp_nuke.ticker import Ticker

from .conftest import Shot, dmp_node, pixels, press


@pytest.fixture
def dmp(shot: Shot, tmp_path: Path) -> Any:
    made = dmp_node(*shot.reads(), tmp_path / "matte.%04d.exr", preset="paper")
    made["first"].setValue(1001)
    made["last"].setValue(1003)
    nuke.frame(1001)
    return made


def render(made: Any, folder: Path, first: int, last: int) -> None:
    """The artist renders what is below the node; ticks come in between two frames."""
    write = nuke.nodes.Write(name="Final", file=(folder / "final.%04d.exr").as_posix())
    write["channels"].setValue("rgba")
    write.setInput(0, made)
    nuke.execute(write, first, last, 1)


def test_no_tick_changes_a_knob_in_the_middle_of_a_render(
    dmp: Any, session: Session, engine: Connection, tmp_path: Path
) -> None:
    """The stand-in refuses every knob that is set then; the picture of the job is no matte."""
    menus.add()
    press(dmp, "matte_frame")
    before, _ = pixels(tmp_path / "matte.1001.exr")
    dmp["set_joint_steps"].setValue(1_000_000)
    dmp["matte_frame"].execute()
    preview = dmp.node("preview")
    run_until(lambda: bool(preview["file"].value()))
    line, bar = dmp["status"].value(), session.bars[-1].message
    render(dmp, tmp_path, 1001, 1001)
    final, _ = pixels(tmp_path / "final.1001.exr")
    assert abs(final["A"] - before["A"]).max() < 1e-3, "the matte on disk, not the preview"
    assert (dmp["status"].value(), session.bars[-1].message) == (line, bar)
    run_until(lambda: bool(preview["file"].value()))
    assert press(dmp, "cancel").startswith("Cancelled")


def test_a_ticker_waits_for_the_end_of_a_render(session: Session) -> None:
    """Neither a tick nor what comes after the last one runs while something renders."""
    ran: list[str] = []
    ticker = Ticker(lambda: ran.append("tick"), ran.append)
    run_until(lambda: bool(ran))
    session.executing = True
    ran.clear()
    ticker.stop(lambda: ran.append("afterwards"))
    with pytest.raises(AssertionError, match="waited in vain"):
        run_until(lambda: bool(ran), 1.0)
    session.executing = False
    run_until(lambda: bool(ran))
    assert ran == ["afterwards"]


def test_no_question_in_a_tick(
    dmp: Any, session: Session, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """A modal dialog keeps Nuke's main thread: it comes when the ticks have ended."""
    inside: list[list[str]] = []

    def message(text: str) -> None:
        inside.append([frame.name for frame in traceback.extract_stack()])

    monkeypatch.setattr(nuke, "message", message)
    monkeypatch.setenv("DMP_ENGINE_PYTHON", "/no/python")
    monkeypatch.setenv("DMP_RUN_DIR", str(tmp_path / "r"))
    press(dmp, "matte_frame")
    request = finish(publish.collect.collecting([dmp], str(tmp_path / "pub")))
    publish.start(request, {})
    run_until(lambda: not publish.RUNNING)
    assert len(inside) == 2
    assert not any("_tick" in names for names in inside)
    publish.collect.forget_plates()


def test_one_refresh_a_second_and_only_while_somebody_looks(
    dmp: Any, session: Session, engine: Connection
) -> None:
    """A job of three frames pressed reload 55 times and set 418 knobs before."""
    session.viewed = None
    before = session.changes
    assert press(dmp, "matte_range").startswith("Done: 3 frames in")
    assert session.reloads.count(f"{dmp.name()}.preview") == 0
    assert session.reloads.count(f"{dmp.name()}.result") == 1, "once, at the end"
    assert session.changes - before < 60
    assert dmp["first"].value() == 1001 and dmp["last"].value() == 1003


def test_what_a_viewer_shows_is_refreshed(
    dmp: Any, session: Session, engine: Connection, monkeypatch: pytest.MonkeyPatch
) -> None:
    below = nuke.nodes.NoOp()
    below.setInput(0, dmp)
    session.viewed = below
    shown: list[float] = []
    monkeypatch.setattr(results, "show_preview", lambda *what: shown.append(nuke.frame()))
    dmp["set_joint_steps"].setValue(1_000_000)
    dmp["matte_frame"].execute()
    run_until(lambda: len(shown) > 1)
    nuke.frame(1002)  # the artist goes to another frame
    looked = len(shown)
    with pytest.raises(AssertionError, match="waited in vain"):
        run_until(lambda: len(shown) > looked, 2.5)
    nuke.frame(1001)
    run_until(lambda: len(shown) > looked)
    monkeypatch.undo()
    press(dmp, "cancel")


def test_the_preview_lies_where_the_plate_does(
    dmp: Any, shot: Shot, session: Session, engine: Connection
) -> None:
    """Its data window, its format and its pixel aspect: nothing is squeezed."""
    dmp["set_joint_steps"].setValue(1_000_000)
    dmp["matte_frame"].execute()
    run_until(lambda: bool(dmp.node("preview")["file"].value()))
    shown, plate = dmp._image(1001, "main"), dmp.input(0)._image(1001, "main")
    assert (shown.window, shown.format, shown.aspect) == (plate.window, plate.format, plate.aspect)
    assert shown.window == (-8, -4, 48, 32) and shown.aspect == 2.0
    press(dmp, "cancel")


def test_a_range_is_not_changed_by_a_single_frame(dmp: Any, engine: Connection) -> None:
    press(dmp, "matte_frame")
    assert (dmp.frameRange().first(), dmp.frameRange().last()) == (1001, 1003)


def test_an_inner_write_has_the_views_of_the_job(
    dmp: Any, session: Session, engine: Connection, tmp_path: Path
) -> None:
    session.views = ["left", "right"]
    dmp["views"].setValue("right")
    grade = nuke.nodes.Multiply(value=1.0)
    grade.setInput(0, dmp.input(0))
    dmp.setInput(0, grade)
    press(dmp, "matte_frame")
    assert dmp.node("write_image")["views"].value() == "right"
    assert session.renders[0][3] == ("right",)


def test_every_warning_is_shown_once() -> None:
    """With the first frame that has it; a shot with many does not fill the panel."""

    def frame(number: int, *warnings: str) -> Layers:
        return Layers(number, "m.exr", (), 1, 1, "cpu", {}, warnings)

    shot = [frame(1001), frame(1002, "One."), frame(1003, "Two.", "One."), frame(1004, "Two.")]
    assert jobs.warnings_of(shot) == ["Frame 1002: One.", "Frame 1003: Two."]
    many = [frame(number, f"Warning {number}.") for number in range(1, 9)]
    assert jobs.warnings_of(many)[2:] == ["Frame 3: Warning 3.", "And 5 other warnings."]
    assert jobs.warnings_of(many[:4])[3:] == ["And 1 other warning."]
    assert jobs.warnings_of([frame(1001)]) == []
