"""What lies on disk: temporary plates, a node's EXRs, and what goes to a farm."""

from __future__ import annotations

import json
import os
import shutil
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import nuke
import numpy as np
import pytest
from nuke_standin.session import Session, run_until

from dmp_matting import run_shots
from dmp_matting.atomic_write import SYSTEM
from dmp_matting.cli.shot_lists import read_shots
from dmp_matting.client.connection import Connection
from dmp_matting.hosts import FrameStatus, InputError, Keep, finish
from dmp_matting.shots.follow import follows
from dmp_matting.shots.run import check_others
from dmp_nuke import collect, farm, files, menus, node, states, steps, temporary, terminal

from ..processes import Processes
from .conftest import ROOT, Shot, dmp_node, pixels, press
from .test_terminal import run_nuke, saved


@pytest.fixture
def dmp(shot: Shot, tmp_path: Path) -> Any:
    made = dmp_node(*shot.reads(), tmp_path / "v001" / "matte.%04d.exr", temporal="off")
    made["first"].setValue(1001)
    made["last"].setValue(1003)
    return made


def brighter(made: Any) -> None:
    """What is above the plate has to be rendered then."""
    grade = nuke.nodes.Multiply(value=2.0)
    grade.setInput(0, made.input(0))
    made.setInput(0, grade)


def test_plates_of_a_crashed_nuke_are_swept(
    session: Session, tmp_path: Path, start_process: Processes, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("NUKE_TEMP_DIR", str(tmp_path))
    own = temporary.new_folder()
    ended = start_process([sys.executable, "-c", ""])
    ended.wait()
    crashed = Path(str(own).replace(f".{os.getpid()}.", f".{ended.pid}."))
    crashed.mkdir()
    (crashed / "image.main.1001.exr").write_bytes(b"half a plate")
    elsewhere = Path(str(crashed).replace(f"-{SYSTEM}.", "-0badcafe."))
    elsewhere.mkdir()
    artists = tmp_path / "dmp-nuke-notes"
    artists.mkdir()
    menus.add()
    assert sorted(tmp_path.iterdir()) == sorted([own, elsewhere, artists])


def test_plates_that_are_plain_exrs_are_not_rendered(
    dmp: Any, session: Session, engine: Connection
) -> None:
    assert press(dmp, "matte_range").startswith("Done: 3 frames in")
    assert session.renders == []
    brighter(dmp)
    dmp["solve"].setValue("all frames")
    assert press(dmp, "matte_range").startswith("Done: 3 frames in")
    steps = [(name.rpartition(".")[2], first, last) for name, first, last, _ in session.renders]
    assert steps == [("write_image", number, number) for number in (1001, 1002, 1003)]


def test_nuke_is_free_between_two_rendered_frames(
    dmp: Any, session: Session, engine: Connection
) -> None:
    """Cancel in the middle; and a node above that is changed meanwhile is no silent mixture."""
    brighter(dmp)
    dmp["matte_range"].execute()
    assert session.renders == [], "the button is back before the first frame"
    session.bars[-1].cancelled = True
    assert press(dmp, "reload").startswith("There are no frames") or not session.renders
    session.bars[-1].cancelled = False
    seen = len(session.renders)
    assert seen < 3
    dmp["matte_range"].execute()
    grade = dmp.input(0)
    nuke.addAfterRender(lambda: grade["value"].setValue(3.0))
    sentence = press(dmp, "reload")
    assert "were changed while its inputs were rendered; press Matte again." in sentence


def test_the_files_of_a_node(dmp: Any, session: Session, engine: Connection) -> None:
    press(dmp, "matte_range")
    folder = Path(dmp["file"].value()).parent
    (folder.parent / "v002").mkdir()
    (folder.parent / "v002" / "matte.1001.exr").write_bytes(b"12")
    session.form, session.answers = {files.WANTED: "1001-1002"}, [True]
    dmp["list_files"].execute()
    lines = session.forms[-1][files.SHOWN].splitlines()
    assert lines[0].endswith("/v001/matte.%04d.exr") and lines[1].startswith("3 EXRs, ")
    assert lines[2:] == ["1001-1003: 3 solved, 0 stale, 0 missing", "v002: 1 files, 0.0 MB"]
    assert [path.name for path in folder.glob("*.exr")] == ["matte.1003.exr"]
    assert dmp["status"].value() == ("Deleted 2 EXRs. 1001-1003: 1 solved, 0 stale, 2 missing.")
    session.form, session.answers = {files.WANTED: "1003"}, [False]
    dmp["list_files"].execute()
    assert (folder / "matte.1003.exr").exists(), "the artist changed their mind"
    session.form = {files.WANTED: "7"}
    dmp["list_files"].execute()
    assert dmp["status"].value() == "There is no EXR of the frames 7."


def test_no_other_files_are_deleted(
    dmp: Any, shot: Shot, session: Session, engine: Connection
) -> None:
    """Neither an artist's EXRs of the same names, nor another node's."""
    nuke.frame(1001)
    press(dmp, "matte_frame")
    folder = Path(dmp["file"].value()).parent
    (folder / "matte.1002.exr").write_bytes((shot.folder / "plate.1002.exr").read_bytes())
    session.form, session.answers = {files.WANTED: "1001-1002"}, [True]
    dmp["list_files"].execute()
    assert session.messages[-1] == (
        f"Delete 1 EXRs, {folder.as_posix()}/matte.1001.exr first? 1 of something else stay."
    )
    assert session.forms[-1][files.SHOWN].splitlines()[2:] == [
        "1001-1003: 1 solved, 1 stale, 1 missing", "stale: 1002", "missing: 1003",
    ]  # fmt: skip
    assert [path.name for path in folder.glob("*.exr")] == ["matte.1002.exr"]
    dmp["list_files"].execute()
    assert dmp["status"].value() == (
        "No EXR of the frames 1001-1002 was made from this node's plate; delete them by hand."
    )
    press(dmp, "matte_frame")
    other = dmp_node(*shot.reads(), folder / "matte.%04d.exr")
    other["list_files"].execute()
    assert other["status"].value().startswith("DMPMatte1 writes the same files as DMPMatte2")
    assert len(list(folder.glob("*.exr"))) == 2


def test_a_farm_job_is_written_from_the_node(dmp: Any, session: Session) -> None:
    press(dmp, "submit")
    bundle = Path(dmp["file"].value()).parent / "farm" / "DMPMatte1"
    assert dmp["status"].value().startswith(f"Wrote the farm job {bundle.as_posix()};")
    values = json.loads((bundle / "openjd_parameters.json").read_text())
    assert values["Image"].endswith("/plate.%04d.exr") and values["Frames"] == "1001-1003"
    assert values["Output"] == dmp["file"].value() and session.renders == []
    assert values["Around"] == "1001-1003"
    assert json.loads(values["Settings"])["joint_steps"] == 3
    assert (bundle / "template.json").exists()
    dmp["colour"].setValue("named")
    press(dmp, "submit")
    assert dmp["status"].value() == (
        "A farm gives mattes in the working space; set Colour to scene-linear or raw."
    )


def test_a_farm_job_of_one_frame_has_its_neighbours(dmp: Any, session: Session) -> None:
    """A frame comes out the same alone as with its range: from files, and from rendered plates."""
    dmp["set_temporal"].setValue("neighbours")
    dmp["only"].setValue("1002")
    bundle = Path(dmp["file"].value()).parent / "farm" / "DMPMatte1"
    for plates in ("plate.%04d.exr", "image.main.####.exr"):
        press(dmp, "submit")
        values = json.loads((bundle / "openjd_parameters.json").read_text())
        assert (values["Frames"], values["Around"]) == ("1002", "1001-1003")
        assert values["Image"].endswith(plates)
        (shot,) = finish(collect.collecting([dmp])).shots
        assert (shot.frames, shot.around) == ((1002,), (1001, 1002, 1003))
        assert shot.context(shot.frames) == (1001, 1003)
        brighter(dmp)
    collect.forget_plates()


def test_nuke_is_free_while_a_farm_jobs_plates_are_rendered(dmp: Any, session: Session) -> None:
    brighter(dmp)
    bundle = Path(dmp["file"].value()).parent / "farm" / "DMPMatte1"
    dmp["submit"].execute()
    assert session.renders == [], "the button is back before the first frame"
    other = dmp_node(dmp.input(0), dmp.input(1), Path(dmp["file"].value()).parent / "o.%04d.exr")
    other["submit"].execute()
    wanted = "'DMP Matte: farm job of DMPMatte1' is under way; wait, or cancel it."
    assert other["status"].value() == wanted
    run_until(lambda: len(session.renders) == 1)
    session.bars[-1].cancelled = True
    run_until(lambda: not steps.RUNNING)
    assert dmp["status"].value() == "Cancelled while the inputs were rendered."
    assert len(session.renders) < 6 and not (bundle / "template.json").exists()
    dmp["submit"].execute()
    run_until(lambda: len(session.renders) > 1)
    nuke.delete(dmp)
    run_until(lambda: not steps.RUNNING)
    assert not (bundle / "template.json").exists()


def test_a_frame_of_a_farm_is_the_ranges(
    dmp: Any, session: Session, engine: Connection, tmp_path: Path
) -> None:
    """What goes to Submit, a list of shots or a publish is solved with its neighbours."""
    dmp["set_temporal"].setValue("neighbours")
    press(dmp, "matte_range")
    dmp["only"].setValue("1002")
    (shot,) = finish(collect.collecting([dmp])).shots
    list(run_shots([replace(shot, output=str(tmp_path / "farm.####.exr"))]))
    (own, _), (farmed, _) = (
        pixels(path) for path in (tmp_path / "v001/matte.1002.exr", tmp_path / "farm.1002.exr")
    )
    assert np.array_equal(farmed["A"], own["A"])
    shutil.copy(tmp_path / "farm.1002.exr", tmp_path / "v001" / "matte.1002.exr")
    assert states.frame_states(dmp, [1002]) == {1002: FrameStatus.SOLVED}


def test_two_nodes_with_one_folder_have_a_farm_job_each(
    dmp: Any, shot: Shot, session: Session, tmp_path: Path
) -> None:
    other = dmp_node(*shot.reads(), tmp_path / "v001" / "other.%04d.exr", temporal="off")
    jobs = [tmp_path / "v001" / "farm" / name for name in ("DMPMatte1", "DMPMatte2")]
    for made in (dmp, other):
        for knob, number in (("first", 1001), ("last", 1001)):
            made[knob].setValue(number)
        brighter(made)
        press(made, "submit")
    for made, job in zip((dmp, other), jobs, strict=True):
        values = json.loads((job / "openjd_parameters.json").read_text())
        assert values["Output"] == made["file"].value()
        assert values["Image"] == f"{job.as_posix()}/plates/image.main.1001.exr"


def test_a_batch_goes_on_from_frames_that_nuke_has_solved(
    dmp: Any, session: Session, engine: Connection, tmp_path: Path
) -> None:
    """Their header names the node's plate; the list of shots has the rendered one."""
    brighter(dmp)
    nuke.frame(1001)
    press(dmp, "matte_frame")
    nuke.scriptSaveAs(str(tmp_path / "shot.nk"))
    to = ["--plates", str(tmp_path / "jobs")]
    assert terminal.main([str(tmp_path / "shot.nk"), *to]) == 0
    shots = read_shots(tmp_path / "jobs" / "shots.json", {})
    check_others(shots)
    record = tmp_path / "jobs" / "DMPMatte1" / "made_from.json"
    for text in (record.read_text().replace("/plate.", "/other."), "{", "[1]"):
        record.write_text(text)
        with pytest.raises(InputError, match="matte.1001.exr comes from another plate"):
            check_others(shots)


def test_plates_of_other_shots_are_not_replaced(
    dmp: Any, session: Session, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """The farm may still have to solve them; both scripts have a node of one name."""
    to = ["--plates", str(tmp_path / "jobs")]
    nuke.scriptSaveAs(str(tmp_path / "a_v001.nk"))
    assert terminal.main([str(tmp_path / "a_v001.nk"), *to]) == 0
    (made,) = node.all_nodes()
    made["file"].setValue((tmp_path / "b" / "matte.%04d.exr").as_posix())
    nuke.scriptSaveAs(str(tmp_path / "b.nk"))
    assert terminal.main([str(tmp_path / "b.nk"), *to]) == 2
    assert capsys.readouterr().err == (
        f"DMP: {tmp_path.as_posix()}/jobs holds the plates of another script, "
        f"{tmp_path.as_posix()}/a; give another folder, or add --again.\n"
    )
    nuke.scriptSaveAs(str(tmp_path / "a_v002.nk"))
    assert terminal.main([str(tmp_path / "a_v002.nk"), *to]) == 0, "its own again"
    assert terminal.main([str(tmp_path / "b.nk"), *to, "--again"]) == 0
    nuke.delete(nuke.toNode("DMPMatte1"))
    nuke.scriptSaveAs(str(tmp_path / "empty.nk"))
    for arguments in ([], to):
        assert terminal.main([str(tmp_path / "empty.nk"), *arguments]) == 2
        assert capsys.readouterr().err == "DMP: The script has no DMP Matte node.\n"


@pytest.mark.parametrize("keep", ["at 5,6", "box 1,2,30,20", "at 5,6@1002"])
def test_a_place_to_keep_is_not_followed_by_a_farm(
    shot: Shot, session: Session, tmp_path: Path, keep: str
) -> None:
    """In Nuke it stays where it is; a farm and a publish give the same mattes."""
    made = dmp_node(*shot.reads(), tmp_path / "matte.%04d.exr")
    made["keep"].setValue("as written")
    made["keep_text"].setValue(keep)
    made["first"].setValue(1001)
    made["last"].setValue(1003)
    (one,) = read_shots(Path(farm.write_shots([made], str(tmp_path / "farm"), [])), {})
    assert not follows(one)
    for number in (1001, 1002, 1003):
        wanted = Keep.parse(keep)
        sent = Keep.parse(one.settings.keep)
        assert (sent.kind, sent.numbers(number)) == (wanted.kind, wanted.numbers(number))


def test_plates_only_and_then_a_batch_without_nuke(
    shot: Shot, engine: Connection, tmp_path: Path
) -> None:
    """Nuke's licence is held while it renders, and not while the engine solves."""
    script = saved(shot, tmp_path, only="1001 1003")
    made = nuke.toNode("DMPMatte1")
    brighter(made)
    nuke.scriptSaveAs(str(script))
    ran = run_nuke("-t", ROOT / "nuke" / "dmp_batch.py", script, "--plates", tmp_path / "farm")
    assert ran.returncode == 0, ran.stderr
    listed = tmp_path / "farm" / "shots.json"
    assert ran.stdout.strip() == f"DMP Matte: wrote {listed}; solve it with `dmp batch`."
    (one,) = read_shots(listed, {})
    assert one.frames == (1001, 1003) and one.output == made["file"].value()
    assert one.around == (1001, 1002, 1003), "the frame between them is their neighbour"
    assert one.settings.joint_steps == 3 and one.settings.preset == "draft"
    assert sorted(path.name for path in (tmp_path / "farm" / "DMPMatte1").iterdir()) == [
        *(f"{role}.main.{n}.exr" for role in ("clean", "image") for n in (1001, 1002, 1003)),
        "made_from.json",
    ]
    assert not list(tmp_path.glob("matte.*"))
