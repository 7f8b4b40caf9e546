"""Nothing is overwritten: each .blend, scene and plate has its own files, in versions."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from .conftest import SMALL, Blender, moving_square, read

DONE = [["FINISHED"], ""]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Three frames of noise with a square that moves, and the clean plate."""
    moving_square(tmp_path)
    return tmp_path


@pytest.mark.parametrize("any_blender", ["4.5", "5.3", "3.4"], indirect=True)
def test_every_blend_scene_and_plate_has_its_own_mattes(
    any_blender: Blender, engine: Any, folder: Path
) -> None:
    seen = any_blender.run("places", folder=folder, settings=SMALL, limit=200)

    def check(name: str, where: str, *, first: int = 1, count: int = 3, groups: int = 1) -> None:
        path, start, duration, there = seen[name]["shown"]
        assert path == f"{folder / where}/plate_matte.{first:04d}.exr" and there, name
        assert (start, duration) == (first, count), name
        assert seen[name]["links"] == 1, name
        assert seen[name]["groups"] == groups, name
        assert seen[name]["whole"] is True, name  # no layer of the EXR was lost on the way

    # A .blend without a name writes into the cache folder; the first save takes its mattes along.
    assert seen["unsaved"] == DONE
    (folder_shown, *_) = seen["before saving"]["shown"]
    assert "/blender/unsaved/" in folder_shown
    (kept,) = seen["in the cache"]  # `dmp cache show`
    assert Path(folder_shown).is_relative_to(kept["folder"]) and kept["files"] >= 3
    check("saved", "work/dmp/sh010_comp/Renamed/plate_v001")
    assert seen["path"].startswith("//dmp/"), "beside the .blend, on whatever machine"
    check("opened", "work/dmp/sh010_comp/Renamed/plate_v001")
    assert seen["in trees"] == []
    assert seen["range again"] == DONE and seen["states"] == "1-3 solved"
    assert seen["written again"] == seen["written"]  # there was nothing to solve

    # Another .blend in the same folder, with the same plate.
    assert seen["other .blend"] == DONE and seen["first kept"] is True
    check("of another .blend", "work/dmp/sh020_comp/Scene/plate_v001")
    assert seen["refresh elsewhere"] == [1, []]  # "gone" was said of files that are there

    # An image and a clip of one name; a copied scene; another output folder.
    assert seen["clip"] == DONE
    assert seen["folders"] == ["plate_clip_v001", "plate_v001"]
    assert seen["copied"] == DONE
    check("of the copy", "work/dmp/sh020_comp/Scene.001/plate_v001", groups=3)
    check("of the original", "work/dmp/sh020_comp/Scene/plate_v001", groups=3)
    assert seen["new folder"] == DONE and seen["old folder kept"] is True
    check("in the new folder", "chosen/sh020_comp/Scene/plate_v001", groups=3)

    # The plate's datablock shows other files.
    assert seen["another plate"] == DONE and seen["version 1 kept"] is True
    check("version 2", "chosen/sh020_comp/Scene/plate_v002", groups=3)
    ended, sentence = seen["version 1"]
    assert ended == [] and seen["still kept"] is True
    assert sentence.startswith("This overwrites 3 files of something else: ")
    assert sentence.endswith(f"{folder}/plate.0001.exr. overwrite=True goes on.")
    assert seen["overwritten"] == DONE and seen["is overwritten"] is True
    check("at the end", "chosen/sh020_comp/Scene/plate_v001", groups=3)

    # Frames without a plate: refused, or left out.
    assert seen["missing"][0] == [] and seen["missing"][1] == (
        f"The plate has no file for frame 2: {folder}/retake.0002.exr does not exist. "
        "skip_missing=True goes on."
    )
    assert seen["skipped"] == DONE
    check("version 3", "chosen/sh020_comp/Scene/plate_v003", groups=3)

    mattes = str(folder / "chosen/sh020_comp/Scene/plate_v003")
    assert seen["append"] == seen["link"] == [mattes, [1, 3]]
    assert seen["preview"] == []
    read(folder / "work/dmp/sh020_comp/Scene/plate_v001/plate_matte.0002.exr")
