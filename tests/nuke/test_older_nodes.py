"""Nodes that were saved by older versions: the first commit's, that of release 0.1.0, and later."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import nuke
import pytest
from nuke_standin.session import Session

from dmp_matting import preset
from dmp_matting.client.connection import Connection
from dmp_matting.hosts import Role, host_fields
from dmp_nuke import knobs, menus, node, results, terminal

from .conftest import HERE, Shot, press, quick

OLDER = ("node_ae0b774.nk", "node_0_1_0.nk", "node_version_2.nk")


def opened(shot: Shot, tmp_path: Path, name: str) -> Any:
    """A saved node of an older version, connected, with its panel opened in a GUI session."""
    menus.add()
    nuke.scriptOpen(str(HERE / "saved" / name))
    (dmp,) = node.all_nodes()
    for index, read in enumerate(shot.reads()):
        dmp.setInput(index, read)
    dmp["file"].setValue((tmp_path / "matte.%04d.exr").as_posix())
    return dmp


@pytest.mark.parametrize("name", OLDER)
def test_an_older_nodes_panel_and_presets(shot: Shot, tmp_path: Path, name: str) -> None:
    """A setting that the node has no knob for follows the preset; nothing is a NameError."""
    dmp = opened(shot, tmp_path, name)
    missing = [one.name for one in host_fields() if not dmp.knob(f"set_{one.name}")]
    assert {"preset", "seed", "device"} <= set(missing)
    dmp["custom"].setValue(False)
    for preset_name in ("draft", "final"):
        dmp["preset"].setValue(preset_name)
        assert knobs.settings_of(dmp).settings == preset(preset_name)
    dmp["custom"].setValue(True)
    dmp["set_rounds"].setValue(4)
    assert knobs.settings_of(dmp).settings == preset("final").changed(rounds=4)


@pytest.mark.parametrize("name", OLDER)
@pytest.mark.parametrize("updated", [False, True])
def test_settings_and_choices_that_are_no_more_do_not_count(
    shot: Shot, tmp_path: Path, name: str, updated: bool
) -> None:
    """A node with values of its own, among them an initial alpha that only an older method had."""
    dmp = opened(shot, tmp_path, name)
    dmp["custom"].setValue(True)
    dmp["preset"].setValue("draft")
    dmp["set_alpha_init"].setValue("tested")
    dmp["set_working_size"].setValue(77)
    dmp["set_refine_passes"].setValue(7)
    if updated:
        assert node.update(dmp)
        assert dmp.knob("set_working_size") is None
    found = knobs.settings_of(dmp).settings
    assert (found.method, found.alpha_init) == ("model", "proposed")
    assert found.refine_passes == 7 and found.checked() == found


def test_what_an_older_node_does_wrong_is_seen(
    shot: Shot, session: Session, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """It shows another frame's matte where one is missing, and no plain render can end for that."""
    dmp = opened(shot, tmp_path, "node_0_1_0.nk")
    assert "shows another frame's matte where one is missing" in dmp["status"].value()
    assert "other frames' mattes are shown" in dmp["label"].value()
    assert dmp["tile_color"].value() == results.Severity.WARNING.value
    assert terminal.main([str(HERE / "saved" / "node_0_1_0.nk")]) == 2
    sentence = capsys.readouterr().err
    assert "DMP1 is of DMP 0.1.0 and shows another frame's matte" in sentence
    dmp = opened(shot, tmp_path, "node_0_1_0.nk")
    nuke.menu("Nuke").menu("DMP Matte")._items["Update nodes"][0]()
    assert dmp["label"].value() == node.LABEL and dmp["tile_color"].value() == 0
    assert dmp["status"].value() == "Updated. Reload shows what is on disk."
    nuke.scriptOpen(str(HERE / "saved" / "node_version_2.nk"))
    (dmp,) = node.all_nodes()
    assert dmp["tile_color"].value() == 0, "its frames are each the disk's"


def test_an_update_keeps_the_background(shot: Shot) -> None:
    """Each connection by the name of its input, whatever their numbers are today."""
    dmp, behind = node.build(), nuke.nodes.NoOp()
    plate, clean = shot.reads()
    for index, above in ((0, plate), (1, clean), (len(Role), behind)):
        dmp.setInput(index, above)
    dmp["node_version"].setValue(3)
    assert node.update(dmp)
    assert [dmp.input(index) for index in range(len(Role) + 1)] == [
        plate, clean, *[None] * (len(Role) - 2), behind,
    ]  # fmt: skip


@pytest.mark.parametrize("name", OLDER)
def test_an_older_node_is_updated(
    shot: Shot, engine: Connection, session: Session, tmp_path: Path, name: str
) -> None:
    dmp = opened(shot, tmp_path, name)
    dmp["custom"].setValue(True)
    for knob, value in (("set_rounds", 1), ("set_joint_steps", 3), ("premultiplied", False)):
        dmp[knob].setValue(value)
    dmp.addKnob(nuke.String_Knob("note", "The artist's own"))
    dmp["note"].setValue("hair")
    above = [dmp.input(0), dmp.input(1)]
    after = nuke.nodes.NoOp()
    after.setInput(0, dmp)
    nuke.menu("Nuke").menu("DMP Matte")._items["Update nodes"][0]()
    assert session.messages == ["1 node was updated."]
    assert node.all_nodes() == [dmp] and dmp.name() == "DMP1" and after.input(0) is dmp
    assert [dmp.input(0), dmp.input(1)] == above and dmp.maxInputs() == len(Role) + 1
    fresh = node.build()
    assert set(dmp.knobs()) == {*fresh.knobs(), "note"} and dmp["note"].value() == "hair"
    assert [one.name() for one in dmp.nodes()] == [one.name() for one in fresh.nodes()]
    nuke.delete(fresh)
    assert dmp["output"].value() == "straight foreground" and dmp["set_rounds"].value() == 1
    assert dmp["file"].value() == (tmp_path / "matte.%04d.exr").as_posix()
    assert not results.is_older(dmp) and not node.update(dmp)
    quick(dmp)
    nuke.frame(1001)
    assert press(dmp, "matte_frame").startswith("Done: 1 frame in")
    assert dmp._image(1001, "main").channels["rgba.alpha"].max() > 0.9


@pytest.mark.parametrize("updated", [False, True])
def test_a_node_of_version_5_keeps_its_settings(session: Session, updated: bool) -> None:
    """It does not record whose values its knobs show: all that differ from its preset count."""
    nuke.scriptOpen(str(HERE / "saved" / "node_version_5.nk"))
    (dmp,) = node.all_nodes()
    assert not updated or node.update(dmp)
    knobs.follow_preset(dmp)
    wanted = preset("draft").changed(recompositions=2, keep="largest")
    assert knobs.settings_of(dmp).settings == wanted
