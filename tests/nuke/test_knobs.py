"""Knobs from Settings and back, the callback that keeps them in step, and the menu's panel."""

from __future__ import annotations

import importlib.util
import re
from pathlib import Path

import nuke
import pytest
from nuke_standin.session import Session

from dmp_matting import PRESETS, preset
from dmp_matting.client.connection import Connection
from dmp_matting.hosts import host_fields
from dmp_nuke import knobs, menus, node

from .conftest import Shot, dmp_node, graded, pixels, press
from .test_terminal import run_nuke


@pytest.mark.parametrize("name", sorted(PRESETS))
def test_a_preset_is_what_the_presets_say(session: Session, name: str) -> None:
    dmp = node.create()
    dmp["preset"].setValue(name)
    dmp["seed"].setValue(3)
    dmp["device"].setValue("cuda:1")
    assert knobs.settings_of(dmp) == (preset(name).changed(seed=3, device="cuda:1"), None)


def test_states_of_other_settings_are_not_shown(session: Session) -> None:
    menus.add()
    dmp = node.create()
    dmp["set_rounds"].setValue(3)
    assert dmp["frame_states"].value() == "", "nothing was found yet"
    changes = {"set_rounds": 4, "preset": "draft", "colour": "raw", "last": 7, "file": "/x/m.exr"}
    dmp["custom"].setValue(True)
    for name, value in changes.items():
        dmp["frame_states"].setValue("1-2: 2 solved, 0 stale, 0 missing")
        dmp["output"].setValue("alpha" if dmp["output"].value() == "result" else "result")
        assert dmp["frame_states"].value() == "1-2: 2 solved, 0 stale, 0 missing"
        dmp[name].setValue(value)
        assert dmp["frame_states"].value() == "changed since: press Reload", name


def test_auto_lets_the_engine_choose(session: Session) -> None:
    assert knobs.settings_of(node.create()) == (preset("final"), preset("draft"))


def test_auto_with_a_changed_knob_still_lets_the_engine_choose(session: Session) -> None:
    menus.add()
    dmp = node.create()
    dmp["custom"].setValue(True)
    dmp["set_rounds"].setValue(3)
    chosen = knobs.settings_of(dmp)
    assert chosen.settings == preset("final").changed(rounds=3)
    assert chosen.settings_on_cpu == preset("draft").changed(rounds=3)


def test_every_setting_of_every_preset_goes_through_the_knobs(session: Session) -> None:
    """Change the preset, change nothing: the same settings come back from the knobs."""
    menus.add()
    dmp = node.create()
    for name in PRESETS:
        dmp["custom"].setValue(False)
        dmp["preset"].setValue(name)
        dmp["custom"].setValue(True)
        assert knobs.settings_of(dmp) == (preset(name), None)


@pytest.mark.parametrize("gui", [True, False])
def test_another_preset_keeps_what_the_artist_changed_and_nothing_else(
    session: Session, gui: bool
) -> None:
    """In a terminal nobody's callback lets the knobs follow; the settings are the same."""
    if gui:
        menus.add()
    dmp = node.create()
    dmp["custom"].setValue(True)
    dmp["set_refine_passes"].setValue(7)
    for name in ("paper", "draft", "final"):
        dmp["preset"].setValue(name)
        assert knobs.settings_of(dmp) == (preset(name).changed(refine_passes=7), None)


def test_the_callback_shows_the_presets_values_and_frees_them(session: Session) -> None:
    menus.add()
    dmp = node.create()
    dmp["preset"].setValue("draft")
    assert dmp["set_joint_steps"].value() == preset("draft").joint_steps
    assert not dmp["set_joint_steps"].enabled()
    dmp["custom"].setValue(True)
    assert dmp["set_joint_steps"].enabled()
    dmp["set_joint_steps"].setValue(5)
    dmp["preset"].setValue("final")
    assert dmp["set_joint_steps"].value() == 5, "the artist's own value is never overwritten"
    dmp["colour"].setValue("named")
    assert dmp["colour_space"].visible()
    dmp["colour"].setValue("raw")
    assert not dmp["colour_space"].visible()
    nuke.nodes.Group()["label"].setValue("another's group is left alone")


def test_the_lines_of_the_farms_page(session: Session) -> None:
    page = Path(__file__).parents[2] / "docs" / "td" / "farm.md"
    (lines,) = re.findall(r"^```python nuke\n(.*?)^```", page.read_text("utf-8"), re.M | re.S)
    dmp = node.create()
    exec(lines, {"nuke": nuke})
    assert knobs.settings_of(dmp) == (preset("draft").changed(recompositions=2), None)


def test_labels_and_help_are_those_of_the_settings(session: Session) -> None:
    dmp = node.create()
    for one in host_fields():
        knob = dmp.knob(f"set_{one.name}") or dmp[one.name]
        assert knob.label() == one.metadata["label"]
        if one.name == "keep":  # it may also be written, beside the menu
            knob = dmp["keep_text"]
        if one.name != "preset":
            assert knob.tooltip().startswith(one.metadata["help"])


def test_selected_nodes_become_the_inputs(shot: Shot, session: Session) -> None:
    plate, clean = shot.reads()
    clean.setXYpos(200, 0)
    plate.setSelected(True)
    clean.setSelected(True)
    dmp = node.create()
    assert (dmp.input(0), dmp.input(1), dmp.input(2)) == (plate, clean, None)
    assert session.panels == ["DMPMatte1"] and nuke.selectedNodes() == [dmp]


def test_the_front_is_short_and_the_rest_is_folded(session: Session) -> None:
    made = node.create()
    names = list(made.knobs())
    ours = names[names.index("dmp") + 1 :]
    front = ours[: ours.index("plates_group")]
    shown = [name for name in front if not name.endswith("_line") and made[name].visible()]
    assert shown[:7] == ["range", "first", "last", "only", "solve", "file", "version_up"]
    assert len(shown) == 22 and len(ours) > 50
    for name in shown:
        assert "eq." not in made[name].tooltip(), name
    groups = [knob for knob in made.knobs().values() if knob.name().endswith("_group")]
    assert [knob._value for knob in groups] == [nuke.TABBEGINCLOSEDGROUP] * 6
    assert made["help"].value().startswith("Mattes a plate with its clean plate")
    assert {one.name for one in host_fields()} - {"preset", "seed", "device", "keep"} == {
        name[4:] for name in ours if name.startswith("set_")
    }


def test_it_comes_into_the_pipe(shot: Shot, session: Session) -> None:
    plate, clean = shot.reads()
    below = nuke.nodes.Copy()
    below.setInput(0, plate)
    below.setInput(1, clean)
    plate.setSelected(True)
    made = node.create()
    assert [below.input(0), below.input(1)] == [made, clean] and made.input(0) is plate
    assert (made["first"].value(), made["last"].value()) == (1001, 1003), "the plate's range"
    assert made.ypos() > plate.ypos()


def test_a_clean_plate_that_is_made_from_the_plate_keeps_its_input(
    shot: Shot, session: Session
) -> None:
    plate, _ = shot.reads()
    held, below = graded(plate), graded(plate)
    painted = graded(held)
    for one in (plate, painted):
        one.setSelected(True)
    made = node.create()
    assert [made.input(0), made.input(1)] == [plate, painted] and below.input(0) is made
    assert held.input(0) is plate and painted.input(0) is held


def test_without_a_selection_it_appears_at_the_cursor(
    session: Session, monkeypatch: pytest.MonkeyPatch
) -> None:
    """createNode is what places a node there."""
    made: list[str] = []
    create = nuke.createNode
    monkeypatch.setattr(nuke, "createNode", lambda *what: (made.append(what[0]), create(*what))[1])
    node.create()
    assert made == ["Group"]


def test_one_name_everywhere(session: Session) -> None:
    """DMP alone is digital matte painting."""
    menus.add()
    assert nuke.menu("Nodes").menu("Keyer").findItem("DMP Matte") is not None
    assert nuke.menu("Nuke").menu("DMP Matte") is not None
    assert [name for _, name, _ in session.widgets] in ([], ["DMP Matte"])
    made = node.create()
    assert made.name() == "DMPMatte1" and made["dmp"].label() == "DMP Matte"


def test_inside_another_group(
    shot: Shot, session: Session, engine: Connection, tmp_path: Path
) -> None:
    plate, clean = shot.reads()
    outer = nuke.nodes.Group(name="Shot")
    with outer:
        through = [nuke.nodes.Input(name="a"), nuke.nodes.Input(name="b")]
        dmp = dmp_node(*through, tmp_path / "matte.%04d.exr")
    outer.setInput(0, plate)
    outer.setInput(1, clean)
    nuke.frame(1001)
    assert dmp.fullName() == "Shot.DMPMatte1" and node.all_nodes() == [dmp]
    assert press(dmp, "matte_frame").startswith("Done: 1 frame")
    assert pixels(tmp_path / "matte.1001.exr")[1].width == 48


PANEL = """
from nuke_standin.session import session
(widget, name, id), = session.widgets
print("PANEL", name, id, eval(widget).__mro__[:2])
"""


def test_the_panel_can_be_opened(tmp_path: Path) -> None:
    """The text that Nuke evaluates gives the widget's class."""
    pytest.importorskip("Qt.QtWidgets", reason="no Qt here (the ui extra)", exc_type=ImportError)
    (tmp_path / "panel.py").write_text(PANEL)
    ran = run_nuke("--gui", "-t", tmp_path / "panel.py", QT_QPA_PLATFORM="offscreen")
    assert ran.returncode == 0, ran.stderr
    assert ran.stdout.startswith("PANEL DMP Matte dmp_matting.panel (") and "QWidget" in ran.stdout


def test_without_qt_there_is_a_node_and_no_panel(
    session: Session, monkeypatch: pytest.MonkeyPatch
) -> None:
    found = importlib.util.find_spec
    monkeypatch.setattr(
        importlib.util, "find_spec", lambda name: None if name == "Qt" else found(name)
    )
    menus.add()
    assert session.widgets == []
    assert nuke.menu("Nodes").findItem("Keyer").findItem("DMP Matte") is not None
