"""Matte All Scenes: each in turn, and none is lost by another that fails."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from .conftest import SMALL, Blender, moving_square

DONE = [["FINISHED"], ""]


@pytest.mark.parametrize("any_blender", ["4.5", "5.3"], indirect=True)
def test_a_queue_over_scenes(any_blender: Blender, engine: Any, tmp_path: Path) -> None:
    moving_square(tmp_path)
    output = tmp_path / "out"
    output.mkdir()
    seen = any_blender.run("scenes", folder=tmp_path, output=output, settings=SMALL)
    assert seen["none"][1].startswith("No scene has a plate and a clean plate")

    ended, sentence = seen["ended"]
    assert ended == [] and sentence == (
        f"Scene sh020: The plate has no file for frame 4: {tmp_path}/plate.0004.exr does not "
        "exist. There are 6 such frames: 4-9. Matte this scene by itself to decide."
    )
    assert seen["states"] == {
        "empty": "",
        "sh010": "1-2 solved",
        "sh020": "",
        "sh030": "1-2 solved",
    }
    scenes = [Path(file).parts[-3:-1] for file in seen["files"]]
    assert scenes == [(one, f"{one}_plate_v001") for one in ("sh010", "sh010", "sh030", "sh030")]

    assert seen["skipped"] == DONE and seen["kept"] is True  # solved ones stay
    assert seen["again"]["sh020"] == "1-3 solved; 4-9 missing"
    assert seen["shown"] == ["sh010", "sh020", "sh030"]
    assert seen["same reason"][1].startswith("Scenes sh010, sh020, sh030: The output folder ")
