"""Frame ranges as Nuke has them, and what is left of one after Cancel."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import nuke
import pytest
from nuke_standin.session import Session, run_until

from dmp_matting.client.connection import Connection
from dmp_matting.errors import InputError, SettingsError
from dmp_matting.hosts import finish
from dmp_nuke import collect, jobs, knobs, menus, node, prepare, states
from dmp_nuke.sources import Sources

from .conftest import Shot, dmp_node, press


@pytest.fixture
def dmp(shot: Shot, tmp_path: Path) -> Any:
    made = dmp_node(*shot.reads(), tmp_path / "matte.%04d.exr", temporal="off")
    made["first"].setValue(1001)
    made["last"].setValue(1003)
    return made


def test_input_global_and_custom(dmp: Any, session: Session) -> None:
    dmp["last"].setValue(1002)
    assert knobs.whole_range(dmp) == [1001, 1002]
    dmp["range"].setValue("input")
    assert knobs.whole_range(dmp) == [1001, 1002, 1003]
    nuke.root()["first_frame"].setValue(1002)
    nuke.root()["last_frame"].setValue(1004)
    dmp["range"].setValue("global")
    assert knobs.whole_range(dmp) == [1002, 1003, 1004]
    assert (dmp.frameRange().first(), dmp.frameRange().last()) == (1002, 1004), "without DMP too"


def test_only_what_may_count_is_looked_for_on_disk(
    dmp: Any, session: Session, monkeypatch: pytest.MonkeyPatch
) -> None:
    """One frame of a long shot: its neighbours, and no look at all other plates of it."""
    seen: list[int] = []
    monkeypatch.setattr(Sources, "is_there", lambda self, number, views: not seen.append(number))
    dmp["set_temporal"].setValue("neighbours")
    knobs.set_range(dmp, 1, 100_000)
    windows = prepare.Windows(dmp, ("main",), Sources(dmp), knobs.settings_of(dmp))
    assert windows.needed([50_000]) == tuple(range(49_992, 50_009))
    assert sorted(seen) == list(range(49_968, 50_033))
    dmp["set_temporal"].setValue("off")
    windows = prepare.Windows(dmp, ("main",), Sources(dmp), knobs.settings_of(dmp))
    assert windows.needed([50_000]) == (50_000,) and len(seen) == 65


def shots(made: Any, frames: list[int]) -> Any:
    """What a farm is given of some frames."""
    return finish(collect.shots_of(made, "s", frames, Path, lambda *_: "m.####.exr", True))


@pytest.mark.parametrize(
    "call",
    [prepare.Work, states.frame_states, states.others_frames, shots],
    ids=["solve", "states", "overwrite", "farm"],
)
def test_the_range_is_the_plates_whoever_needs_it(dmp: Any, session: Session, call: Any) -> None:
    """Another Read was connected where no GUI follows: the first frame is a still's number."""
    dmp["range"].setValue("input")
    knobs.set_range(dmp, 1, 1)
    made = call(dmp, [1002])
    assert (dmp["first"].value(), dmp["last"].value()) == (1001, 1003)
    if isinstance(made, prepare.Work):
        made.clean()


def test_the_range_follows_the_plate_in_a_gui(dmp: Any, session: Session, shot: Shot) -> None:
    menus.add()
    nuke.root()["last_frame"].setValue(50)
    dmp["range"].setValue("global")
    assert dmp["last"].value() == 50
    dmp["range"].setValue("input")
    assert (dmp["first"].value(), dmp["last"].value()) == (1001, 1003)


@pytest.mark.parametrize(
    ("text", "frames"),
    [("1001-1003x2", [1001, 1003]), ("1003, 1001", [1001, 1003]), ("1002", [1002])],
)
def test_steps_and_lists(dmp: Any, text: str, frames: list[int]) -> None:
    dmp["only"].setValue(text)
    assert knobs.whole_range(dmp) == frames


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("one", "'one' names no frames; write them as 1001-1100x10 1120."),
        ("1001-1009x4", "Frame 1005 lies outside the range 1001-1003."),
    ],
)
def test_frames_that_cannot_be(dmp: Any, text: str, sentence: str) -> None:
    dmp["only"].setValue(text)
    with pytest.raises(InputError, match=sentence):
        knobs.whole_range(dmp)


def test_after_cancel_it_goes_on(
    dmp: Any, engine: Connection, session: Session, tmp_path: Path
) -> None:
    """The finished frame is not solved again; *stale* alone leaves the missing ones out."""
    dmp["only"].setValue("1001")
    assert press(dmp, "matte_range").startswith("Done: 1 frame in")
    made = (tmp_path / "matte.1001.exr").stat().st_mtime_ns
    dmp["only"].setValue("")
    dmp["matte_range"].execute()
    session.bars[-1].cancelled = True
    run_until(lambda: not jobs.RUNNING)
    assert press(dmp, "matte_range").startswith(("Done: 2 frames", "Done: 1 frame", "Nothing"))
    assert (tmp_path / "matte.1001.exr").stat().st_mtime_ns == made
    assert (tmp_path / "matte.1003.exr").exists()
    (tmp_path / "matte.1003.exr").unlink()
    dmp["set_joint_steps"].setValue(4)
    dmp["solve"].setValue("stale")
    assert press(dmp, "matte_range").startswith("Done: 2 frames in")
    assert not (tmp_path / "matte.1003.exr").exists()


def test_no_knob_takes_keyframes_and_one_that_has_them_is_refused(session: Session) -> None:
    """A shot is solved with one value. A script from elsewhere may hold an animation."""
    made = node.create()
    for knob in made.knobs().values():
        if knob.name().startswith("set_") or knob.name() in ("preset", "first", "last", "device"):
            assert knob.getFlag(nuke.NO_ANIMATION), knob.name()
    made["custom"].setValue(True)
    made["set_solve_size"].clearFlag(nuke.NO_ANIMATION)
    made["set_solve_size"].setAnimated()
    with pytest.raises(SettingsError, match="Solve size has keyframes, but a shot is solved with"):
        knobs.settings_of(made)


def test_an_expression_that_moves_is_refused_and_a_link_is_not(session: Session) -> None:
    """Its value at the frame that is shown by chance would be that of all frames."""
    made = node.create()
    made["custom"].setValue(True)
    made["first"].setValue(1001)
    made["last"].setValue(1100)
    made["seed"].setExpression("parent.first_frame+2")
    assert knobs.settings_of(made).settings.seed == 3
    made["seed"].setExpression("frame")
    with pytest.raises(SettingsError, match="Seed has an expression that moves, but a shot is"):
        knobs.settings_of(made)


def test_an_update_keeps_links(session: Session) -> None:
    made = node.create()
    made["seed"].setExpression("parent.first_frame+2")
    made["node_version"].setValue(7)
    assert node.update(made)
    assert made["seed"].hasExpression() and made["seed"].value() == 3
