"""A whole publish, headless, through a real engine: good plates, and all that can be wrong.

Long because each thing that can be wrong is a case of one table.
"""

from __future__ import annotations

import ast
import hashlib
import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import OpenImageIO as oiio
import pyblish.api
import pyblish.plugin
import pytest

from dmp_matting import Resolved, Settings, Shot, preset
from dmp_matting.client.connection import Connection
from dmp_matting.publish.headless import FOLDER, publish
from dmp_matting.publish.instances import find_shots, measures_of, next_version
from dmp_matting.publish.request import PublishRequest, set_host

from ..scenes import write_image
from .conftest import FEW, FEW_STEPS, TinyShot, dmp

QUICK = preset("paper").changed(device="cpu", threads=1, **FEW)
ON_RESULT = ("ValidateCoreHoles", "ValidateGrainOutside", "ValidateFlicker", "ValidateHighlights")
Failures = list[tuple[str, str, str]]


@pytest.fixture
def plates(tmp_path: Path) -> TinyShot:
    return TinyShot(tmp_path / "sh010", count=3)


def run(
    plates: TinyShot, accept: tuple[str, ...] = ON_RESULT, settings: Settings = QUICK, **data: Any
) -> tuple[Failures, pyblish.api.Context]:
    context = pyblish.api.Context()
    context.data.update(
        dmpFolder=str(plates.folder), dmpPublishTo=str(plates.folder.parent / "published"),
        dmpSettings=settings, **data,
    )  # fmt: skip
    return publish(context, accept), context


def plugin(name: str) -> Any:
    return next(p for p in pyblish.plugin.discover(paths=[FOLDER]) if p.__name__ == name)


def act(context: pyblish.api.Context, validator: str, label: str) -> None:
    """Press the button ``label`` of a failed validator, as a front end does."""
    owner = plugin(validator)
    action = next(action for action in owner.actions if action.label == label)
    result = pyblish.plugin.process(owner, context, None, action.id)
    assert result["success"], result["error"]


def again(context: pyblish.api.Context, validator: str) -> Exception | None:
    """Run one validator on the first instance once more."""
    outcome: dict[str, Any] = pyblish.plugin.process(plugin(validator), context, context[0])
    return outcome["error"]


def test_settings_of_a_host_may_be_a_dictionary(plates: TinyShot) -> None:
    """What stands in a host's context beside a preset's name, with no class of ours."""
    collect = plugin("CollectFolder")
    context = pyblish.api.Context()
    context.data.update(dmpFolder=str(plates.folder), dmpSettings={"joint_steps": 7})
    assert pyblish.plugin.process(collect, context)["success"]
    shot = context[0].data["dmpShot"]
    assert (shot.settings.preset, shot.settings.joint_steps) == ("final", 7)
    assert (shot.settings_on_cpu.preset, shot.settings_on_cpu.joint_steps) == ("draft", 7)
    context = pyblish.api.Context()
    context.data.update(
        dmpFolder=str(plates.folder), dmpPreset="draft", dmpSettings={"joint_stepz": 7}
    )
    assert pyblish.plugin.process(collect, context)["success"]
    assert "joint_stepz" in context[0].data["dmpTrouble"][0]


def test_a_part_of_a_shot_is_solved_as_in_the_whole(plates: TinyShot) -> None:
    """Its neighbours are looked at, though they are not published."""
    context = pyblish.api.Context()
    context.data.update(dmpFolder=str(plates.folder), dmpFrames=(1002,))
    assert pyblish.plugin.process(plugin("CollectFolder"), context)["success"]
    shot = context[0].data["dmpShot"]
    assert shot.numbers() == (1002,) and shot.context((1002,)) == (1001, 1003)


def test_an_open_scene_is_collected_only_where_nothing_else_is_named(plates: TinyShot) -> None:
    calls: list[int] = []
    set_host(lambda: calls.append(1) or PublishRequest(()))
    try:
        for data, times in (({"dmpFolder": str(plates.folder)}, 0), ({}, 1)):
            context = pyblish.api.Context()
            context.data.update(data)
            assert pyblish.plugin.process(plugin("CollectHost"), context)["success"]
            assert len(calls) == times
    finally:
        set_host(None)


STEPS = ("Collect", "Validate", "Extract", "Integrate")  # a plug-in's name begins with its step


def test_every_plug_in_is_found_alone_and_in_order() -> None:
    found = pyblish.plugin.discover(paths=[FOLDER])
    files = [path for path in Path(FOLDER).glob("*.py") if not path.name.startswith("_")]
    written = {
        node.name
        for path in files
        for node in ast.parse(path.read_text(encoding="utf-8")).body
        if isinstance(node, ast.ClassDef) and node.name.startswith(STEPS)
    }
    assert {one.__name__ for one in found} == written and len(found) == 21
    assert all(one.label and one.__doc__ for one in found)
    orders = [one.order for one in found]
    assert orders == sorted(orders)


def test_a_good_shot_is_published_with_its_manifest(engine: Connection, plates: TinyShot) -> None:
    failures, context = run(plates)
    assert failures == []
    version = plates.folder.parent / "published" / "sh010" / "v001"
    assert context[0].data["dmpPublished"] == str(version)
    assert sorted(path.name for path in version.iterdir()) == [
        "contact_sheet.png", "manifest.json", "sh010.1001.exr", "sh010.1002.exr", "sh010.1003.exr",
    ]  # fmt: skip
    assert [path.name for path in version.parent.iterdir()] == ["v001"]  # no staging is left
    manifest = json.loads((version / "manifest.json").read_text())
    assert (manifest["shot"], manifest["version"], manifest["accepted"]) == (
        "sh010", 1, list(ON_RESULT))  # fmt: skip
    assert manifest["settings"] == QUICK.to_json()
    for entry in manifest["frames"]:
        data = (version / entry["file"]).read_bytes()
        assert entry["sha256"] == hashlib.sha256(data).hexdigest()
        clean = manifest["plates"][entry["plates"]["clean"]]
        assert clean == hashlib.sha256(plates.clean.read_bytes()).hexdigest()
    # once more: the next version, the first one untouched
    failures, context = run(plates)
    assert failures == [] and context[0].data["dmpPublished"].endswith("v002")
    assert next_version(str(version.parent)) == 3


def nothing(plates: TinyShot) -> None:
    shutil.rmtree(plates.folder)
    plates.folder.mkdir()


def no_clean(plates: TinyShot) -> None:
    plates.clean.unlink()


def two_plates(plates: TinyShot) -> None:
    shutil.copy(plates.clean, plates.folder / "plate_b.exr")


def hole(plates: TinyShot) -> None:
    plates.plate(1002).unlink()


def empty(plates: TinyShot) -> None:
    plates.plate(1002).write_bytes(b"")


def text(plates: TinyShot) -> None:
    plates.plate(1002).write_text("no picture")


def truncated(plates: TinyShot) -> None:
    data = plates.plate(1001).read_bytes()
    plates.plate(1001).write_bytes(data[: len(data) * 2 // 3])


def size(plates: TinyShot) -> None:
    write_image(plates.plate(1002), plates.pixels(1)[:20])


def aspect(plates: TinyShot) -> None:
    rewrite(plates.plate(1003), lambda spec: spec.attribute("PixelAspectRatio", 2.0))


def window(plates: TinyShot) -> None:
    def wider(spec: oiio.ImageSpec) -> None:
        spec.full_width = 64

    rewrite(plates.clean, wider)


def space(plates: TinyShot) -> None:
    plates.clean.unlink()
    picture = oiio.ImageBuf(np.ascontiguousarray(plates.behind, np.float32))
    assert picture.write(str(plates.folder / "clean.png"), "uint8")


def same(plates: TinyShot) -> None:
    for number in plates.numbers:
        shutil.copy(plates.clean, plates.plate(number))


def other(plates: TinyShot) -> None:
    write_image(plates.clean, 1 - plates.behind[::-1])


def not_a_number(plates: TinyShot) -> None:
    broken = plates.pixels(1)
    broken[:6, :6] = np.nan
    write_image(plates.plate(1002), broken)


def late(plates: TinyShot) -> None:
    """In a frame that no validator decodes."""
    for index, number in enumerate((1004, 1005), 3):
        pixels = plates.pixels(index)
        pixels[:6, :6] = np.nan if number == 1004 else 0
        write_image(plates.plate(number), pixels)


def rewrite(path: Path, change: Callable[[oiio.ImageSpec], object]) -> None:
    source = oiio.ImageBuf(str(path))
    pixels = source.get_pixels("half", source.roi)
    spec = oiio.ImageSpec(source.spec())
    change(spec)
    file = oiio.ImageOutput.create(str(path))
    assert file.open(str(path), spec) and file.write_image(pixels) and file.close()


@pytest.mark.parametrize(
    ("spoil", "validator", "words"),
    [
        (nothing, "ValidatePlates", "no plate to publish"),
        (no_clean, "ValidatePlates", "has no clean plate"),
        (two_plates, "ValidatePlates", "2 files that may be the plate: plate.####.exr, plate_b"),
        (hole, "ValidateFrames", "sh010: frames 1002 are missing."),
        (empty, "ValidateFrames", "frame 1002 of"),
        (text, "ValidateReadable", "plate.1002.exr"),
        (truncated, "ValidateColourSpace", "truncated"),
        (size, "ValidateResolution", "48 x 20"),
        (aspect, "ValidatePixelAspect", "2 different pixel aspects"),
        (window, "ValidateDisplayWindow", "[0, 0, 64, 32]"),
        (space, "ValidateColourSpace", "in one colour space"),
        (same, "ValidateCleanPlate", "the same picture"),
        (other, "ValidateCleanPlate", "nothing in common"),
        (not_a_number, "ValidateCleanPlate", "36 pixels that are NaN"),
        (late, "ExtractMatte", "plate.1004.exr' has 36 pixels that are NaN"),
    ],
    ids=lambda value: getattr(value, "__name__", None),
)
def test_broken_inputs_are_reported_and_nothing_is_published(
    engine: Connection,
    plates: TinyShot,
    spoil: Callable[[TinyShot], None],
    validator: str,
    words: str,
) -> None:
    spoil(plates)
    failures, context = run(plates)
    sentences = {name: sentence for name, _, sentence in failures}
    assert validator in sentences, failures
    assert words in sentences[validator]
    assert not any(name.startswith("Collect") for name in sentences)
    assert not list((plates.folder.parent / "published").glob("*/v*"))
    assert not any("dmpPublished" in instance.data for instance in context)


def test_the_shots_range_of_the_context_counts(engine: Connection, plates: TinyShot) -> None:
    failures, _ = run(plates, frameStart=1001, frameEnd=1005)
    assert ("ValidateFrames", "sh010",
            "sh010: the shot's frames 1004-1005 are missing.") in failures  # fmt: skip
    failures, _ = run(plates, frameStart=1002, frameEnd=1003)
    assert [sentence for _, _, sentence in failures] == [
        "sh010: 1001 are not in the shot's range."]  # fmt: skip


def test_repairs(engine: Connection, plates: TinyShot) -> None:
    empty(plates)
    failures, context = run(plates, dmpSpace="Klingon")
    assert {name for name, _, _ in failures} >= {"ValidateFrames", "ValidateColourSpace"}
    act(context, "ValidateFrames", "Leave out missing frames")
    assert again(context, "ValidateFrames") is None
    assert context[0].data["dmpShot"].numbers() == (1001, 1003)
    act(context, "ValidateColourSpace", "Set the colour space to auto")
    assert again(context, "ValidateColourSpace") is None

    data = context[0].data
    (Path(data["dmpTo"]) / "v001").mkdir(parents=True)
    assert "published already" in str(again(context, "ValidateNotPublished"))
    act(context, "ValidateNotPublished", "Take the next version")
    assert again(context, "ValidateNotPublished") is None and data["dmpVersion"] == 2
    for step in ("ExtractMatte", "ExtractMeasures", "IntegrateMatte"):
        assert again(context, step) is None, step
    assert data["dmpPublished"].endswith("v002")


def test_a_full_disk_is_reported_before_work(
    engine: Connection, plates: TinyShot, monkeypatch: pytest.MonkeyPatch
) -> None:
    _, context = run(plates)
    tiny = shutil._ntuple_diskusage(10**9, 10**9 - 1000, 1000)  # type: ignore[attr-defined]
    monkeypatch.setattr(shutil, "disk_usage", lambda _: tiny)
    assert "GB free; make room" in str(again(context, "ValidateDiskSpace"))


def spoil_result(context: pyblish.api.Context, change: Callable[[np.ndarray], object]) -> None:
    """Change the staged frames as a bad matte would be, and measure them again."""
    data = context[0].data
    staging = Path(data["dmpTo"]) / f".v{data['dmpVersion']:03d}.staging"
    for path in sorted(staging.glob("*.exr")):
        source = oiio.ImageBuf(str(path))
        pixels, spec = source.get_pixels("float"), source.spec()
        change(pixels)
        file = oiio.ImageOutput.create(str(path))
        assert file.open(str(path), spec) and file.write_image(pixels) and file.close()
    data["dmpRefused"] = {}
    assert again(context, "ExtractMeasures") is None


def core_holes(pixels: np.ndarray) -> None:
    pixels[..., 3] = 0
    pixels[6:26, 6:26, 3] = 1
    pixels[15, 13, 3] = 0.2


def grain(pixels: np.ndarray) -> None:
    pixels[..., 3] = 0
    pixels[10:24, 6:20, 3] = 1
    pixels[2, 40, 3] = 0.3


def dark(pixels: np.ndarray) -> None:
    pixels[..., 3] = 1
    pixels[..., :3] = 0.1


@pytest.mark.parametrize(
    ("change", "validator", "words"),
    [
        (core_holes, "ValidateCoreHoles", "the subject has holes"),
        (grain, "ValidateGrainOutside", "grain outside the subject"),
        (dark, "ValidateHighlights", "highlights of the subject were clipped"),
    ],
    ids=lambda value: getattr(value, "__name__", None),
)
def test_a_bad_matte_is_not_published_until_somebody_accepts_it(
    engine: Connection,
    plates: TinyShot,
    change: Callable[[np.ndarray], object],
    validator: str,
    words: str,
) -> None:
    if validator == "ValidateHighlights":
        for index, number in enumerate(plates.numbers):
            write_image(plates.plate(number), 3 * plates.pixels(index))
        write_image(plates.clean, 3 * plates.behind)
    context = pyblish.api.Context()
    shot = Shot("bad", plates.pattern, str(plates.clean), "bad.####.exr", (), settings=QUICK)
    context.data.update(dmpShots=[shot], dmpPublishTo=str(plates.folder.parent / "published"))
    for name in ("CollectShots", "CollectFacts", "ExtractMatte"):
        one = None if name == "CollectShots" else context[0]
        result = pyblish.plugin.process(plugin(name), context, one)
        assert result["error"] is None
    spoil_result(context, change)
    assert words in str(again(context, validator))
    sentence = str(again(context, "IntegrateMatte"))
    assert sentence.startswith("Not published: ") and words in sentence
    act(context, validator, "Accept as it is")
    assert again(context, validator) is None and again(context, "IntegrateMatte") is None
    manifest = json.loads((Path(context[0].data["dmpPublished"]) / "manifest.json").read_text())
    assert manifest["accepted"] == [validator]


def test_flicker_where_nothing_moves(engine: Connection, plates: TinyShot) -> None:
    for number in plates.numbers[1:]:
        shutil.copy(plates.plate(1001), plates.plate(number))
    failures, context = run(plates, accept=ON_RESULT[:2] + ON_RESULT[3:])
    assert failures == []  # one picture three times: the same matte three times

    flip = iter((0.1, 0.6, 0.1))
    context[0].data.update(dmpVersion=2, dmpAccepted=[])
    assert again(context, "ExtractMatte") is None
    spoil_result(context, lambda pixels: pixels[..., 3].fill(next(flip)))
    assert "bad" not in str(measures_of(context[0].data))
    assert "1002-1003: alpha flickers" in str(again(context, "ValidateFlicker"))
    act(context, "ValidateFlicker", "Solve again with preset final")
    assert context[0].data["dmpShot"].settings.preset == "final"
    assert not list(Path(context[0].data["dmpTo"]).glob(".v002*"))


def test_a_folder_of_shots_and_the_command(engine: Connection, tmp_path: Path) -> None:
    for name in ("sh010", "sh020"):
        TinyShot(tmp_path / "plates" / name, count=2)
    (tmp_path / "plates" / "sh020" / "clean.exr").unlink()
    accept = [word for name in ON_RESULT for word in ("--accept", name)]
    wanted = ("publish", tmp_path / "plates", "--to", tmp_path / "pub", *FEW_STEPS, *accept)
    done = dmp(*wanted)
    assert done.returncode == 2 and "Traceback" not in done.stderr
    assert "sh020 has no clean plate" in done.stderr
    shutil.rmtree(tmp_path / "plates" / "sh020")
    (tmp_path / "plates" / "sh010" / "plate.1002.exr").write_bytes(b"")
    done = dmp(*wanted)
    assert done.returncode == 2 and "publish the other frames with --missing skip" in done.stderr
    done = dmp(*wanted, "--missing", "skip", "--json")
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout)["published"] == [str(tmp_path / "pub" / "sh010" / "v001")]


def test_names_in_a_folder(tmp_path: Path) -> None:
    for name in ("A_v002.1001.exr", "A_v002.1002.exr", "A_clean.exr", "A_core.####.txt",
                 "A_garbage.1001.png", ".hidden.1001.exr"):  # fmt: skip
        (tmp_path / name).touch()
    ((shot, trouble),) = find_shots(str(tmp_path), Resolved(QUICK))
    assert trouble == []
    assert Path(shot.image).name == "A_v002.####.exr" and Path(shot.clean).name == "A_clean.exr"
    assert Path(shot.garbage).name == "A_garbage.####.png" and shot.core == ""
    assert find_shots(str(tmp_path / "none"), Resolved(QUICK)) == []
