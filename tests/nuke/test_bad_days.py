"""What an artist reads when something is wrong: each sentence, word for word."""

from __future__ import annotations

import contextlib
import os
import shutil
import signal
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import Any

import nuke
import pytest
from nuke_standin.session import Session, run_until

from dmp_matting.client.connection import Connection
from dmp_matting.client.launcher import find_engine
from dmp_matting.errors import EngineMissingError
from dmp_nuke import buttons, jobs
from dmp_nuke.results import Severity

from ..conftest import Home, children, engine_jobs, kill, wait_until
from .conftest import Shot, dmp_node, graded, pixels, press

RED = 0xB02020FF
# launcher.start_engine may return before the process that it started has handed over to the engine
# and ended; its Popen then warns when it is collected, in whatever test that happens.
LEAVES_A_STARTER = pytest.mark.filterwarnings(
    "ignore:subprocess .* is still running:ResourceWarning",
    "ignore::pytest.PytestUnraisableExceptionWarning",
)


@pytest.fixture
def dmp(shot: Shot, session: Session, tmp_path: Path) -> Iterator[Any]:
    """A node that would work, on frame 1001, by the one method whose steps can be any number."""
    made = dmp_node(*shot.reads(), tmp_path / "matte.%04d.exr", preset="paper")
    made["first"].setValue(1001)
    made["last"].setValue(1003)
    nuke.frame(1001)
    yield made


def failed(dmp: Any, session: Session, sentence: str) -> None:
    """The same sentence on the node and in a message, the tile red, nothing left behind."""
    assert dmp["status"].value() == sentence
    assert session.messages == [sentence]
    assert dmp["tile_color"].value() == RED
    assert not jobs.RUNNING and not dmp["job"].value()
    folder = Path(dmp["file"].value() or "/nowhere/x").parent
    assert not list(folder.glob("*.part")) and not list(folder.glob("*.tmp"))


def test_no_engine(
    dmp: Any, session: Session, home: Home, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    missing = tmp_path / "python"
    monkeypatch.setenv("DMP_ENGINE_PYTHON", str(missing))
    press(dmp, "matte_frame")
    failed(
        dmp,
        session,
        f"DMP_ENGINE_PYTHON names '{missing}', which is not a program; "
        "unset DMP_ENGINE_PYTHON, or point it at a Python with the engine.",
    )


def test_no_engine_inside_nuke(
    dmp: Any, session: Session, home: Home, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As in Nuke, whose sys.executable is Nuke."""
    monkeypatch.delenv("DMP_ENGINE_PYTHON", raising=False)
    monkeypatch.setattr("sys.executable", "/usr/local/Nuke15.1v5/Nuke15.1")
    press(dmp, "matte_frame")
    failed(
        dmp,
        session,
        "The DMP engine was not found; press Install Engine, or run `dmp setup --install`.",
    )
    assert EngineMissingError.exit_code == 3


@LEAVES_A_STARTER
def test_the_engine_dies_once(dmp: Any, home: Home) -> None:
    """It is started again, and the artist's matte comes."""
    dmp["set_joint_steps"].setValue(60)
    dmp["matte_frame"].execute()
    run_until(lambda: bool(dmp.node("preview")["file"].value()))
    engine = find_engine()
    assert engine is not None
    os.kill(engine.pid, signal.SIGKILL)
    run_until(lambda: not jobs.RUNNING, 120)
    assert dmp["status"].value().startswith("Done: 1 frame in ")


@LEAVES_A_STARTER
def test_the_engine_dies_each_time(dmp: Any, session: Session, home: Home) -> None:
    """Three workers killed over one frame: the engine gives it up, and says so."""
    dmp["set_joint_steps"].setValue(1_000_000)
    dmp["matte_frame"].execute()
    killed: list[int] = []
    shown: tuple[int, int] | None = None  # the last preview of those that were killed

    def kill_what_solves() -> bool:
        nonlocal shown
        engine = find_engine()
        for worker in children(engine.pid) if engine and jobs.RUNNING else []:
            if worker in killed:
                continue
            now = newest_preview(home)
            if now is not None and now != shown:  # no dead worker wrote it: this one solves
                kill(worker)
                killed.append(worker)
                wait_until(partial(gone, worker), 10)
                shown = newest_preview(home)
        return not jobs.RUNNING

    run_until(kill_what_solves, 120)
    failed(
        dmp,
        session,
        "The engine's worker died 3 times on frame 1001 (exit code -9), perhaps for want of "
        "memory: try a smaller solve size; see `dmp engine log`.",
    )
    assert len(killed) == 3


def newest_preview(home: Home) -> tuple[int, int] | None:
    """Which file the engine's preview of its one job is: each refresh is a new one."""
    for path in home.cache.glob("jobs-*/*/preview.png"):
        with contextlib.suppress(FileNotFoundError):
            status = path.stat()
            return status.st_ino, status.st_mtime_ns
    return None


def gone(pid: int) -> bool:
    """Whether the process can write nothing any more."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(") ")[2][0] in "ZX"
    except OSError:
        return True


def test_the_queue_is_busy(dmp: Any, shot: Shot, engine: Connection, tmp_path: Path) -> None:
    """Two DMP nodes at once: the second waits, shows so, and is solved."""
    plate, clean = shot.reads()
    first = dmp_node(
        plate, clean, tmp_path / "other.%04d.exr", joint_steps=1_000_000, preset="paper"
    )
    first["matte_frame"].execute()
    run_until(lambda: bool(first.node("preview")["file"].value()))
    dmp["seed"].setValue(7177)  # or the engine's cache may have it from another test, at once
    dmp["matte_frame"].execute()
    waiting = "Waiting. Busy on "
    run_until(lambda: dmp["status"].value().startswith(waiting))
    assert dmp["status"].value().endswith(", 1 waiting.")
    first["cancel"].execute()
    run_until(lambda: not jobs.RUNNING)
    assert first["status"].value() == "Cancelled; 0 of 1 frames are done."
    assert dmp["status"].value().startswith("Done: 1 frame in ")
    assert first["tile_color"].value() == dmp["tile_color"].value() == 0


def test_the_same_node_twice(dmp: Any, session: Session, engine: Connection) -> None:
    dmp["set_joint_steps"].setValue(1_000_000)
    dmp["matte_frame"].execute()
    dmp["matte_frame"].execute()
    assert session.messages == ["DMPMatte1 is solving already; press Cancel first."]
    assert press(dmp, "cancel") == "Cancelled; 0 of 1 frames are done."


@pytest.mark.parametrize(
    ("index", "sentence"),
    [
        (0, "Connect the plate input of DMPMatte1."),
        (1, "Connect the clean plate input of DMPMatte1 or press Build clean plate."),
    ],
)
def test_an_input_is_not_connected(dmp: Any, session: Session, index: int, sentence: str) -> None:
    dmp.setInput(index, None)
    press(dmp, "matte_frame")
    failed(dmp, session, sentence)


def test_a_clean_plate_of_another_format(dmp: Any, session: Session, tmp_path: Path) -> None:
    (tmp_path / "big").mkdir()
    other = Shot(tmp_path / "big", range(1001, 1002), (96, 64))
    dmp.setInput(1, other.reads()[1])
    press(dmp, "matte_frame")
    failed(
        dmp,
        session,
        "The clean plate is 80 x 56 but the plate is 32 x 24; "
        "put a Reformat after the clean plate.",
    )
    assert session.renders == [], "seen before anything was rendered"


def test_a_frame_of_the_plate_is_missing(dmp: Any, session: Session, tmp_path: Path) -> None:
    (tmp_path / "plate.1002.exr").unlink()
    press(dmp, "matte_range")
    path = (tmp_path / "plate.1002.exr").as_posix()
    failed(
        dmp,
        session,
        f"The plate cannot be rendered: Read1: Error reading {path}: No such file or directory.",
    )
    assert all(write["disable"].value() for write in dmp.nodes() if write.Class() == "Write")


def test_a_folder_that_may_not_be_written(dmp: Any, session: Session, tmp_path: Path) -> None:
    folder = tmp_path / "locked"
    folder.mkdir(mode=0o500)
    if os.access(folder, os.W_OK):
        folder = Path("/proc/1")  # for root every folder of a disk can be written
        if os.access(folder, os.W_OK):
            pytest.skip("this user may write everywhere")
    dmp["file"].setValue(f"{folder}/matte.%04d.exr")
    press(dmp, "matte_frame")
    failed(dmp, session, f"The output folder {folder} is not writable.")
    assert session.renders == []


@pytest.mark.parametrize(
    ("output", "sentence"),
    [
        ("", "DMPMatte1 has no output; name the EXRs, such as matte.%04d.exr."),
        ("/x/m.%04d.png",
         "The output '/x/m.%04d.png' does not end in .exr; the matte is written as EXR."),
        ("/x/m.exr", "The output '/x/m.exr' has no frame number; put %04d into its name."),
        ("m.%04d.exr",
         "The output 'm.%04d.exr' is no full path; start it at the disk's root, or set the "
         "project directory in the project settings."),
        ("/no/such/m.%04d.exr", "The folder /no does not exist; make it first."),
    ],
)  # fmt: skip
def test_an_output_that_cannot_be(dmp: Any, session: Session, output: str, sentence: str) -> None:
    dmp["file"].setValue(output)
    press(dmp, "matte_frame")
    failed(dmp, session, sentence)


def test_a_range_that_is_none(dmp: Any, session: Session) -> None:
    dmp["last"].setValue(1000)
    press(dmp, "matte_range")
    failed(dmp, session, "The frame range ends at 1000, before it starts at 1001.")


def test_a_setting_out_of_range(dmp: Any, session: Session) -> None:
    dmp["set_rounds"].setValue(99)
    press(dmp, "matte_frame")
    failed(dmp, session, "Setting 'rounds' lies between 1 and 10, not 99.")


def test_a_colour_space_without_a_name(dmp: Any, session: Session) -> None:
    dmp["colour"].setValue("named")
    dmp["colour_space"].setValues(["", "sRGB"])  # as in a node whose configuration is gone
    dmp["colour_space"].setValue("")
    press(dmp, "matte_frame")
    failed(dmp, session, "Name the plates' colour space beside Colour, or choose another one.")


def test_an_unknown_colour_space(dmp: Any, session: Session, engine: Connection) -> None:
    dmp["colour"].setValue("named")
    dmp["colour_space"].setValues(["Kodachrome"])
    dmp["colour_space"].setValue("Kodachrome")
    sentence = press(dmp, "matte_frame")
    failed(dmp, session, sentence)
    assert sentence.startswith(
        "There is no colour space 'Kodachrome'; use auto, raw, sRGB, scene_linear or one of the "
    )


def test_an_unknown_view(dmp: Any, session: Session) -> None:
    dmp["views"].setValue("left")
    press(dmp, "matte_frame")
    failed(dmp, session, "The script has no view 'left', only main.")


def test_a_disk_that_is_too_small(
    dmp: Any, session: Session, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("NUKE_TEMP_DIR", str(tmp_path))
    real = shutil.disk_usage(tmp_path)
    monkeypatch.setattr(shutil, "disk_usage", lambda path: real._replace(free=1000))
    dmp.setInput(0, graded(dmp.input(0)))
    press(dmp, "matte_range")
    failed(
        dmp,
        session,
        f"The plates need up to 0.0 GB in {tmp_path.as_posix()}, which has 0.0 GB free; "
        "set NUKE_TEMP_DIR, or matte a shorter range.",
    )


def test_proxy_mode_is_off_for_the_render_and_on_again(
    dmp: Any, session: Session, engine: Connection, tmp_path: Path
) -> None:
    dmp.setInput(0, graded(dmp.input(0)))
    nuke.root()["proxy"].setValue(True)
    assert press(dmp, "matte_frame").startswith("Done")
    assert nuke.root()["proxy"].value() is True
    _, spec = pixels(tmp_path / "matte.1001.exr")
    assert (spec.width, spec.height) == (48, 32), "the plate's own size"
    (tmp_path / "plate.1001.exr").unlink()
    press(dmp, "matte_frame")
    assert nuke.root()["proxy"].value() is True, "also when the render fails"


def test_the_wrong_clean_plate_is_reported(
    dmp: Any, shot: Shot, session: Session, engine: Connection
) -> None:
    """The plate twice: the engine's warning is on the node, in amber, and the matte is there."""
    dmp.setInput(1, dmp.input(0))
    sentence = press(dmp, "matte_frame")
    assert sentence.startswith("Done: 1 frame in ")
    assert sentence.endswith(
        "Frame 1001: The plate and the clean plate are the same picture: alpha is empty. "
        "Check that the plate shows the subject."
    )
    assert dmp["tile_color"].value() == Severity.WARNING.value


def test_the_artists_tile_comes_back(dmp: Any, session: Session, engine: Connection) -> None:
    green = 0x20A020FF
    dmp["tile_color"].setValue(green)
    dmp.setInput(0, None)
    press(dmp, "matte_frame")
    press(dmp, "matte_frame")
    assert dmp["tile_color"].value() == RED
    dmp.setInput(0, dmp.input(1))
    press(dmp, "cancel")
    assert dmp["status"].value() == "Nothing is running."
    assert dmp["tile_color"].value() == green


def test_nuke_own_progress_bar_was_cancelled(
    dmp: Any, session: Session, monkeypatch: pytest.MonkeyPatch
) -> None:
    def cancelled(*what: Any) -> None:
        raise RuntimeError("Cancelled")

    monkeypatch.setattr(nuke, "execute", cancelled)
    dmp.setInput(0, graded(dmp.input(0)))
    press(dmp, "matte_frame")
    assert dmp["status"].value() == "Cancelled while the inputs were rendered."


def test_cancel_in_the_progress_bar(dmp: Any, session: Session, engine: Connection) -> None:
    """Finished frames stay."""
    dmp["matte_frame"].execute()
    run_until(lambda: not jobs.RUNNING)
    dmp["set_joint_steps"].setValue(1_000_000)
    dmp["matte_range"].execute()
    run_until(lambda: session.bars[-1].message.startswith("Frame 1001 (1 of 3): "))
    session.bars[-1].cancelled = True
    run_until(lambda: not jobs.RUNNING)
    assert dmp["status"].value() == "Cancelled; 0 of 3 frames are done."
    alpha = dmp._image(1001, "main").channels["rgba.alpha"]
    assert alpha.max() > 0, "frame 1001 of before"


def test_a_bug_of_ours_is_a_sentence_too(
    dmp: Any, session: Session, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setitem(buttons.ACTIONS, "clear", lambda node: 1 // 0)
    press(dmp, "clear")
    failed(dmp, session, "DMP hit a bug: ZeroDivisionError: integer division or modulo by zero.")
    assert "Traceback" in capsys.readouterr().err, "for the Script Editor"


def test_a_bug_in_a_tick_ends_the_job(
    dmp: Any, session: Session, engine: Connection, monkeypatch: pytest.MonkeyPatch
) -> None:
    def bug(self: Any, node: Any, event: Any) -> None:
        raise KeyError("x")

    monkeypatch.setattr(jobs.Running, "_show", bug)
    dmp["set_joint_steps"].setValue(1_000_000)
    press(dmp, "matte_frame")
    assert dmp["status"].value() == "DMP hit a bug: KeyError: 'x'."
    run_until(lambda: all(job["state"] != "running" for job in engine_jobs(engine)))


def test_an_inner_node_was_taken_out(dmp: Any, session: Session) -> None:
    dmp.setInput(1, graded(dmp.input(1)))
    nuke.delete(dmp.node("write_clean"))
    press(dmp, "matte_frame")
    failed(dmp, session, "DMPMatte1 has lost its inner node 'write_clean'; make a new DMP node.")
