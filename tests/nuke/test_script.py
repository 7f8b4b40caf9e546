"""The node in scripts: saved, opened without DMP, copied, undone; its text by Tcl's rules.

Long because each is one short story of the same node.
"""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import nuke
import numpy as np
import pytest
from nuke_standin import script, tcl
from nuke_standin.session import Session, reset, run_until

from dmp_matting import InputError
from dmp_matting.client.connection import Connection
from dmp_matting.hosts import host_fields
from dmp_nuke import jobs, knobs, node, prepare, results

from .conftest import HERE, ROOT, Shot, dmp_node, pixels, press, quick, read_node

SNAPSHOT = HERE / "group.nk"
# A knob that mirrors a setting: its definition and its value. Settings come and go.
SETTING = re.compile(
    r"^ addUserKnob \{\d+ (set_\w+|preset|seed|device) .*\n|^ (set_\w+|preset|seed|device) .*\n",
    re.MULTILINE,
)


def saved_node(session: Session) -> str:
    """The text of a new DMP node, without the knobs that Settings makes."""
    return SETTING.sub("", script.saved([node.build()]))


def test_the_saved_text_is_the_committed_one(session: Session) -> None:
    """After a wanted change: DMP_SNAPSHOT=write pytest tests/nuke/test_script.py, then look."""
    text = saved_node(session)
    if os.environ.get("DMP_SNAPSHOT") == "write":
        SNAPSHOT.write_text(text)
    assert text == SNAPSHOT.read_text()


def test_every_setting_is_a_knob(session: Session) -> None:
    text = script.saved([node.build()])
    defined = set(re.findall(r"^ addUserKnob \{\d+ (\w+)", text, re.M))
    for one in host_fields():
        assert one.name in defined or f"set_{one.name}" in defined
    assert "preset" in defined and "seed" in defined


def test_no_path_of_this_machine_and_no_import_without_a_guard(session: Session) -> None:
    text = script.saved([node.build()])
    assert str(ROOT) not in text and "\\\\" not in text
    for line in text.splitlines():
        assert line.count("dmp_nuke") == 0 or line.index("try:") < line.index("except ImportError")


def test_tcl_itself_reads_the_text(session: Session) -> None:
    """The same words as the stand-in's reader, from a real interpreter."""
    tkinter = pytest.importorskip("tkinter", reason="Python without Tcl (apt-get python3-tk)")
    interpreter = tkinter.Tcl()
    made = node.build()
    made["file"].setValue('/a b/[getenv "X"]/{matte}.$x.%04d.exr')
    text = script.saved([made])
    assert interpreter.eval(f"info complete {tcl.quoted(text)}") == "1"
    bodies = re.findall(r"^( *)(\w+) \{\n(.*?)^\1\}$", text, re.M | re.S)
    assert len(bodies) > 15
    for _, _, body in bodies:
        words = list(interpreter.tk.splitlist(body))
        assert words == tcl.words(body)
        assert len(words) % 2 == 0
        for name, value in zip(words[::2], words[1::2], strict=True):
            if name == "addUserKnob":
                assert list(interpreter.tk.splitlist(value)) == tcl.words(value)
    assert text.count("addUserKnob") > 30


@pytest.mark.parametrize(
    "text",
    ["", "plain", "two words", 'a "b" c', "{", "}", "a\\b", "$x", "[exec rm]", "ä\nb\tc", "#"],
)
def test_quoting_against_tcl(text: str) -> None:
    tkinter = pytest.importorskip("tkinter", reason="Python without Tcl (apt-get python3-tk)")
    interpreter = tkinter.Tcl()
    word = tcl.quoted(text)
    assert interpreter.tk.splitlist(word) == (text,)
    assert tcl.words(word) == [text]
    interpreter.eval(f"set found {word}")  # as a command's argument nothing is substituted either
    assert interpreter.getvar("found") == text


def test_saved_and_opened_it_shows_its_result(
    shot: Shot, engine: Connection, session: Session, tmp_path: Path
) -> None:
    dmp = dmp_node(*shot.reads(), tmp_path / "matte.%04d.exr")
    nuke.frame(1001)
    press(dmp, "matte_frame")
    shown = dmp._image(1001, "main").channels
    nuke.scriptSaveAs(str(tmp_path / "shot.nk"))
    before = script.whole()
    nuke.scriptOpen(str(tmp_path / "shot.nk"))
    assert script.whole() == before
    again = node.all_nodes()[0]
    assert again is not dmp
    assert np.array_equal(again._image(1001, "main").channels["rgba.alpha"], shown["rgba.alpha"])
    assert again["status"].value() == dmp._knobs["status"]._value
    assert press(again, "matte_frame").startswith("Done"), "it still works"


def saved_shot(shot: Shot, tmp_path: Path, **knobs: object) -> Path:
    """A script with a solved frame 1001, a Write behind it, and nothing running."""
    dmp = dmp_node(*shot.reads(), tmp_path / "matte.%04d.exr")
    dmp["first"].setValue(1001)
    dmp["last"].setValue(1003)
    for name, value in knobs.items():
        dmp[name].setValue(value)
    nuke.frame(1001)
    assert press(dmp, "matte_frame").startswith("Done")
    write = nuke.nodes.Write(name="Final", file=(tmp_path / "final.%04d.exr").as_posix())
    write.setInput(0, dmp)
    write["file_type"].setValue("exr")
    write["raw"].setValue(True)
    write["channels"].setValue("all")
    nuke.scriptSaveAs(str(tmp_path / "shot.nk"))
    return tmp_path / "shot.nk"


def bare_nuke(*arguments: object, room: str = "") -> subprocess.CompletedProcess[str]:
    """The stand-in in a process of its own; without ``room`` nothing of DMP can be imported."""
    environment = {
        **{name: value for name, value in os.environ.items() if not name.startswith("PYTHON")},
        "PYTHONPATH": str(HERE / "standin"),
        "NUKE_PATH": room,
    }
    command = [sys.executable, "-m", "nuke_standin", *map(str, arguments)]
    return subprocess.run(command, env=environment, capture_output=True, text=True, cwd="/")


def test_it_renders_where_there_is_no_dmp(shot: Shot, engine: Connection, tmp_path: Path) -> None:
    """As a farm does: nuke -x, in a process that has neither dmp_nuke nor dmp_matting."""
    saved = saved_shot(shot, tmp_path)
    ran = bare_nuke("-x", "-X", "Final", "-F", "1001", saved)
    assert ran.returncode == 0, ran.stderr
    final, _ = pixels(tmp_path / "final.1001.exr")
    matte, _ = pixels(tmp_path / "matte.1001.exr")
    assert np.array_equal(final["A"], matte["A"])
    assert np.array_equal(final["foreground.red"], matte["foreground.R"])

    (tmp_path / "matte.1001.exr").unlink()
    ran = bare_nuke("-x", "-X", "Final", "-F", "1001", saved)
    assert ran.returncode != 0 and "result: Error reading" in ran.stderr, "as a Read does"
    assert not (tmp_path / "matte.1001.exr").exists(), "a render never solves"


def test_a_button_without_dmp_shows_so(
    shot: Shot, engine: Connection, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    saved = saved_shot(shot, tmp_path)
    monkeypatch.setitem(sys.modules, "dmp_nuke.buttons", None)
    session = reset()
    nuke.scriptOpen(str(saved))
    nuke.toNode("DMPMatte1")["matte_frame"].execute()
    assert session.messages == [
        "DMP Matte is not installed here. The node shows the EXRs that it has."
    ]


def test_frames_that_are_not_on_disk_follow_missing_frames(
    shot: Shot, engine: Connection, tmp_path: Path
) -> None:
    dmp = dmp_node(*shot.reads(), tmp_path / "matte.%04d.exr")
    for number in (1001, 1003):
        nuke.frame(number)
        press(dmp, "matte_frame")
    for number in (1, 1000, 1002, 1004, 1100):  # before, between and after what is on disk
        dmp["on_error"].setValue("error")
        with pytest.raises(RuntimeError, match=f"result: Error reading .*matte.{number:04d}.exr"):
            dmp._image(number, "main")
        dmp["on_error"].setValue("black")
        assert dmp._image(number, "main").channels["rgba.alpha"].max() == 0
    dmp["on_error"].setValue("plate")
    plate = dmp.input(0)
    for number in (1002, 1004):
        channels = dmp._image(number, "main").channels
        red = plate._image(number, "main").channels["rgba.red"]
        assert np.array_equal(channels["rgba.red"], red)
    shown = dmp.node("shown")
    which = [shown._evaluated(shown["which"]._expression, at) for at in (1000.6, 1001.4, 1001.6)]
    assert which == [1, 1, 0], "of a retime below the node"
    for number in (1001, 1003):
        matte, _ = pixels(tmp_path / f"matte.{number}.exr")
        assert np.array_equal(dmp._image(number, "main").channels["rgba.alpha"], matte["A"])


def test_plate_for_missing_frames_has_two_limits(shot: Shot, tmp_path: Path) -> None:
    """Where the node's Tcl cannot find a frame's file, a solved frame is not taken for missing."""
    dmp = dmp_node(*shot.reads(), tmp_path / "matte.####.exr")
    dmp["on_error"].setValue("plate")
    knobs.number_as_printf(dmp)
    assert dmp["file"].value() == f"{tmp_path.as_posix()}/matte.%04d.exr"
    dmp["file"].setValue(f"{tmp_path.as_posix()}/matte.%V.%04d.exr")
    with pytest.raises(InputError, match="cannot be 'plate' where the output has a %V"):
        prepare.wanted_views(dmp)
    with pytest.raises(RuntimeError, match="bad field specifier"):
        dmp._image(1001, "main")  # loud, without DMP too
    dmp["on_error"].setValue("error")
    assert prepare.wanted_views(dmp) == ("main",)


def test_the_node_hands_on_its_own_range(session: Session) -> None:
    made = node.build()
    made["first"].setValue(1001)
    made["last"].setValue(1100)
    assert (made.frameRange().first(), made.frameRange().last()) == (1001, 1100)


def test_a_render_outside_what_is_solved_fails(
    shot: Shot, engine: Connection, tmp_path: Path
) -> None:
    saved = saved_shot(shot, tmp_path)  # 1001 is solved
    ran = bare_nuke("-x", "-X", "Final", "-F", "1001-1003", saved)
    assert ran.returncode != 0 and "result: Error reading" in ran.stderr
    assert not (tmp_path / "final.1002.exr").exists()


def test_the_disk_decides_and_not_the_script(
    shot: Shot, engine: Connection, tmp_path: Path
) -> None:
    """A farm renders the artist's script, which was saved before a batch solved its frames."""
    dmp = dmp_node(*shot.reads(), tmp_path / "matte.%04d.exr")
    write = nuke.nodes.Write(name="Final", file=(tmp_path / "final.%04d.exr").as_posix())
    write.setInput(0, dmp)
    write["file_type"].setValue("exr")
    write["channels"].setValue("all")
    nuke.scriptSaveAs(str(tmp_path / "shot.nk"))
    ran = bare_nuke("-x", "-X", "Final", "-F", "1001", tmp_path / "shot.nk")
    assert ran.returncode != 0 and "result: Error reading" in ran.stderr

    nuke.frame(1001)
    assert press(dmp, "matte_frame").startswith("Done")  # in a session that is never saved
    ran = bare_nuke("-x", "-X", "Final", "-F", "1001", tmp_path / "shot.nk")
    assert ran.returncode == 0, ran.stderr
    final, _ = pixels(tmp_path / "final.1001.exr")
    matte, _ = pixels(tmp_path / "matte.1001.exr")
    assert matte["A"].max() > 0.9 and np.abs(final["A"] - matte["A"]).max() < 1e-3


def test_a_saved_node_of_an_older_version_still_works(
    shot: Shot, engine: Connection, tmp_path: Path
) -> None:
    nuke.scriptOpen(str(HERE / "saved" / "node_0_1_0.nk"))
    (dmp,) = node.all_nodes()
    assert results.is_older(dmp)
    for index, read in enumerate(shot.reads()):
        dmp.setInput(index, read)
    dmp["file"].setValue((tmp_path / "matte.%04d.exr").as_posix())
    quick(dmp, temporal="off")  # which the older node shows from its own preset
    nuke.frame(1001)
    assert press(dmp, "matte_frame").startswith("Done")
    assert dmp._image(1001, "main").channels["rgba.alpha"].max() > 0.9
    press(dmp, "clear")
    assert "rgba.alpha" not in dmp._image(1001, "main").channels
    assert press(dmp, "reload") == (
        "1 frames on disk, 1001 to 1001. 1-100: 0 solved, 0 stale, 100 missing."
    )
    assert dmp._image(1001, "main").channels["rgba.alpha"].max() > 0.9


def test_copy_paste_and_rename(
    shot: Shot, engine: Connection, session: Session, tmp_path: Path
) -> None:
    """A pasted node is a node of its own, and says so before it overwrites the other's files."""
    dmp = dmp_node(*shot.reads(), tmp_path / "matte.%04d.exr")
    nuke.frame(1001)
    press(dmp, "matte_frame")
    nuke.nodeCopy(str(tmp_path / "clipboard.nk"))
    pasted = nuke.nodePaste(str(tmp_path / "clipboard.nk"))
    assert (dmp.name(), pasted.name()) == ("DMPMatte1", "DMPMatte2")
    assert np.array_equal(
        pasted._image(1001, "main").channels["rgba.alpha"],
        dmp._image(1001, "main").channels["rgba.alpha"],
    )
    for index in (0, 1):
        pasted.setInput(index, dmp.input(index))
    assert press(pasted, "matte_frame") == (
        "DMPMatte1 writes the same files as DMPMatte2; give one of them another output."
    )
    pasted["file"].setValue((tmp_path / "other.%04d.exr").as_posix())
    assert press(pasted, "matte_frame").startswith("Done")
    dmp.setName("Hair")
    assert press(dmp, "matte_frame").startswith("Done")


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("{0}/matte.%04d.exr", "{0}/matte.####.exr"),
        ("[file dirname [value root.name]]/m.%04d.exr", "{0}/m.%04d.exr"),
        (
            "[file dirname [value root.name]]/m.####.exr",
            "[file dirname [value root.name]]/m.%04d.exr",
        ),
        ("{0}/a/../matte.%04d.exr", "{0}/matte.%04d.exr"),
        ("{0}/link/matte.%04d.exr", "{0}/real/matte.%04d.exr"),
        ("{0}/%V/matte.%04d.exr", "{0}/main/matte.%04d.exr"),
        ("{0}/matte.%v.%04d.exr", "{0}/matte.%V.%04d.exr"),
    ],
)
def test_two_nodes_never_write_the_same_files(
    session: Session, tmp_path: Path, one: str, other: str
) -> None:
    session.views = ["main", "m"]
    (tmp_path / "real").mkdir()
    (tmp_path / "link").symlink_to(tmp_path / "real")
    nuke.scriptSaveAs(str(tmp_path / "shot.nk"))
    nodes = [node.build(), node.build()]
    for made, text in zip(nodes, (one, other), strict=True):
        made["file"].setValue(text.format(tmp_path.as_posix()))
    with pytest.raises(InputError, match="DMPMatte1 writes the same files as DMPMatte2"):
        results.check_alone(nodes[1], results.sequence(nodes[1]))
    nodes[0]["file"].setValue(f"{tmp_path.as_posix()}/matte.%05d.exr")
    results.check_alone(nodes[1], results.sequence(nodes[1]))
    nodes[0]["file"].setValue(f"{tmp_path.as_posix()}/%V/matte.%04d.exr")
    nodes[0]["views"].setValue("m")
    nodes[1]["file"].setValue(f"{tmp_path.as_posix()}/%V/matte.%04d.exr")
    nodes[1]["views"].setValue("main")
    results.check_alone(nodes[1], results.sequence(nodes[1]))  # each has its own view
    nodes[0]["file"].setValue("")
    results.check_alone(nodes[1], results.sequence(nodes[1]))


def test_undo(shot: Shot, engine: Connection, session: Session, tmp_path: Path) -> None:
    """Making the node is one step; what a job sets is none."""
    plate, clean = shot.reads()
    before = len(session.undo)
    node.create()
    assert len(session.undo) == before + 1
    nuke.undo()
    assert node.all_nodes() == []

    dmp = dmp_node(plate, clean, tmp_path / "matte.%04d.exr")
    nuke.frame(1001)
    dmp["seed"].setValue(7)
    press(dmp, "matte_frame")
    nuke.undo()
    assert dmp["seed"].value() == 0, "the artist's own last step"
    assert dmp._image(1001, "main").channels["rgba.alpha"].max() > 0
    nuke.delete(dmp)
    nuke.undo()
    back = node.all_nodes()[0]
    assert back is not dmp and back.input(0) is plate
    assert back._image(1001, "main").channels["rgba.alpha"].max() > 0


def test_renamed_while_it_runs(shot: Shot, engine: Connection, tmp_path: Path) -> None:
    dmp = dmp_node(*shot.reads(), tmp_path / "matte.%04d.exr", joint_steps=30)
    nuke.frame(1001)
    dmp["matte_frame"].execute()
    dmp.setName("Fur")
    run_until(lambda: not jobs.RUNNING)
    assert dmp["status"].value().startswith("Done") and dmp.name() == "Fur"


@pytest.mark.parametrize("how", ["deleted", "closed"])
def test_gone_while_it_runs(shot: Shot, engine: Connection, tmp_path: Path, how: str) -> None:
    """The job is cancelled, its files are gone, nobody gets a message."""
    dmp = dmp_node(
        *shot.reads(), tmp_path / "matte.%04d.exr", preset="paper", joint_steps=1_000_000
    )
    nuke.frame(1001)
    dmp["matte_frame"].execute()
    run_until(lambda: bool(dmp.node("preview")["file"].value()))
    folder = Path(dmp.node("preview")["file"].value()).parent
    if how == "deleted":
        nuke.delete(dmp)
    else:
        nuke.scriptClear()
    run_until(lambda: not jobs.RUNNING)
    assert not folder.exists() and not list(tmp_path.glob("matte*"))
    run_until(
        lambda: all(job["state"] != "running" for job in engine.request("GET", "/v1/jobs")["jobs"])
    )


def test_deleted_and_brought_back_while_it_runs(
    shot: Shot, engine: Connection, tmp_path: Path
) -> None:
    dmp = dmp_node(*shot.reads(), tmp_path / "matte.%04d.exr", joint_steps=60)
    nuke.frame(1001)
    dmp["matte_frame"].execute()
    nuke.delete(dmp)
    nuke.undo()
    run_until(lambda: not jobs.RUNNING)
    assert node.all_nodes()[0]["status"].value().startswith("Done")


def test_saved_while_it_ran(
    shot: Shot, engine: Connection, session: Session, tmp_path: Path
) -> None:
    """Opened later, it has no preview, and does not pretend to be running."""
    plate, _ = shot.reads()
    dmp = dmp_node(
        *shot.reads(), tmp_path / "matte.%04d.exr", preset="paper", joint_steps=1_000_000
    )
    nuke.frame(1001)
    dmp["matte_frame"].execute()
    run_until(lambda: bool(dmp.node("preview")["file"].value()))
    nuke.scriptSaveAs(str(tmp_path / "shot.nk"))
    press(dmp, "cancel")
    nuke.scriptOpen(str(tmp_path / "shot.nk"))
    again = node.all_nodes()[0]
    with pytest.raises(RuntimeError, match="result: Error reading"):
        again._image(1001, "main")  # also where there is no DMP
    results.forget_ended_jobs(jobs.RUNNING)
    assert again["status"].value() == (
        "The script was closed while this was solving; press Matte again."
    )
    assert again.node("preview")["file"].value() == "" and not again["job"].value()
    assert read_node(tmp_path / "x.exr") is not None
