"""docs/td/blender.md as a TD reads it: its scripts are written, its command lines are run."""

from __future__ import annotations

import os
import re
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

from .conftest import ROOT, Blender, mattes, moving_square, read

PAGE = (ROOT / "docs" / "td" / "blender.md").read_text(encoding="utf-8")
BLOCK = re.compile(r"^```(\w*) ?([\w.]*)\n(.*?)^```", re.MULTILINE | re.DOTALL)


def test_every_line_of_the_page(
    installed: Callable[[str], Blender], engine: Any, tmp_path: Path
) -> None:
    blender = installed("3.4")
    moving_square(tmp_path, seed=23)  # no other test has these plates in the engine
    shim = tmp_path / "bin" / "blender"
    shim.parent.mkdir()
    options = "--factory-startup --python-use-system-env --addons dmp_blender"
    shim.write_text(f'#!/bin/sh\nexec {blender.command[0]} {options} "$@"\n')
    shim.chmod(0o755)
    path = os.pathsep.join((str(shim.parent), os.environ["PATH"]))
    environment = {**blender.environment, "PATH": path, "DMP_ENGINE_PYTHON": blender.engine_python}

    def run(line: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            ["bash", "-euo", "pipefail", "-c", line], cwd=tmp_path, env=environment,
            capture_output=True, text=True, timeout=100,
        )  # fmt: skip

    blocks = BLOCK.findall(PAGE)
    for _, name, text in blocks:
        if name:
            (tmp_path / name).write_text(text)
    lines = [line for kind, _, text in blocks if kind == "sh" for line in text.splitlines()]
    assert len(lines) == 9
    for line in lines:
        done = run(line)
        assert done.returncode == 0, f"{line}\n{done.stdout}\n{done.stderr}"

    # The render that follows has the matte: saved, and in one job.
    rendered = read(tmp_path / "render_0003.exr")
    matte = tmp_path / "dmp/shot/Scene/plate_v001/plate_matte.0003.exr"
    assert rendered.shape[:2] == (32, 48) and matte in mattes(tmp_path)

    # A failed matte does not end with 0, and nothing is saved or rendered after it.
    (tmp_path / "clean.exr").rename(tmp_path / "away.exr")
    done = run(lines[1])
    assert done.returncode == 2, done.stdout
    assert "clean.exr does not exist" in done.stdout + done.stderr
