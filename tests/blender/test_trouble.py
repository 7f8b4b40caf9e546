"""Bad days: the exact sentence that an artist reads, no traceback, nothing half done."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from ..conftest import Home
from ..scenes import write_image
from .avi import write_avi
from .conftest import SMALL, STEPS, Blender, mattes, moving_square

LONG = {**STEPS, "joint_steps": 100_000}


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Three frames of noise with a square in it, a clean plate, and some that do not fit."""
    clean = moving_square(tmp_path)
    for name, pixels in (("lost", clean), ("small", clean[:24, :40])):
        write_image(tmp_path / f"{name}.exr", pixels, "float")
    write_avi(tmp_path / "movie.avi", np.zeros((5, 32, 48, 3), np.uint8))
    return tmp_path


CASES = {
    "no plate": "Choose a plate first, the picture with the subject.",
    "no clean plate": "Choose a clean plate first, the view without the subject, or build one.",
    "lost file": "The clean plate {folder}/lost.exr does not exist.",
    "missing frame":
        "The plate has no file for frame 2: {folder}/plate.0002.exr does not exist. "
        "skip_missing=True goes on.",
    "no folder": "The output folder {folder}/clean.exr cannot be made (File exists); "
                 "choose another.",
    "beyond the clip": "The plate 'movie.avi' has no frame 77; it runs from 1 to 5.",
    "stereo": "'Stereo' has several views (Use Multi-View), and one matte would serve them all; "
              "open the files of each view as an image of its own, and matte these.",
    "tiles": "Blender opened 'Tiles' as UDIM tiles, which cannot be the plate; open it again with "
             "Detect UDIMs off.",
}  # fmt: skip


NO_ENGINE = {
    "missing engine": "The DMP engine was not found; press Install Engine.",
    "no such python": "The preference Engine Python names '/no/python', which is not a program; "
                      "correct or clear it.",
    "python without engine": " has no DMP engine",
}  # fmt: skip


def test_wrong_inputs(any_blender: Blender, engine: Any, folder: Path, output: Path) -> None:
    cases = [*CASES, "other size"]
    if any_blender.version == "3.4":
        cases.remove("tiles")
    seen = any_blender.run(
        "trouble", cases=cases, folder=folder, output=output, settings=SMALL, pythons={}
    )
    ended, sentence = seen.pop("other size")
    assert ended == [] and "48 x 32" in sentence and "40 x 24" in sentence
    assert (seen.pop("nodes"), seen.pop("scenes")) == ([], 1)
    assert seen == {one: [[], CASES[one].format(folder=folder)] for one in cases[:-1]}
    assert list(output.iterdir()) == []


def test_no_engine(blender: Blender, home: Home, folder: Path, output: Path) -> None:
    pythons = {
        "missing engine": "",
        "no such python": "/no/python",
        "python without engine": blender.command[0],  # Blender's own, which has no torch
    }
    seen = blender.run(
        "trouble", cases=list(NO_ENGINE), folder=folder, output=output, settings=SMALL,
        pythons=pythons,
    )  # fmt: skip
    for case, sentence in NO_ENGINE.items():
        assert seen[case][0] == [] and sentence in seen[case][1], seen
    assert home.processes() == []


@pytest.mark.parametrize("blender", ["5.0"], indirect=True)
def test_an_engine_that_is_killed_is_replaced(
    blender: Blender, home: Home, folder: Path, output: Path, tmp_path: Path
) -> None:
    settings = {**STEPS, "joint_steps": 60}
    seen = blender.run(
        "ending", end="kill", folder=folder, output=output, settings=settings, temporary=tmp_path
    )
    assert seen["finished"] == [1] and seen["now"] != seen["killed"]
    assert [one.name for one in mattes(output)] == ["plate_matte.0001.exr"]


def test_a_job_that_is_closed_ends_in_the_engine(
    blender: Blender, engine: Any, folder: Path, output: Path, tmp_path: Path
) -> None:
    temporary = tmp_path / "tmp"
    temporary.mkdir()
    seen = blender.run(
        "ending", end="close", folder=folder, output=output, settings=LONG, temporary=temporary,
        environment={"TMPDIR": str(temporary)},
    )  # fmt: skip
    assert [one for one in seen["folders"] if one.startswith("dmp-plates-")]
    assert list(temporary.rglob("dmp-plates-*")) == []
    assert seen["current"] is None and seen["finished"] == []
    assert "running" not in seen["jobs"] and "queued" not in seen["jobs"]
    assert list(output.iterdir()) == []
