"""Publish in real Blenders: a shot through a real engine and real pyblish, good and broken."""

from __future__ import annotations

import json
import os
import venv
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from ..scenes import write_image
from .conftest import DRIVERS, SMALL, Blender, moving_square, read

pyblish = pytest.importorskip("pyblish", reason="pyblish-base is not installed (the publish extra)")


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Three frames of a square before noise, a clean plate, and one that does not fit."""
    place = tmp_path / "plates"
    place.mkdir()
    clean = moving_square(place, seed=9)
    write_image(place / "small.exr", clean[:24, :40], "float")
    return place


def run(
    blender: Blender, folder: Path, tmp_path: Path, *cases: str, path: str = "", **given: Any
) -> Any:
    temporary = tmp_path / "tmp"
    temporary.mkdir()
    environment = {"TMPDIR": str(temporary)}
    if path:
        environment["PYTHONPATH"] = os.pathsep.join((str(DRIVERS), path))
    return blender.run(
        "publish", cases=cases, folder=folder, to=tmp_path / "published", temporary=temporary,
        settings=SMALL, environment=environment, **given,
    )  # fmt: skip


def test_good_and_broken_shots(blender: Blender, engine: Any, folder: Path, tmp_path: Path) -> None:
    seen = run(blender, folder, tmp_path, "all")
    assert seen["nothing chosen"] == [[], "Choose a plate first, the picture with the subject."]
    assert seen["nowhere"][0] == [] and "No folder to publish to; choose one" in seen["nowhere"][1]

    # Saved: into `publish` beside the .blend, under its name without the version.
    assert (seen["good"], seen["left"]) == ([["FINISHED"], ""], [])
    version = folder / "publish" / "sh010" / "v001"
    names = {path.name for path in version.iterdir()}
    frames = {f"sh010.{number:04d}.exr" for number in (1, 2, 3)}
    assert names == {*frames, "manifest.json", "contact_sheet.png"}
    manifest = json.loads((version / "manifest.json").read_text())
    assert manifest["source"]["host"].startswith("Blender ") and manifest["shot"] == "sh010"
    assert manifest["source"]["scene"] == str(folder / "sh010_v003.blend")
    assert manifest["frames"][1]["plates"]["image"] == str(folder / "plate.0002.exr")
    assert manifest["settings_on_cpu"] is None and manifest["settings"]["solve_size"] == 64

    missing = f"hero_shot: frame 2 of {folder}/plate.####.exr is missing."
    check, shot, sentence, repairs = seen["offer"]
    assert (check, shot, repairs) == ("ValidateFrames", "hero_shot", ["Leave out missing frames"])
    assert sentence.startswith(missing) and seen["missing"][1].startswith(missing)
    assert (seen["repaired"], seen["after repair"]) == ([["FINISHED"], ""], [])
    assert "is published already" in seen["once more"][1]
    assert "48 x 32" in seen["size"][1] and "40 x 24" in seen["size"][1]
    assert seen["shifted"] == [["FINISHED"], ""]

    found = [name for name in seen["published"] if name.endswith((".exr", ".json"))]
    assert found == [
        "hero_shot/v007/hero_shot.0001.exr", "hero_shot/v007/hero_shot.0003.exr",
        "hero_shot/v007/manifest.json", "shifted/v001/manifest.json",
        "shifted/v001/shifted.0011.exr", "shifted/v001/shifted.0012.exr",
    ]  # fmt: skip
    there = tmp_path / "published" / "shifted" / "v001" / "shifted.0012.exr"
    alpha = read(there)[..., 3]
    assert alpha[10:22, 14:28].mean() > alpha[:, 36:].mean() + 0.3  # the subject of file 2
    assert [name for name in seen["temporary"] if name.startswith("dmp-publish-")] == []


def test_without_pyblish_one_sentence_shows_how_to_get_it(
    installed: Callable[[str], Blender], engine: Any, folder: Path, tmp_path: Path
) -> None:
    venv.create(tmp_path / "bare", with_pip=False)
    bare = tmp_path / "bare" / "bin" / "python"
    seen = run(installed("4.5"), folder, tmp_path, "no pyblish", bare=bare)
    assert seen["no pyblish"] == [
        [], f"Publishing needs pyblish; install it with `{bare} -m pip install pyblish-base`."
    ]  # fmt: skip


def test_the_pyblish_window_of_the_facility_collects_from_the_scene(
    installed: Callable[[str], Blender], engine: Any, folder: Path, tmp_path: Path
) -> None:
    """pyblish inside Blender, plug-ins with the zip's own package, the scene as it is each time."""
    (tmp_path / "site").mkdir()
    (tmp_path / "site" / "pyblish").symlink_to(Path(pyblish.__file__).parent)
    seen = run(installed("4.5"), folder, tmp_path, "window", path=str(tmp_path / "site"))
    assert seen["opened"] and seen["collected"] == ["plate"] * 3
    assert seen["frames"] == [[1, 2, 3], [1, 2], [2]] and seen["trouble"] == [[]] * 3
    assert seen["around"] == [1, 2, 3]  # a part of the shot is solved as in the whole
    assert seen["facts"] == [4, 3, 2]  # headers of plates and clean plate, through the engine
    assert seen["module"] == ["bl_ext.user_default.dmp_blender.dmp_matting.shots.shot"]
