"""Which frames are solved, stale or missing, and whose files a solve may overwrite."""

from __future__ import annotations

import os
import shutil
from pathlib import Path
from typing import Any

import nuke
import numpy as np
import pytest
from nuke_standin.session import Session

from dmp_matting.client.connection import Connection
from dmp_matting.hosts import (
    BackgroundJob,
    FileStates,
    Frame,
    FrameStatus,
    Job,
    Plate,
    Role,
    Settings,
    frame_status,
    recorded_plates,
)
from dmp_nuke import knobs, node, prepare, states, terminal

from .conftest import ROOT, Shot, dmp_node, graded, pixels, press, read_node
from .test_terminal import run_nuke

SOLVED, STALE, MISSING = FrameStatus.SOLVED, FrameStatus.STALE, FrameStatus.MISSING
RANGE = (1001, 1002, 1003)


@pytest.fixture
def dmp(shot: Shot, tmp_path: Path) -> Any:
    """A node of three frames, none solved."""
    made = dmp_node(*shot.reads(), tmp_path / "matte.%04d.exr")
    made["first"].setValue(1001)
    made["last"].setValue(1003)
    return made


def state_of(made: Any) -> list[FrameStatus]:
    return list(states.frame_states(made, RANGE).values())


def test_a_frame_of_a_solved_range_comes_out_the_same(
    dmp: Any, engine: Connection, session: Session, tmp_path: Path
) -> None:
    """Matte frame sends the neighbours along, and so never replaces a better frame by a worse."""
    for index in (0, 1):
        dmp.setInput(index, graded(dmp.input(index)))
    assert press(dmp, "matte_range").startswith("Done: 3 frames")
    before, _ = pixels(tmp_path / "matte.1002.exr")
    written = (tmp_path / "matte.1002.exr").stat().st_mtime_ns
    nuke.frame(1002)
    session.renders.clear()
    assert press(dmp, "matte_frame").startswith("Done: 1 frame in")
    assert [one[1] for one in session.renders] == [1001, 1002, 1003] * 2
    session.renders.clear()
    assert (tmp_path / "matte.1002.exr").stat().st_mtime_ns > written
    again, _ = pixels(tmp_path / "matte.1002.exr")
    assert all(np.array_equal(again[name], before[name]) for name in before)
    dmp["set_temporal"].setValue("off")
    press(dmp, "matte_frame")
    alone, _ = pixels(tmp_path / "matte.1002.exr")
    assert not np.array_equal(alone["A"], before["A"]), "neighbours make a difference here"
    assert [one[1] for one in session.renders] == [1002] * 2


def test_a_shorter_range_keeps_the_neighbours(
    dmp: Any, engine: Connection, session: Session, tmp_path: Path
) -> None:
    """Fewer frames to solve are no reason to solve them worse."""
    press(dmp, "matte_range")
    for name in ("first", "last"):
        dmp[name].setValue(1002)
    assert states.frame_states(dmp, [1002]) == {1002: SOLVED}
    before, _ = pixels(tmp_path / "matte.1002.exr")
    nuke.frame(1002)
    assert press(dmp, "matte_frame").startswith("Done: 1 frame in")
    again, _ = pixels(tmp_path / "matte.1002.exr")
    assert all(np.array_equal(again[name], before[name]) for name in before)
    dmp.input(1)["last"].setValue(1002)  # repeats its last frame: no clean plate of 1003
    work = prepare.Work(dmp, [1002])
    assert list(work.render(by_frame=True)) == []
    assert [frame.number for frame in work.parts[0].job.context] == [1001]
    work.clean()


@pytest.mark.parametrize("is_file", [True, False], ids=["a file", "rendered"])
def test_a_neighbour_without_a_plate_is_left_out(
    dmp: Any, engine: Connection, session: Session, tmp_path: Path, is_file: bool
) -> None:
    if not is_file:
        dmp.setInput(0, graded(dmp.input(0)))
    (tmp_path / "plate.1003.exr").unlink()
    nuke.frame(1001)
    assert press(dmp, "matte_frame").startswith("Done: 1 frame in")
    assert state_of(dmp) == [SOLVED, MISSING, MISSING]
    work = prepare.Work(dmp, [1001])
    assert list(work.render(by_frame=True)) == ([] if is_file else [1, 2])
    assert [frame.number for frame in work.parts[0].job.context] == [1002]
    work.clean()


def test_the_three_states(dmp: Any, engine: Connection, session: Session, tmp_path: Path) -> None:
    assert state_of(dmp) == [MISSING] * 3
    assert press(dmp, "matte_range").startswith("Done: 3 frames")
    assert state_of(dmp) == [SOLVED] * 3
    assert dmp["frame_states"].value() == "1001-1003: 3 solved, 0 stale, 0 missing"
    assert "[value frame_states]" in dmp["label"].value()

    dmp["set_joint_steps"].setValue(4)
    assert state_of(dmp) == [STALE] * 3, "another setting"
    dmp["set_joint_steps"].setValue(3)
    assert state_of(dmp) == [SOLVED] * 3

    read = dmp.input(0)
    grade = nuke.nodes.Multiply(value=2.0)
    grade.setInput(0, read)
    dmp.setInput(0, grade)
    assert state_of(dmp) == [STALE] * 3, "a node above"
    dmp.setInput(0, read)
    dmp.setInput(2, read)
    assert state_of(dmp) == [STALE] * 3, "a matte that it was not solved with"
    dmp.setInput(2, None)
    assert state_of(dmp) == [SOLVED] * 3

    (tmp_path / "matte.1001.exr").unlink()
    whole = (tmp_path / "matte.1002.exr").read_bytes()
    (tmp_path / "matte.1002.exr").write_bytes(whole[: len(whole) // 2])
    assert state_of(dmp) == [MISSING, STALE, SOLVED], "a file that was cut off is no result"
    (tmp_path / "matte.1002.exr").write_bytes(whole)
    delivered = (tmp_path / "plate.1003.exr").read_bytes()
    os.utime(tmp_path / "plate.1003.exr", (2e9, 2e9))
    assert state_of(dmp) == [MISSING, SOLVED, SOLVED], "a date alone is no change"
    (tmp_path / "plate.1003.exr").write_bytes((tmp_path / "plate.1002.exr").read_bytes())
    os.utime(tmp_path / "plate.1003.exr", (1.6e9, 1.6e9))
    assert state_of(dmp) == [MISSING, STALE, STALE], "a plate of the frame, or of a neighbour"
    (tmp_path / "plate.1003.exr").write_bytes(delivered)
    dmp["set_temporal"].setValue("off")
    press(dmp, "matte_range")
    assert state_of(dmp) == [SOLVED] * 3
    (tmp_path / "plate.1003.exr").write_bytes((tmp_path / "plate.1002.exr").read_bytes())
    assert state_of(dmp) == [SOLVED, SOLVED, STALE]
    assert press(dmp, "reload") == (
        "3 frames on disk, 1001 to 1003. 1001-1003: 2 solved, 1 stale, 0 missing."
    )


def test_a_solved_node_with_nodes_above_stays_solved(
    dmp: Any, engine: Connection, tmp_path: Path
) -> None:
    """Also when the script is opened again: the digest is of the knobs, not of the session."""
    grade = nuke.nodes.Multiply(value=2.0)
    grade.setInput(0, dmp.input(0))
    dmp.setInput(0, grade)
    press(dmp, "matte_range")
    assert state_of(dmp) == [SOLVED] * 3
    grade.setXYpos(300, 300)
    grade.setName("Brighter")
    assert state_of(dmp) == [SOLVED] * 3
    nuke.scriptSaveAs(str(tmp_path / "shot.nk"))
    nuke.scriptOpen(str(tmp_path / "shot.nk"))
    (again,) = node.all_nodes()
    assert state_of(again) == [SOLVED] * 3
    nuke.toNode("Brighter")["value"].setValue(1.5)
    assert state_of(again) == [STALE] * 3


def test_missing_and_stale_only(
    dmp: Any, engine: Connection, session: Session, tmp_path: Path
) -> None:
    assert press(dmp, "matte_range").startswith("Done: 3 frames")
    dmp["solve"].setValue("missing and stale")
    assert press(dmp, "matte_range") == (
        "Nothing to solve. 1001-1003: 3 solved, 0 stale, 0 missing."
    )
    whole, _ = pixels(tmp_path / "matte.1002.exr")
    (tmp_path / "matte.1002.exr").unlink()
    assert press(dmp, "matte_range").startswith("Done: 1 frame in")
    again, _ = pixels(tmp_path / "matte.1002.exr")
    assert np.array_equal(again["A"], whole["A"]), "with its neighbours, as in the whole range"
    dmp["set_joint_steps"].setValue(4)
    dmp["solve"].setValue("missing")
    assert press(dmp, "matte_range").startswith("Nothing to solve. 1001-1003: 0 solved, 3 stale")
    dmp["solve"].setValue("missing and stale")
    assert press(dmp, "matte_range").startswith("Done: 3 frames")


def test_a_batch_solves_what_is_stale(dmp: Any, engine: Connection, tmp_path: Path) -> None:
    press(dmp, "matte_range")
    dmp["set_joint_steps"].setValue(4)
    nuke.scriptSaveAs(str(tmp_path / "shot.nk"))
    batch = ("-t", ROOT / "nuke" / "dmp_batch.py", tmp_path / "shot.nk")
    ran = run_nuke(*batch, "--missing")
    assert ran.returncode == 0 and "DMPMatte1: all 3 frames are there." in ran.stdout, ran.stderr
    ran = run_nuke(*batch)
    assert ran.returncode == 0 and "DMPMatte1: 3 frames to solve." in ran.stdout, ran.stderr
    ran = run_nuke(*batch)
    assert "DMPMatte1: all 3 frames are there." in ran.stdout


def test_a_question_before_another_shots_files_are_overwritten(
    dmp: Any, engine: Connection, session: Session, tmp_path: Path
) -> None:
    """As a node does that was pasted into another shot's script."""
    nuke.frame(1001)
    press(dmp, "matte_frame")
    assert recorded_plates(str(tmp_path / "matte.1001.exr"))[Role.IMAGE] == (
        f"{tmp_path.as_posix()}/plate.1001.exr"
    )
    assert session.messages == []
    before = (tmp_path / "matte.1001.exr").read_bytes()
    (tmp_path / "b").mkdir()
    other = Shot(tmp_path / "b", range(1001, 1004), (48, 32))
    with (tmp_path / "b" / "plate.1001.exr").open("ab") as file:
        file.write(b"other content")
    for index, read in enumerate(other.reads()):
        dmp.setInput(index, read)
    session.answers = [False, True]
    assert press(dmp, "matte_frame") == "Nothing was overwritten."
    question = (
        f"This overwrites 1 file of something else: {tmp_path.as_posix()}/matte.1001.exr comes "
        f"from another plate, {tmp_path.as_posix()}/plate.1001.exr. Go on?"
    )
    assert session.messages == [question]
    assert (tmp_path / "matte.1001.exr").read_bytes() == before
    nuke.scriptSaveAs(str(tmp_path / "shot.nk"))
    ran = run_nuke("-t", ROOT / "nuke" / "dmp_batch.py", tmp_path / "shot.nk", "--frames=1001")
    assert ran.returncode == 2 and "Give the node another output, or add --again." in ran.stderr
    assert (tmp_path / "matte.1001.exr").read_bytes() == before
    assert press(dmp, "matte_frame").startswith("Done: 1 frame in")
    assert (tmp_path / "matte.1001.exr").read_bytes() != before
    assert press(dmp, "matte_frame").startswith("Done: 1 frame in"), "its own by now: no question"


def test_a_question_before_any_other_exr_is_overwritten(
    dmp: Any, shot: Shot, session: Session, tmp_path: Path
) -> None:
    (tmp_path / "matte.1001.exr").write_bytes((tmp_path / "plate.1002.exr").read_bytes())
    session.answers = [False]
    nuke.frame(1001)
    assert press(dmp, "matte_frame") == "Nothing was overwritten."
    assert session.messages[0].endswith("matte.1001.exr was not made by DMP. Go on?")


def test_a_farm_overwrites_no_other_files_unasked(
    dmp: Any, shot: Shot, session: Session, tmp_path: Path
) -> None:
    """Submit and --plates: neither another plate's EXRs nor another node's."""
    (tmp_path / "matte.1001.exr").write_bytes((tmp_path / "plate.1002.exr").read_bytes())
    session.answers = [False]
    assert press(dmp, "submit") == "Nothing was overwritten."
    assert session.messages[0].endswith("matte.1001.exr was not made by DMP. Go on?")
    nuke.scriptSaveAs(str(tmp_path / "shot.nk"))
    arguments = [str(tmp_path / "shot.nk"), "--plates", str(tmp_path / "plates")]
    assert terminal.main(arguments) == 2 and not (tmp_path / "plates").exists()
    assert terminal.main([*arguments, "--again"]) == 0
    (made,) = node.all_nodes()
    (tmp_path / "matte.1001.exr").unlink()
    shutil.rmtree(tmp_path / "farm", ignore_errors=True)
    other = dmp_node(*shot.reads(), tmp_path / "matte.####.exr")
    assert press(made, "submit").startswith(f"{other.name()} writes the same files")
    assert not (tmp_path / "farm").exists()


def test_what_a_farm_made_of_the_nodes_own_plates_is_its_own(
    dmp: Any, engine: Connection, session: Session, tmp_path: Path
) -> None:
    dmp.setInput(0, graded(dmp.input(0)))
    dmp["last"].setValue(1001)
    dmp["set_temporal"].setValue("off")
    nuke.scriptSaveAs(str(tmp_path / "shot.nk"))
    arguments = [str(tmp_path / "shot.nk"), "--plates", str(tmp_path / "plates")]
    assert terminal.main(arguments) == 0
    (made,) = node.all_nodes()
    press(made, "submit")
    for plates in (tmp_path / "plates" / "DMPMatte1", tmp_path / "farm" / "DMPMatte1" / "plates"):
        image, clean = (plates / f"{role}.main.1001.exr" for role in ("image", "clean"))
        frame = Frame(1001, (Plate(str(image), Role.IMAGE), Plate(str(clean), Role.CLEAN)))
        job = Job((frame,), *knobs.settings_of(made))
        BackgroundJob(job, {1001: str(tmp_path / "matte.1001.exr")}).wait()
        assert state_of(made)[0] is SOLVED
        assert terminal.main(arguments[:1]) == 0, "nothing is left to solve"
        assert terminal.main(arguments) == 0
        (made,) = node.all_nodes()
    assert press(made, "submit").startswith("Wrote the farm job")
    assert state_of(made)[0] is SOLVED
    made.input(0)["value"].setValue(2.0)
    assert state_of(made)[0] is STALE, "a node above"
    made.input(0)["value"].setValue(1.0)
    with (tmp_path / "plate.1001.exr").open("ab") as file:
        file.write(b"delivered again")
    assert state_of(made)[0] is STALE
    shutil.rmtree(tmp_path / "farm")
    assert state_of(made)[0] is STALE, "nobody knows what it was made from"
    assert press(made, "submit").startswith("Wrote the farm job")
    assert session.messages == []


def test_two_inputs_from_one_read_are_two_plates(
    dmp: Any, engine: Connection, tmp_path: Path
) -> None:
    """A matte is rendered with its alpha, the plate without: the names in the job differ."""
    painted = read_node(tmp_path / "plate.%04d.exr", 1001, 1003)
    dmp.setInput(0, painted)
    dmp.setInput(3, painted)
    nuke.frame(1001)
    assert press(dmp, "matte_frame").startswith("Done: 1 frame in")
    made = recorded_plates(str(tmp_path / "matte.1001.exr"))
    assert made[Role.IMAGE].endswith("plate.1001.exr")
    assert "plate.1001.exr (core matte, frame 1001, nodes " in made[Role.CORE]


def test_a_plate_that_tcl_names_is_stale_when_it_is_another(
    dmp: Any, engine: Connection, tmp_path: Path
) -> None:
    read = dmp.input(0)
    read["file"].setValue(f"[file dirname {tmp_path.as_posix()}/shot.nk]/plate.%04d.exr")
    nuke.frame(1001)
    assert press(dmp, "matte_frame").startswith("Done: 1 frame in")
    assert state_of(dmp)[0] is SOLVED
    made = recorded_plates(str(tmp_path / "matte.1001.exr"))
    assert str(tmp_path / "plate.1001.exr") in made[Role.IMAGE]
    shutil.copy(tmp_path / "plate.1003.exr", tmp_path / "plate.1001.exr")
    assert state_of(dmp)[0] is STALE


def test_a_file_that_is_no_result(tmp_path: Path) -> None:
    frame = Frame(1, (Plate("a.exr", Role.IMAGE), Plate("b.exr", Role.CLEAN)))
    path = tmp_path / "x.exr"

    def status() -> FrameStatus:
        return frame_status(str(path), frame, [Settings()], lambda settings: (), FileStates())

    assert status() is MISSING
    path.write_bytes(b"no EXR")
    assert status() is STALE
    assert recorded_plates(str(path)) == {} == recorded_plates(str(tmp_path / "none.exr"))
