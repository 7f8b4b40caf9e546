"""docs/td as a TD reads it: every command of these pages is run, in their order, in one folder."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from dmp_matting.client.connection import Connection

from ..conftest import Home
from .conftest import ROOT, TinyShot, environment

PAGES = {
    name: (ROOT / "docs" / "td" / f"{name}.md").read_text(encoding="utf-8")
    for name in ("shots", "python", "publish", "farm")
}
BLOCK = re.compile(r"^```(\w*) ?([\w.]*)\n(.*?)^```", re.MULTILINE | re.DOTALL)


@pytest.fixture
def place(tmp_path: Path) -> Path:
    """The folder that the page describes, and the commands of an installation on the path."""
    TinyShot(tmp_path / "sh010", count=4)
    TinyShot(tmp_path / "sh020", count=2)
    bin_folder = tmp_path / "bin"
    bin_folder.mkdir()
    for name, module in (("dmp", "dmp_matting.cli"), ("openjd", "openjd"), ("python", "")):
        words = f"-m {module}" if module else ""
        script = bin_folder / name
        script.write_text(f'#!/bin/sh\nexec {sys.executable} {words} "$@"\n')
        script.chmod(0o755)
    return tmp_path


def run(place: Path, language: str, text: str) -> subprocess.CompletedProcess[str]:
    path = os.pathsep.join((str(place / "bin"), os.environ["PATH"]))
    command = ["bash", "-euo", "pipefail", "-c", text]
    if language == "python":
        command = [sys.executable, "-c", text]
    return subprocess.run(
        command, cwd=place, env=environment(PATH=path, OMP_NUM_THREADS="1"),
        capture_output=True, text=True, timeout=280,
    )  # fmt: skip


def test_every_command_of_the_pages(home: Home, place: Path) -> None:
    commands = 0
    for language, extra, text in BLOCK.findall("\n".join(PAGES.values())):
        if language in ("yaml", "csv"):
            (place / extra).write_text(text, encoding="utf-8")
        elif language in ("sh", "python"):
            if extra == "ffmpeg" and shutil.which("ffmpeg") is None:
                continue
            if extra == "nuke":  # its lines are run in tests/nuke/test_knobs.py
                continue
            done = run(place, language, text)
            assert done.returncode == 0, f"{text}\n{done.stdout[-2000:]}\n{done.stderr[-2000:]}"
            commands += 1
    assert commands >= 14
    made = {str(path.relative_to(place)) for path in place.rglob("*") if path.is_file()}
    wanted = {f"mattes/sh010.{n}.exr" for n in (1001, 1002, 1003, 1004)} | {
        "mattes/sh010.png", "mattes/sh010_sheet.png", "sheets/sh010.png", "sheets/sh020.png",
        "mattes/sh020.1002.exr", "csv_mattes/sh010.1002.exr", "csv_mattes/sh020.1002.exr",
        "mattes/py.1004.exr", "mattes/one.exr", "published/sh020/v001/manifest.json",
        "farm/sh010.1004.exr",
        "jobs/all/sh020/template.json", "fitted/clean.1001.exr",
    }  # fmt: skip
    assert wanted <= made


def test_the_page_names_every_event_and_every_check() -> None:
    from dmp_matting.cli.shot_lists import COLUMNS

    for word in ("`shot`", "`progress`", "`frame`", "`failed`", "`shot_end`", "`summary`"):
        assert f"| {word} |" in PAGES["shots"]
    listed = re.search(r"one column for each of `([^`]*)`", PAGES["shots"])
    assert listed is not None and tuple(re.split(r",\s+", listed[1])) == COLUMNS


EXAMPLES = sorted(path.name for path in (ROOT / "examples").glob("*.py"))


@pytest.mark.parametrize("name", EXAMPLES)
def test_the_examples_run(engine: Connection, place: Path, name: str) -> None:
    shot = place / "sh020"
    arguments, made, printed = {
        "one_plate.py": (
            [shot / "plate.1001.exr", shot / "clean.exr", place / "one.exr"], "one.exr", "48 x 32",
        ),
        "sequence.py": (
            [shot / "plate.####.exr", shot / "clean.exr", place / "m.####.exr"], "m.1002.exr",
            f"1001 {place / 'm.1001.exr'}",
        ),
        "many_shots.py": (
            [place, place / "out", "draft"], "out/sh010/matte.1004.exr", "sh020: 2 solved",
        ),
        "layers_in_numpy.py": (
            [shot / "plate.1001.exr", shot / "clean.exr", place / "one.exr"], "one.exr",
            "of 48 x 32 pixels",
        ),
    }[name]  # fmt: skip
    done = subprocess.run(
        [sys.executable, ROOT / "examples" / name, *map(str, arguments)],
        env=environment(OMP_NUM_THREADS="1"), cwd=place, capture_output=True, text=True,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert (place / made).exists() and printed in done.stdout, done.stdout
