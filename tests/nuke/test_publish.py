"""DMP Matte > Publish...: from the script to a version on disk, by a real engine and pyblish."""

from __future__ import annotations

import json
import shutil
import sys
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType
from typing import Any

import nuke
import numpy as np
import pytest
from nuke_standin.session import Session, run_until

from dmp_matting import preset
from dmp_matting.client.connection import Connection
from dmp_matting.generators import finish
from dmp_matting.job import Role
from dmp_matting.publish.request import set_host
from dmp_nuke import collect, menus, publish

from ..scenes import write_image
from .conftest import Shot, dmp_node, pixels

pytest.importorskip("pyblish", reason="pyblish-base is not installed (the publish extra)")

TO = "Publish to"
VERSION = "Version (0: the next one)"
ACCEPT = "Accept as it is, and publish again?"


@pytest.fixture(autouse=True)
def nothing_is_left() -> Iterator[None]:
    yield
    collect.forget_plates()
    assert publish.RUNNING == []


@pytest.fixture
def plates(shot: Shot, session: Session, tmp_path: Path) -> Shot:
    """The three frames of ``shot``, and a menu."""
    menus.add()
    return shot


def node_of(shot: Shot, output: Path, **settings: Any) -> Any:
    made = dmp_node(*shot.reads(), output, **settings)
    made["first"].setValue(shot.frames[0])
    made["last"].setValue(shot.frames[-1])
    return made


def press(session: Session, form: dict[str, str], answers: list[bool] | None = None) -> str:
    """Choose the menu, fill in the form, wait; the last message. The same answer to all that is
    in question of a result: a matte of three steps is a bad one."""
    session.form, before = form, len(session.messages)
    session.answers = list(answers or []) + [True] * 9
    nuke.menu("Nuke").menu("DMP Matte").findItem("Publish...")[0]()
    run_until(lambda: not publish.RUNNING, 120)
    assert len(session.messages) > before
    return session.messages[-1]


def test_a_script_is_published_from_its_files(
    plates: Shot, engine: Connection, session: Session, tmp_path: Path
) -> None:
    dmp = node_of(plates, tmp_path / "matte.%04d.exr")
    nuke.scriptSaveAs((tmp_path / "sh010_comp_v007.nk").as_posix(), 1)
    sentence = press(session, {})
    assert session.forms == [{
        TO: f"{tmp_path.as_posix()}/publish", VERSION: "0",
        "Shot of DMPMatte1 (empty: leave it out)": "sh010_comp",
    }]  # fmt: skip
    version = tmp_path / "publish" / "sh010_comp" / "v001"
    assert sentence.splitlines()[-1] == f"Published {version}."
    assert dmp["status"].value() == f"Published {version}."
    assert session.renders == []  # the files were published, nothing was rendered
    assert sorted(path.name for path in version.glob("*.exr")) == [
        f"sh010_comp.{number}.exr" for number in plates.frames
    ]
    found, spec = pixels(version / "sh010_comp.1002.exr")
    assert (spec.x, spec.full_width) == (-8, 32) and found["A"].max() > 0.5
    manifest = json.loads((version / "manifest.json").read_text())
    assert manifest["settings"]["joint_steps"] == 3 and manifest["settings"]["device"] == "cpu"
    assert manifest["source"] == {
        "host": "Nuke 15.1v5", "scene": f"{tmp_path.as_posix()}/sh010_comp_v007.nk",
        "nodes": "DMPMatte1", "rendered": "",
    }  # fmt: skip
    assert manifest["frames"][0]["plates"] == {
        "image": str(tmp_path / "plate.1001.exr"), "clean": str(tmp_path / "clean.1001.exr"),
    }  # fmt: skip
    (bar,) = session.bars
    assert "sh010_comp: Matte" in bar.texts and bar.progress > 90

    sentence = press(session, {TO: str(tmp_path / "else"), VERSION: "4",
                           "Shot of DMPMatte1 (empty: leave it out)": "hero matte"})  # fmt: skip
    assert sentence.splitlines()[-1] == f"Published {tmp_path / 'else' / 'hero_matte' / 'v004'}."


def test_a_missing_frame_and_its_repair(
    plates: Shot, engine: Connection, session: Session, tmp_path: Path
) -> None:
    dmp = node_of(plates, tmp_path / "matte.%04d.exr")
    (tmp_path / "plate.1002.exr").unlink()
    form = {TO: str(tmp_path / "pub")}
    sentence = press(session, form, [False])
    question, answer = session.messages
    missing = f"DMPMatte1: frame 1002 of {tmp_path.as_posix()}/plate.%04d.exr is missing."
    assert question.startswith(missing)
    assert question.endswith("\n\nLeave out missing frames, and publish again?")
    assert sentence == answer and "Repair: Leave out missing frames." in answer
    assert dmp["status"].value().startswith(missing)
    assert not (tmp_path / "pub").exists()

    sentence = press(session, form, [True])
    version = tmp_path / "pub" / "DMPMatte1" / "v001"
    assert sentence.splitlines()[-1] == f"Published {version}."
    assert [path.name for path in sorted(version.glob("*.exr"))] == [
        "DMPMatte1.1001.exr", "DMPMatte1.1003.exr"]  # fmt: skip


def test_a_clean_plate_of_another_size_is_reported(
    plates: Shot, engine: Connection, session: Session, tmp_path: Path
) -> None:
    for number in plates.frames:
        write_image(tmp_path / f"clean.{number}.exr", np.full((20, 48, 3), 0.3))
    node_of(plates, tmp_path / "matte.%04d.exr")
    sentence = press(session, {TO: str(tmp_path / "pub")})
    assert "48 x 20" in sentence and "48 x 32" in sentence and "give plates of one size" in sentence
    assert not (tmp_path / "pub").exists()


def test_what_is_no_file_is_rendered_first(
    plates: Shot,
    engine: Connection,
    session: Session,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    temporary = tmp_path / "tmp"
    temporary.mkdir()
    monkeypatch.setenv("NUKE_TEMP_DIR", str(temporary))
    dmp = node_of(plates, tmp_path / "matte.%04d.exr")
    brighter = nuke.nodes.Multiply(value=2.0)
    brighter.setInput(0, dmp.input(0))
    dmp.setInput(0, brighter)
    dmp["clean_still"].setValue(True)
    sentence = press(session, {TO: str(tmp_path / "pub")})
    version = tmp_path / "pub" / "DMPMatte1" / "v001"
    assert sentence.splitlines()[-1] == f"Published {version}."
    assert [one[1:3] for one in session.renders] == [
        (number, number) for number in (1001, 1002, 1003, 1001)
    ], "a frame at a time: Nuke is free between two"
    found, _ = pixels(version / "DMPMatte1.1001.exr")
    assert found["foreground.R"][found["A"] > 0.99].max() > 1.5  # twice the disc's 0.9
    assert json.loads((version / "manifest.json").read_text())["source"]["rendered"] == "DMPMatte1"
    assert list(temporary.iterdir()) == []  # the rendered plates are gone


def test_cancel(plates: Shot, engine: Connection, session: Session, tmp_path: Path) -> None:
    node_of(plates, tmp_path / "matte.%04d.exr", preset="paper", joint_steps=1_000_000)
    session.form = {TO: str(tmp_path / "pub")}
    publish.press()
    run_until(lambda: any("DMPMatte1 1001" in one for one in session.bars[-1].texts), 60)
    publish.press()
    assert session.messages == ["A publish is running; its progress bar has a Cancel."]
    session.bars[-1].cancelled = True
    run_until(lambda: not publish.RUNNING, 60)
    assert len(session.messages) == 1 and not (tmp_path / "pub" / "DMPMatte1" / "v001").exists()


def test_what_cannot_be_collected_is_reported(
    plates: Shot, engine: Connection, session: Session, tmp_path: Path
) -> None:
    sentence = press(session, {TO: str(tmp_path)})
    assert sentence.startswith("The script has no DMP Matte node; make one with Nodes > Keyer > ")
    dmp = node_of(plates, tmp_path / "matte.%04d.exr")
    assert "No folder to publish to; choose one" in press(session, {})
    dmp.setInput(1, None)
    assert press(session, {TO: str(tmp_path)}) == "Connect the clean plate input of DMPMatte1."
    session.form = None  # the artist closes the form
    messages = len(session.messages)
    publish.press()
    assert len(session.messages) == messages and publish.RUNNING == []


def test_without_pyblish_one_sentence_shows_how_to_get_it(
    plates: Shot, session: Session, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """In the engine's Python, which is the one that publishes."""
    import venv

    venv.create(tmp_path / "bare", with_pip=False)
    python = tmp_path / "bare" / "bin" / "python"
    monkeypatch.setenv("DMP_ENGINE_PYTHON", str(python))
    node_of(plates, tmp_path / "matte.%04d.exr")
    assert press(session, {TO: str(tmp_path)}) == (
        f"Publishing needs pyblish; install it with `{python} -m pip install pyblish-base`."
    )


@pytest.fixture
def window(monkeypatch: pytest.MonkeyPatch) -> Iterator[list[Any]]:
    """What a pyblish window of the facility has collected, each time that it was shown."""
    import pyblish.api
    import pyblish.util

    seen: list[Any] = []
    module = ModuleType("their_window")
    module.show = lambda: seen.append(pyblish.util.collect())  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, "their_window", module)
    pyblish.api.register_gui("their_window")
    yield seen
    pyblish.api.deregister_gui("their_window")
    set_host(None)
    pyblish.api.deregister_all_paths()


def mattes(context: Any) -> list[Any]:
    return [one for one in context if one.data["family"] == "dmp.matte"]


def test_a_pyblish_window_collects_what_was_rendered_in_steps(
    plates: Shot, session: Session, tmp_path: Path, window: list[Any]
) -> None:
    """Nuke is free between two frames; a refresh renders again only what has changed."""
    dmp = node_of(plates, tmp_path / "matte.%04d.exr")
    brighter = nuke.nodes.Multiply(value=2.0)
    brighter.setInput(0, dmp.input(0))
    dmp.setInput(0, brighter)
    steps_of_a_frame = [(number, number) for number in plates.frames] * 2  # both inputs
    publish.press()
    assert window == [] and session.renders == [], "the window comes when the plates are there"
    run_until(lambda: not publish.RUNNING)
    assert [one[1:3] for one in session.renders] == steps_of_a_frame
    (instance,) = mattes(window[-1])
    found, _ = pixels(instance.data["dmpShot"].image.replace("####", "1001"))
    stored, _ = pixels(tmp_path / "plate.1001.exr")
    assert np.allclose(found["R"], 2 * stored["R"])

    show = sys.modules["their_window"].show
    show()
    assert len(mattes(window[-1])) == 1 and len(session.renders) == len(steps_of_a_frame)

    brighter["value"].setValue(3.0)
    show()
    assert mattes(window[-1]) == [] and window[-1].data["dmpTrouble"] == [publish.WAIT]
    assert len(session.renders) == len(steps_of_a_frame), "a collector waits for nothing"
    show()
    assert "is under way" in window[-1].data["dmpTrouble"][0]
    run_until(lambda: not publish.RUNNING)
    assert [one[1:3] for one in session.renders] == steps_of_a_frame * 2
    show()
    (instance,) = mattes(window[-1])
    found, _ = pixels(instance.data["dmpShot"].image.replace("####", "1001"))
    assert np.allclose(found["R"], 3 * stored["R"])

    (tmp_path / "plate.1002.exr").write_bytes((tmp_path / "plate.1001.exr").read_bytes())
    show()
    assert window[-1].data["dmpTrouble"] == [publish.WAIT], "delivered again"
    session.bars[-1].cancelled = True
    run_until(lambda: not publish.RUNNING)
    assert session.messages == []


def test_the_pyblish_window_of_the_facility_is_opened(
    plates: Shot, session: Session, tmp_path: Path, window: list[Any]
) -> None:
    """A window that is registered with pyblish collects through our plug-ins from the script."""
    node_of(plates, tmp_path / "matte.%04d.exr")
    publish.press()
    (context,) = window
    (instance,) = mattes(context)
    found = instance.data["dmpShot"]
    assert found.image == f"{tmp_path.as_posix()}/plate.%04d.exr"
    assert instance.data["name"] == "DMPMatte1" and found.frames == (1001, 1002, 1003)
    assert session.forms == [] and session.messages == []


def collected(dmp: Any) -> Any:
    request = finish(collect.collecting([dmp], "/to"))
    assert request.trouble == ()
    return request.shots


def test_which_files_stand_for_the_inputs(plates: Shot, session: Session, tmp_path: Path) -> None:
    dmp = node_of(plates, tmp_path / "matte.%04d.exr")
    plate, clean = dmp.input(0), dmp.input(1)
    dot = nuke.nodes.Dot()
    dot.setInput(0, plate)
    dmp.setInput(0, dot)
    place = tmp_path.as_posix()
    (shot,) = collected(dmp)
    assert (shot.image, shot.clean) == (f"{place}/plate.%04d.exr", f"{place}/clean.%04d.exr")
    assert shot.settings.joint_steps == 3 and shot.settings_on_cpu is None and shot.space == "auto"

    dmp["clean_still"].setValue(True)
    assert collected(dmp)[0].clean == f"{place}/clean.1001.exr"
    dmp["only"].setValue("1003")
    clean["file"].setValue(f"{place}/clean_%v.%04d.exr")
    assert collected(dmp)[0].clean == f"{place}/clean_m.1001.exr", "the range's first, as solved"
    dmp["only"].setValue("")
    clean["file"].setValue(f"{place}/clean.%04d.exr")
    dmp["clean_still"].setValue(False)
    clean["first"].setValue(1002)
    clean["last"].setValue(1002)  # held before and after
    assert collected(dmp)[0].clean == f"{place}/clean.1002.exr"
    assert session.renders == []
    clean["last"].setValue(1003)  # a sequence, held at its beginning: rendered
    assert collected(dmp)[0].clean.endswith("/clean.main.####.exr")
    assert len(session.renders) == 6

    dmp["custom"].setValue(False)
    dmp["preset"].setValue("auto")
    dmp["colour"].setValue("raw")
    dmp.setInput(2, plate)
    (shot,) = collected(dmp)
    assert (shot.settings_on_cpu, shot.space) == (None, "raw")
    assert Role.GARBAGE in shot.sources()
    assert shot.settings == preset("draft").changed(device="cpu")
    collect.forget_plates()


def test_views_and_several_nodes(plates: Shot, session: Session, tmp_path: Path) -> None:
    session.views = ["left", "right"]
    for view in session.views:
        for name in ("plate", "clean"):
            for number in plates.frames:
                shutil.copy(tmp_path / f"{name}.{number}.exr",
                            tmp_path / f"{name}.{view}.{number}.exr")  # fmt: skip
    dmp = node_of(plates, tmp_path / "matte.%04d.exr")
    for index, name in enumerate(("plate", "clean")):
        dmp.input(index)["file"].setValue(f"{tmp_path.as_posix()}/{name}.%V.%04d.exr")
    left, right = collected(dmp)
    assert (left.name, right.name) == ("DMPMatte1_left", "DMPMatte1_right")
    assert left.image.endswith("/plate.left.%04d.exr") and "right" in right.clean
    dmp["views"].setValue("left")
    node_of(plates, tmp_path / "other.%04d.exr")["views"].setValue("left")
    nuke.scriptSaveAs((tmp_path / "a.nk").as_posix(), 1)
    (selected,) = finish(collect.collecting(to="/to")).shots
    assert selected.name == "a_DMPMatte2"
    for node in nuke.selectedNodes():
        node.setSelected(False)
    names = {shot.name for shot in finish(collect.collecting(to="/to")).shots}
    assert names == {"a_DMPMatte1", "a_DMPMatte2"}


@pytest.mark.parametrize(
    ("mode", "text"), [("expression", "frame + 1"), ("offset", "1"), ("start at", "1000")]
)
def test_a_read_that_is_shifted_in_time_is_rendered(
    plates: Shot, session: Session, tmp_path: Path, mode: str, text: str
) -> None:
    dmp = node_of(plates, tmp_path / "matte.%04d.exr")
    dmp["last"].setValue(1002)
    read = dmp.input(0)
    read["frame_mode"].setValue(mode)
    read["frame"].setValue(text)
    (shot,) = collected(dmp)
    rendered, _ = pixels(shot.image.replace("####", "1001"))
    other, _ = pixels(tmp_path / "plate.1002.exr")  # what the node has at 1001
    assert np.array_equal(rendered["R"], other["R"])
    collect.forget_plates()


def test_what_a_read_changes_is_rendered_and_what_it_does_not_is_sent(
    plates: Shot, session: Session, tmp_path: Path
) -> None:
    dmp = node_of(plates, tmp_path / "matte.%04d.exr")
    read, place = dmp.input(0), tmp_path.as_posix()
    for mode, text in (("expression", "frame"), ("offset", "0"), ("start at", "1001")):
        read["frame_mode"].setValue(mode)
        read["frame"].setValue(text)
        assert collected(dmp)[0].image == f"{place}/plate.%04d.exr"
    assert session.renders == []
    read["premultiplied"].setValue(True)
    assert collected(dmp)[0].image.endswith("/image.main.####.exr")
    read["premultiplied"].setValue(False)
    read["colorspace"].setValue("sRGB")
    rendered, _ = pixels(collected(dmp)[0].image.replace("####", "1001"))
    stored, _ = pixels(tmp_path / "plate.1001.exr")
    assert np.allclose(rendered["R"], ((stored["R"] + 0.055) / 1.055) ** 2.4, atol=1e-3)
    read["raw"].setValue(True)
    assert collected(dmp)[0].image == f"{place}/plate.%04d.exr"
    read["raw"].setValue(False)
    read["colorspace"].setValue("linear")
    assert collected(dmp)[0].image == f"{place}/plate.%04d.exr"
    read["first"].setValue(1002)  # 1001 shows 1002, although a file of 1001 is there
    (shot,) = collected(dmp)
    held, _ = pixels(shot.image.replace("####", "1001"))
    shown, _ = pixels(tmp_path / "plate.1002.exr")
    assert np.array_equal(held["R"], shown["R"])
    collect.forget_plates()
