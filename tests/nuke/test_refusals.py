"""The stand-in refuses what Nuke refuses: every line of HOSTS.md's table that can be broken.

Each rule is broken once here, on purpose, or the green tests beside would mean nothing. The
adapter's own tests then fail on any refusal, also on one that the adapter swallowed.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import nuke
import pytest
from nuke_standin.session import Session, pump, reset, run_until

from dmp_nuke import jobs, node

from .conftest import Shot, read_node


@pytest.fixture
def nuke_session() -> Iterator[Session]:
    """A session in which refusals are wanted."""
    yield reset()
    reset()


def refused(session: Session, call: Callable[[], Any], kind: type[Exception], words: str) -> None:
    with pytest.raises(kind, match=words):
        call()
    assert session.refusals and words in session.refusals.pop()


def on_a_thread(call: Callable[[], Any]) -> Exception | None:
    caught: list[Exception] = []

    def run() -> None:
        try:
            call()
        except Exception as error:
            caught.append(error)

    thread = threading.Thread(target=run)
    thread.start()
    thread.join()
    return caught[0] if caught else None


@pytest.mark.parametrize(
    "call",
    [
        lambda: nuke.root(),
        lambda: nuke.allNodes(),
        lambda: nuke.nodes.Read(),
        lambda: nuke.toNode("Read1")["file"],
        lambda: nuke.ProgressTask("x"),
        lambda: nuke.message("x"),
        lambda: nuke.execute("Write1", 1, 1),
    ],
)
def test_the_api_off_the_main_thread(nuke_session: Session, call: Callable[[], Any]) -> None:
    error = on_a_thread(call)
    assert isinstance(error, RuntimeError) and "off the main thread" in str(error)
    assert "off the main thread" in nuke_session.refusals[0]


def test_a_nodes_knob_off_the_main_thread(nuke_session: Session) -> None:
    read = nuke.nodes.Read()
    assert "off the main thread" in str(on_a_thread(lambda: read["file"]))
    file = read["file"]
    assert "off the main thread" in str(on_a_thread(lambda: file.setValue("/x.exr")))


def test_the_main_thread_called_from_itself(nuke_session: Session) -> None:
    refused(nuke_session, lambda: nuke.executeInMainThread(print), RuntimeError, "freezes")
    refused(nuke_session, lambda: nuke.executeInMainThreadWithResult(print), RuntimeError, "hangs")


def test_what_fails_on_the_main_thread_is_printed_and_none_returned(nuke_session: Session) -> None:
    found: list[Any] = []
    thread = threading.Thread(
        target=lambda: found.append(nuke.executeInMainThreadWithResult(lambda: 1 // 0))
    )
    thread.start()
    run_until(lambda: bool(found))
    assert found == [None] and "ZeroDivisionError" in nuke_session.printed[0]
    assert not pump()


def test_rendering_while_rendering(nuke_session: Session, tmp_path: Path) -> None:
    write = nuke.nodes.Write(name="W", file=(tmp_path / "w.%04d.exr").as_posix())
    write.setInput(0, nuke.nodes.NoOp())
    nuke.addBeforeRender(lambda: nuke.execute(write, 1, 1))
    refused(
        nuke_session, lambda: nuke.execute(write, 1, 1), RuntimeError, "already executing something"
    )
    assert not nuke.executing(), "and it is over"


@pytest.mark.parametrize("moment", ["knobChanged", "onCreate", "onScriptLoad"])
def test_rendering_from_a_callback(nuke_session: Session, tmp_path: Path, moment: str) -> None:
    write = nuke.nodes.Write(name="W", file=(tmp_path / "w.%04d.exr").as_posix())
    write.setInput(0, nuke.nodes.NoOp())
    add = {"knobChanged": nuke.addKnobChanged, "onCreate": nuke.addOnCreate,
           "onScriptLoad": nuke.addOnScriptLoad}[moment]  # fmt: skip
    script = tmp_path / "x.nk"
    nuke.scriptSaveAs(str(script))
    add(lambda: nuke.execute(write, 1, 1), nodeClass="*")
    happens = {
        "knobChanged": lambda: write["raw"].setValue(True),
        "onCreate": lambda: nuke.nodes.NoOp(),
        "onScriptLoad": lambda: nuke.scriptOpen(str(script)),
    }[moment]
    with pytest.raises((RuntimeError, ValueError)):
        happens()
    if moment != "onScriptLoad":  # there the Write is gone with its script before that
        assert "already executing something" in nuke_session.refusals[0]


def test_a_write_renders_at_the_proxys_size_rgb_only_and_every_view(
    nuke_session: Session, tmp_path: Path
) -> None:
    """The three traps that render.py goes around are really there."""
    shot = Shot(tmp_path, range(1001, 1002), (48, 32))
    nuke_session.views = ["left", "right"]
    write = nuke.nodes.Write(name="W", file=(tmp_path / "w.%V.%04d.exr").as_posix())
    write.setInput(0, shot.reads()[0])
    nuke.root()["proxy"].setValue(True)
    nuke.execute(write, 1001, 1001, 1)
    half = read_node(tmp_path / "w.left.%04d.exr", 1001, 1001)._image(1001, "left")
    assert half.window[2:] == (24, 16) and (tmp_path / "w.right.1001.exr").exists()
    assert set(half.channels) == {"rgba.red", "rgba.green", "rgba.blue"}


def test_a_disabled_write_and_a_node_that_is_none(nuke_session: Session) -> None:
    write = nuke.nodes.Write(name="W")
    write["disable"].setValue(True)
    refused(nuke_session, lambda: nuke.execute(write, 1, 1), RuntimeError, "is disabled")
    refused(nuke_session, lambda: nuke.execute("Nobody", 1, 1), RuntimeError, "wants a Write")


@pytest.mark.parametrize(
    ("call", "kind", "words"),
    [
        (lambda: nuke.nodes.Rread(), RuntimeError, "Unknown command"),
        (lambda: nuke.nodes.Read()["flie"], NameError, "flie does not exist"),
        (lambda: nuke.nodes.Write()["datatype"], NameError, "datatype does not exist"),
        (lambda: nuke.nodes.Read()["on_error"].setValue("blak"), ValueError, "no item"),
        (lambda: nuke.nodes.Write(channels="foreground"), ValueError, "no channel or layer"),
        (lambda: nuke.nodes.Read()["first"].setValue(1.5), TypeError, "whole number"),
        (lambda: nuke.nodes.Read(file="C:\\plates\\a.exr"), ValueError, "backslash"),
        (lambda: nuke.nodes.Read()["file"].setValue(Path("/x")), TypeError, "wants text"),
        (lambda: nuke.ProgressTask("x").setProgress(0.5), TypeError, "wants an integer"),
        (lambda: nuke.Layer("fg", ["rgba.red"]), ValueError, "layer fg"),
        (lambda: nuke.nodes.Read().setName("two words"), ValueError, "no name for a node"),
        (lambda: nuke.Int_Knob("two words"), ValueError, "no name for a knob"),
        (lambda: nuke.nodes.Group().end(), RuntimeError, "without its begin"),
    ],
)
def test_what_nuke_does_not_know(
    nuke_session: Session, call: Callable[[], Any], kind: type[Exception], words: str
) -> None:
    refused(nuke_session, call, kind, words)


def test_a_deleted_node(nuke_session: Session) -> None:
    read = nuke.nodes.Read()
    nuke.delete(read)
    with pytest.raises(ValueError, match="A PythonObject is not attached to a node"):
        read.name()


def test_no_menus_and_no_messages_in_the_terminal() -> None:
    session = reset(gui=False)
    refused(session, lambda: nuke.menu("Nodes"), RuntimeError, "no menus in terminal mode")
    refused(session, lambda: nuke.message("x"), RuntimeError, "needs the GUI")


def test_the_adapter_renders_from_no_callback(shot: Shot, session: Session, tmp_path: Path) -> None:
    """With its own callbacks on, changing every knob of a node renders nothing."""
    from dmp_nuke import menus

    menus.add()
    dmp = node.create()
    for index, read in enumerate(shot.reads()):
        dmp.setInput(index, read)
    for knob in dmp.knobs().values():
        if isinstance(knob, nuke.Boolean_Knob):
            knob.setValue(not knob.value())
        elif isinstance(knob, nuke.Enumeration_Knob):
            knob.setValue(knob.values()[-1])
    assert session.renders == [] and not jobs.RUNNING


def test_a_knob_in_the_middle_of_a_render(nuke_session: Session) -> None:
    read = nuke.nodes.Read()
    nuke_session.executing = True
    refused(nuke_session, lambda: read["raw"].setValue(True), RuntimeError, "while Nuke renders")
    nuke_session.executing = False
    assert read["raw"].setValue(True)


def test_what_the_stand_in_does_not_compute(nuke_session: Session, tmp_path: Path) -> None:
    """It flatters nobody: another way to resize or to merge is refused, not guessed."""
    read = Shot(tmp_path, range(1001, 1002), (48, 32)).reads()[0]
    size = nuke.nodes.Reformat(type="to box")
    size.setInput(0, read)
    refused(nuke_session, lambda: size._image(1001, "main"), RuntimeError, "only distorts to a box")
    merge = nuke.nodes.Merge2(operation="plus")
    for index in (0, 1):
        merge.setInput(index, read)
    refused(nuke_session, lambda: merge._image(1001, "main"), RuntimeError, "knows over alone")


@pytest.mark.parametrize("kind", ["Dot", "Input", "Output"])
def test_a_class_without_a_disable_knob(nuke_session: Session, kind: str) -> None:
    made = getattr(nuke.nodes, kind)()
    assert made.knob("disable") is None
    refused(nuke_session, lambda: made["disable"], NameError, "knob disable does not exist")
