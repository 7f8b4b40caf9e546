"""`dmp package blender --repository`: an index by Blender's own tool, and an install from it."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

from .conftest import ROOT, Blender


def package(*words: object) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "dmp_matting.cli", "package", "blender", *map(str, words)],
        env={**os.environ, "PYTHONPATH": str(ROOT / "plugin"), "PATH": "/nowhere"},
        capture_output=True, text=True,
    )  # fmt: skip


def test_a_repository_that_blender_installs_from(
    make_blender: Callable[[str], Blender], tmp_path: Path
) -> None:
    blender, folder = make_blender("4.5"), tmp_path / "extensions"
    done = package("--repository", folder, "--blender", blender.command[0], "--json")
    assert done.returncode == 0, done.stderr
    index = json.loads((folder / "index.json").read_text())
    (entry,) = index["data"]
    assert entry["id"] == "dmp_blender" and (folder / entry["archive_url"]).is_file()
    seen = blender.run("repository", folder=folder)
    assert seen == {"enabled": True, "operator": True}


def test_an_older_blender_is_named(tmp_path: Path) -> None:
    program = tmp_path / "blender"
    program.write_text("#!/bin/sh\n[ \"$1\" = --version ] && echo 'Blender 3.4.1' || exit 1\n")
    program.chmod(0o755)
    done = package("--repository", tmp_path / "extensions", "--blender", program)
    assert done.returncode == 2
    assert done.stderr == (
        f"'{program}' is Blender 3.4, which has no tool for an index; name the program of Blender "
        "4.2 or later with --blender, or a Python that has bpy.\n"
    )


def test_without_a_tool_there_is_one_sentence(tmp_path: Path) -> None:
    done = package("--repository", tmp_path / "extensions")
    assert done.returncode == 2
    assert done.stderr.startswith("There is no Blender here to write the index; name the program")
