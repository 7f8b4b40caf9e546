"""nuke -t and the start-up files, each in a process of its own: as a farm and a user start Nuke."""

from __future__ import annotations

import os
import subprocess
import sys
import sysconfig
from pathlib import Path

import nuke
import numpy as np
import pytest
from nuke_standin.session import Session

from dmp_matting.client.connection import Connection

from .conftest import HERE, ROOT, Shot, dmp_node, pixels

ROOM = ROOT / "nuke"


def run_nuke(
    *arguments: object, path: str = str(ROOM), **environment: str
) -> subprocess.CompletedProcess[str]:
    """Nuke's stand-in with NUKE_PATH; dmp_matting is found from there, and only from there."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith("PYTHON")}
    kept |= {
        "PYTHONPATH": os.pathsep.join([str(HERE / "standin"), sysconfig.get_path("platlib")]),
        "NUKE_PATH": path,
        "DMP_ENGINE_PYTHON": sys.executable,
        **environment,
    }
    # -S: an editable install of dmp_matting would be found before what NUKE_PATH offers.
    command = [sys.executable, "-S", "-m", "nuke_standin", *map(str, arguments)]
    return subprocess.run(command, env=kept, capture_output=True, text=True, cwd="/")


def saved(shot: Shot, tmp_path: Path, **values: object) -> Path:
    """A script with a DMP node that was never pressed, and a Write behind it."""
    dmp = dmp_node(*shot.reads(), tmp_path / "matte.%04d.exr")
    for name, value in {"first": 1001, "last": 1003, **values}.items():
        dmp[name].setValue(value)
    write = nuke.nodes.Write(name="Final", file=(tmp_path / "final.%04d.exr").as_posix())
    write["channels"].setValue("rgba")
    write.setInput(0, dmp)
    nuke.scriptSaveAs(str(tmp_path / "shot.nk"))
    return tmp_path / "shot.nk"


def test_a_batch(shot: Shot, engine: Connection, tmp_path: Path) -> None:
    """Only what is missing; and the saved script renders on a plain farm machine."""
    script, done = saved(shot, tmp_path), tmp_path / "done.nk"
    ran = run_nuke("-t", ROOM / "dmp_batch.py", script, "--frames=1002")
    assert ran.returncode == 0, ran.stderr
    assert "DMP: DMPMatte1: 1 frames to solve." in ran.stdout
    there = (tmp_path / "matte.1002.exr").stat().st_mtime_ns

    ran = run_nuke("-t", ROOM / "dmp_batch.py", script, "--save", done)
    assert ran.returncode == 0, ran.stderr
    assert "DMP: DMPMatte1: 2 frames to solve." in ran.stdout
    assert f"DMP: DMPMatte1: {tmp_path / 'matte.1003.exr'} (2 of 2)" in ran.stdout
    assert (tmp_path / "matte.1002.exr").stat().st_mtime_ns == there

    ran = run_nuke("-t", ROOM / "dmp_batch.py", script)
    assert "DMP: DMPMatte1: all 3 frames are there." in ran.stdout

    ran = run_nuke("-x", "-X", "Final", "-F", "1001-1003", done, path="")
    assert ran.returncode == 0, ran.stderr
    for number in (1001, 1002, 1003):
        matte, _ = pixels(tmp_path / f"matte.{number}.exr")
        final, _ = pixels(tmp_path / f"final.{number}.exr")
        assert np.array_equal(matte["A"], final["A"])


def test_a_farm_computes_only_when_it_was_allowed(
    shot: Shot, engine: Connection, tmp_path: Path
) -> None:
    script = saved(shot, tmp_path)
    arguments = ("-t", ROOM / "dmp_batch.py", script, "--render", "Final", "--frames=1001-1002")
    ran = run_nuke(*arguments)
    assert ran.returncode == 2 and "DMP: Final cannot be rendered: result: " in ran.stderr
    assert not list(tmp_path.glob("matte*")), "never by surprise"

    nuke.toNode("DMPMatte1")["compute_missing"].setValue(True)
    nuke.scriptSaveAs(str(script))
    ran = run_nuke(*arguments)
    assert ran.returncode == 0, ran.stderr
    assert (tmp_path / "final.1002.exr").exists() and not (tmp_path / "matte.1003.exr").exists()


@pytest.mark.parametrize(
    ("arguments", "code", "sentence"),
    [
        (["--frames=x"], 2, "--frames takes a range such as 1001-1100, not 'x'."),
        (["--frames", "1001-1003"], 2,
         "--frames has no range: Nuke takes one at the end of the command for itself; "
         "write --frames=1001-1100."),
        (["--node", "DMPMatte7"], 2, "The script has no DMP Matte node 'DMPMatte7'."),
        (["--render", "Nobody", "--frames=1001"], 2,
         "The script has no node 'Nobody' to render."),
    ],
)  # fmt: skip
def test_a_batch_that_cannot_be(
    shot: Shot, engine: Connection, tmp_path: Path, arguments: list[str], code: int, sentence: str
) -> None:
    ran = run_nuke("-t", ROOM / "dmp_batch.py", saved(shot, tmp_path), *arguments)
    assert (ran.returncode, ran.stderr.strip()) == (code, f"DMP: {sentence}")


def test_a_batch_without_an_engine(shot: Shot, tmp_path: Path, session: Session) -> None:
    script = saved(shot, tmp_path)
    gone = {"DMP_ENGINE_PYTHON": "/no/python", "DMP_RUN_DIR": str(tmp_path / "r")}
    ran = run_nuke("-t", ROOM / "dmp_batch.py", script, "--frames=1001", **gone)
    assert ran.returncode == 3
    assert ran.stderr.strip() == (
        "DMP: DMP_ENGINE_PYTHON names '/no/python', which is not a program; "
        "unset DMP_ENGINE_PYTHON, or point it at a Python with the engine."
    )


LOOK = """
import nuke
from nuke_standin.session import session
node = nuke.menu("Nodes").findItem("Keyer").findItem("DMP Matte")
node[0]()
items = sorted(nuke.menu("Nuke").menu("DMP Matte")._items)
print("made", nuke.toNode("DMPMatte1").Class(), node[1], items)
print("widgets", session.widgets)
"""


def test_start_up_of_the_gui(tmp_path: Path) -> None:
    """menu.py makes Nodes > Keyer > DMP, whose item makes the node."""
    (tmp_path / "look.py").write_text(LOOK)
    ran = run_nuke("--gui", "-t", tmp_path / "look.py")
    assert ran.returncode == 0, ran.stderr
    assert "made Group dmp.png ['Create node'" in ran.stdout
    assert (ROOM / "dmp.png").is_file()


def test_start_up_without_dmp_matting_is_one_line_and_nuke_starts(tmp_path: Path) -> None:
    """A copy of nuke/ alone, as somebody might install it by half."""
    room = tmp_path / "half" / "nuke"
    (room / "dmp_nuke").mkdir(parents=True)
    for file in [*ROOM.glob("*.py"), *(ROOM / "dmp_nuke").glob("*.py")]:
        (room / file.relative_to(ROOM)).write_bytes(file.read_bytes())
    (tmp_path / "started.py").write_text("print('Nuke started')")
    for gui, lines in (([], 1), (["--gui"], 2)):
        ran = run_nuke(*gui, "-t", tmp_path / "started.py", path=str(room))
        assert ran.returncode == 0 and ran.stderr == ""
        printed = ran.stdout.splitlines()
        assert printed[-1] == "Nuke started" and len(printed) == lines + 1
        assert printed[0] == (
            "DMP is not available: the package dmp_matting is neither in "
            f"{room / 'vendor'} nor in {room.parent / 'plugin'}."
        )


def test_start_up_with_a_broken_file(tmp_path: Path) -> None:
    room = tmp_path / "nuke"
    (room / "dmp_nuke").mkdir(parents=True)
    for name in ("init.py", "menu.py"):
        (room / name).write_bytes((ROOM / name).read_bytes())
    (room / "dmp_nuke" / "__init__.py").write_text("def broken(:\n")
    (tmp_path / "started.py").write_text("print('Nuke started')")
    ran = run_nuke("--gui", "-t", tmp_path / "started.py", path=str(room))
    assert ran.returncode == 0 and ran.stderr == ""
    assert ran.stdout.splitlines()[-1] == "Nuke started"
    assert ran.stdout.startswith("DMP is not available: invalid syntax")
