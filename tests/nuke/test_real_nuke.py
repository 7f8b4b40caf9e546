"""The same checks in the stand-in, always, and in a real Nuke where NUKE_EXECUTABLE names one.

    NUKE_EXECUTABLE=/usr/local/Nuke15.1v5/Nuke15.1 python -m pytest tests/nuke/test_real_nuke.py

A real Nuke wants a licence (a render licence is enough for -t and -x).
"""

from __future__ import annotations

import json
import os
import runpy
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from nuke_standin.session import Session, run_until

from dmp_matting.client.connection import Connection
from dmp_nuke import menus

from .conftest import HERE, ROOT, Shot, pixels

REAL = os.environ.get("NUKE_EXECUTABLE", "")
STANDIN = [sys.executable, "-m", "nuke_standin"]
WHY = "NUKE_EXECUTABLE is not set: nothing here was tried in a real Nuke"


@pytest.fixture(
    params=[
        pytest.param("stand-in"),
        pytest.param("real Nuke", marks=pytest.mark.skipif(not REAL, reason=WHY)),
    ]
)
def command(request: pytest.FixtureRequest) -> list[str]:
    return [REAL] if request.param == "real Nuke" else STANDIN


def run(command: list[str], *arguments: object, path: str) -> subprocess.CompletedProcess[str]:
    kept = {name: value for name, value in os.environ.items() if not name.startswith("PYTHON")}
    kept |= {"NUKE_PATH": path, "DMP_ENGINE_PYTHON": sys.executable}
    if command is STANDIN:
        kept["PYTHONPATH"] = str(HERE / "standin")
    whole = [*command, *map(str, arguments)]
    return subprocess.run(whole, env=kept, capture_output=True, text=True, timeout=280)


def test_the_node_in_nuke(
    command: list[str], session: Session, engine: Connection, tmp_path: Path
) -> None:
    Shot(tmp_path, range(1001, 1004), (48, 32))
    ran = run(command, "-t", HERE / "in_nuke.py", tmp_path.as_posix(), path=str(ROOT / "nuke"))
    checks = [json.loads(line[6:]) for line in ran.stdout.splitlines() if line[:6] == "CHECK "]
    assert [one for one in checks if not one[1]] == [], ran.stderr
    assert len(checks) == 21, ran.stdout + ran.stderr

    saved = tmp_path / "shot.nk"
    text = saved.read_text()
    assert text.count("addUserKnob") > 30 and "import dmp_nuke.buttons" in text

    ran = run(command, "-x", "-X", "Final", "-F", "1001-1002", saved, path="")
    assert ran.returncode == 0, ran.stdout + ran.stderr
    for number in (1001, 1002):
        matte, spec = pixels(tmp_path / f"matte.{number}.exr")
        final, out = pixels(tmp_path / f"final.{number}.exr")
        assert (spec.full_width, spec.full_height) == (out.full_width, out.full_height)
        assert spec.roi == out.roi
        assert np.array_equal(matte["A"], final["A"]), "raw in, raw out"
        assert np.array_equal(matte["R"], final["R"])


def test_the_gui_checks_in_the_standin(
    session: Session, engine: Connection, tmp_path: Path
) -> None:
    """The same file is started by hand in a real Nuke's Script Editor."""
    menus.add()
    session.answers = [True] * 9
    Shot(tmp_path, range(1001, 1004), (48, 32))
    checks = runpy.run_path(str(HERE / "in_nuke_gui.py"))["start"](tmp_path.as_posix())
    run_until(lambda: bool(checks.done), 240)
    assert [line for line in checks.lines if not line[1]] == []
    assert len(checks.lines) == 32
