"""Small rules of the add-on: what a plate is called, what a click leaves, what a look costs."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from ..scenes import write_image
from .avi import write_avi
from .conftest import Blender

LAST = 40


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    grey = np.full((12, 16, 3), 0.5)
    for name in ("plate.exr", "clean.exr"):
        write_image(tmp_path / name, grey, "float")
    write_image(tmp_path / "wide.exr", np.full((12, 32, 3), 0.5), "float")
    write_image(tmp_path / "clean.png", grey, "uint8")
    for number in (11, 12, 14):
        write_image(tmp_path / f"clear.{number:04d}.png", grey, "uint8")
    for number in range(1, LAST + 1):
        write_image(tmp_path / f"shot.{number:04d}.png", grey, "uint8")
    for name in ("tile.1002.png", "tile.1003.png", "one.1001.png"):
        write_image(tmp_path / name, grey, "uint8")
    write_avi(tmp_path / "movie.avi", np.zeros((5, 12, 16, 3), np.uint8))
    return tmp_path


@pytest.mark.parametrize("any_blender", ["4.5", "5.3", "3.4"], indirect=True)
def test_small_rules(any_blender: Blender, folder: Path) -> None:
    seen = any_blender.run("rules", folder=folder)
    # Published as each is, and not as one that the engine guesses.
    assert seen["spaces"] == ["scene_linear", "sRGB"]

    # An animated mask is another one in another frame, and the same whatever frame is shown.
    assert seen["mask at 1"] == seen["mask at 6"]
    digests = [name.rpartition(", ")[2] for name in seen["mask at 1"]]
    assert len(set(digests)) == 3 and digests[2] == digests[3]
    # A movie or a clip that is moved in time is another plate.
    assert seen["movie"] != seen["movie later"]
    assert seen["clip's files"] == [
        [str(folder / "clear.0012.png")], [str(folder / "clear.0013.png")]
    ]  # fmt: skip
    assert seen["clip has"] == [False, True, True, False, True, False]
    assert seen["clip's range"] == [5, 5]
    clip, sequence = seen["lines"]
    assert clip == ["Movie Clip, 16 x 12", "2 Frames"]
    assert sequence == ["Sequence", "Files 11-14, 1 Missing"]

    # Frames that Blender took for UDIM tiles are a sequence, a single one is a still.
    assert seen["tiles"] == [
        ["TILED", "SEQUENCE", "tile.1002.png", "Non-Color", 1002, ["Sequence", "Files 1002-1003"],
         True, "TILED", [str(folder / "tile.1002.png")]],
        ["TILED", "FILE", "one.1001.png", "sRGB", 1, ["Still, 16 x 12"],
         True, "TILED", [str(folder / "one.1001.png")]],
    ]  # fmt: skip

    assert seen["no checker"].startswith("Choose a plate first")
    assert seen["left behind"] == []
    assert seen["checkers"] == [[1, [16, 12]], [1, [32, 12]]]

    assert seen["renamed"] is True
    assert seen["states"] == ["", "1-3 solved"]
    linked = (
        f"The scene 'Shot' is linked from {folder}/library.blend, so nothing that is added to it "
        "is saved; make it local first."
    )
    assert seen["linked"] == [linked, linked]
    assert seen["second click"] is False and seen["click"] is True
    assert seen["busy"] == [["The temporary folder cannot be written to.", False]] * 3
    assert seen["kept plate"] == [True, True, False]
    sentence, added = seen["no node"]
    assert sentence.startswith("No node DMP Matte is chosen: choose one") and added == 0
    assert seen["places"] == ["Your job: 2 before it.", "", "", ""]
    home = str(Path("~/a").expanduser())
    assert seen["written"] == [["/w/a", "/w/a", home, "/a", ""], ["", "", home, "/a", ""]]
    once, twice = seen["frames made"]
    assert twice <= 2 * once and twice <= 3 * LAST
