"""The knob Layer: which layer of a plate with several is matted."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import nuke
import numpy as np
import pytest

from dmp_matting.cli.shot_lists import read_shots
from dmp_matting.client.connection import Connection
from dmp_matting.hosts import FrameStatus
from dmp_nuke import farm, states

from ..scenes import write_image
from .conftest import Shot, dmp_node, pixels, press, read_node

COLOURS = ("red", "green", "blue")


@pytest.fixture
def dmp(shot: Shot, tmp_path: Path) -> Any:
    """Its plate has the wall as rgba and the subject as the layer beauty, its clean plate rgba."""
    nuke.Layer("beauty", [f"beauty.{leaf}" for leaf in COLOURS])
    layered(tmp_path, "both", "clean", "R", "G", "B")
    read = read_node(tmp_path / "both.%04d.exr", 1001, 1001)
    made = dmp_node(read, shot.reads()[1], tmp_path / "matte.%04d.exr")
    for end in ("first", "last"):
        made[end].setValue(1001)
    nuke.frame(1001)
    return made


def layered(folder: Path, name: str, main: str, *channels: str) -> None:
    """A plate whose second layer, beauty, is frame 1001 of the shot."""
    pictures = []
    for one in (main, "plate"):
        planes, _ = pixels(folder / f"{one}.1001.exr")
        pictures.append(np.stack([planes[leaf] for leaf in "RGB"], axis=-1))
    write_image(
        folder / f"{name}.1001.exr", np.concatenate(pictures, axis=-1),
        channels=[*channels, *(f"beauty.{leaf}" for leaf in COLOURS)],
        at=(-8, -4), window=(0, 0, 32, 24),
    )  # fmt: skip


def test_the_named_layer_is_matted(
    dmp: Any, shot: Shot, engine: Connection, tmp_path: Path
) -> None:
    assert press(dmp, "matte_frame").startswith("Done")
    assert pixels(tmp_path / "matte.1001.exr")[0]["A"].max() < 0.1, "rgba is the wall alone"
    dmp["layer"].setValue("Beauty")
    assert states.frame_states(dmp, [1001])[1001] is FrameStatus.STALE
    assert press(dmp, "matte_frame").startswith("Done")
    found = pixels(tmp_path / "matte.1001.exr")[0]["A"]
    assert np.abs(found - shot.alpha[1001]).mean() < 0.02
    assert states.frame_states(dmp, [1001])[1001] is FrameStatus.SOLVED
    dmp["layer"].setValue("rgba")
    assert states.frame_states(dmp, [1001])[1001] is FrameStatus.STALE


def test_a_layer_that_the_plate_has_not(dmp: Any) -> None:
    dmp["layer"].setValue("key")
    assert press(dmp, "matte_frame") == (
        "The plate of DMPMatte1 has no layer 'key' with red, green and blue; it has rgba, beauty."
    )


def test_a_rendered_plate_without_rgba_names_its_layers(dmp: Any, tmp_path: Path) -> None:
    """Else black would be matted. The file itself is read by the engine's own rule."""
    nuke.Layer("key", [f"key.{leaf}" for leaf in COLOURS])
    layered(tmp_path, "both", "clean", "key.red", "key.green", "key.blue")
    grade = nuke.nodes.Multiply(value=1.0)
    grade.setInput(0, dmp.input(0))
    dmp.setInput(0, grade)
    assert press(dmp, "matte_frame") == (
        "The plate of DMPMatte1 has no rgba, only the layers beauty, key; write the one to matte "
        "into Layer."
    )


def test_a_farm_mattes_the_layer(dmp: Any, tmp_path: Path) -> None:
    dmp["layer"].setValue("beauty")
    listed = farm.write_shots([dmp], str(tmp_path / "farm"), [1001])
    (one,) = read_shots(Path(listed), {})
    assert one.layer == "beauty"
    assert "beauty.red" in pixels(tmp_path / "farm" / "DMPMatte1" / "image.main.1001.exr")[0]
    assert "R" in pixels(tmp_path / "farm" / "DMPMatte1" / "clean.main.1001.exr")[0]
