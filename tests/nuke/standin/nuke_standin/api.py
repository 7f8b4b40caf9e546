"""The functions and classes of the module ``nuke``, as far as DMP's adapter uses them.

Long because a module of Nuke's is one namespace.
"""

from __future__ import annotations

import re
import sys
import threading
from collections.abc import Callable
from typing import Any

from . import script
from .guard import Guarded, on_main
from .knobs import (  # noqa: F401
    DISABLED,
    DO_NOT_WRITE,
    INVISIBLE,
    NO_ANIMATION,
    NO_MULTIVIEW,
    READ_ONLY,
    STARTLINE,
    TABBEGINCLOSEDGROUP,
    TABBEGINGROUP,
    TABENDGROUP,
    Array_Knob,
    BBox_Knob,
    Boolean_Knob,
    Double_Knob,
    Enumeration_Knob,
    File_Knob,
    Int_Knob,
    Knob,
    PyScript_Knob,
    Script_Knob,
    String_Knob,
    Tab_Knob,
    Text_Knob,
    XY_Knob,
)
from .menus import Menu, menu, pluginAddPath, pluginPath  # noqa: F401
from .nodes import Format, FrameRange, Group, Node, Root  # noqa: F401
from .session import pump, refuse, session, within_limit
from .tasks import (  # noqa: F401
    CancelledError,
    Panel,
    ProgressTask,
    ask,
    executeInMainThread,
    executeInMainThreadWithResult,
    message,
    tprint,
)

NUKE_VERSION_MAJOR, NUKE_VERSION_MINOR, NUKE_VERSION_RELEASE = 15, 1, 5
NUKE_VERSION_STRING = "15.1v5"


def __getattr__(name: str) -> Any:
    if name == "GUI":
        return session.gui
    if name == "rawArgs":
        return list(sys.argv)
    raise AttributeError(f"module 'nuke' has no attribute '{name}'")


# --- the graph -------------------------------------------------------------------------------


@on_main
def root() -> Root:
    return session.root


@on_main
def thisGroup() -> Group:
    return session.groups[-1] if session.groups else session.root


@on_main
def thisNode() -> Any:
    return session.context or thisGroup()


@on_main
def thisKnob() -> Any:
    return session.knob


@on_main
def thisView() -> str:
    return session.views[0]


@on_main
def toNode(s: str) -> Any:
    return thisGroup().node(s.removeprefix("root."))


@on_main
def allNodes(filter: str = "", group: Any = None, recurseGroups: bool = False) -> list[Node]:
    found = []
    for node in (group or thisGroup()).nodes():
        if not filter or node.Class() == filter:
            found.append(node)
        if recurseGroups and isinstance(node, Group):
            found += allNodes(filter, node, True)
    return within_limit(found)


@on_main
def selectedNodes(filter: str = "") -> list[Node]:
    here = [node for node in thisGroup()._nodes if not filter or node.Class() == filter]
    return within_limit([node for node in here if node.isSelected()][::-1])


@on_main
def delete(n: Any) -> None:
    n._attached()
    session.fire("onDestroy", n)
    group, text, name = n._group, script.saved([n]), n.name()
    users = [
        (user, index)
        for user in group._nodes
        for index in range(user.inputs())
        if user._up(index) is n
    ]
    for user, index in users:
        user._inputs[index] = None
    above = list(n._inputs)
    group._nodes.remove(n)
    _detach(n)

    def back() -> None:
        script.loaded(text, group)
        group.node(name)._inputs = above
        for user, index in users:
            user.setInput(index, group.node(name))

    session.remember(back)


def _detach(node: Node) -> None:
    node._alive = False
    for inner in getattr(node, "_nodes", []):
        _detach(inner)


class Nodes:
    """nuke.nodes: a constructor for every class. It connects nothing and opens no panel."""

    def __getattr__(self, kind: str) -> Callable[..., Node]:
        return on_main(lambda **knobs: _create(kind, knobs))


def _create(kind: str, values: dict[str, Any]) -> Node:
    from .nodes import made

    node, group = made(kind), thisGroup()
    _adopt(node, group)
    node.setName(values.pop("name", f"{kind}1"))
    for name, value in values.items():
        node[name].setValue(value)
    node._loaded = True
    session.made += 1

    def undo() -> None:
        if node in group._nodes:
            group._nodes.remove(node)
            _detach(node)

    session.remember(undo)
    session.fire("onCreate", node)
    return node


@on_main
def createNode(typ: str, knobs: str = "", inpanel: bool = True) -> Node:
    """Connected to what is selected, and selected itself."""
    above = selectedNodes()
    made = _create(typ, {})
    if above and made.maxInputs():
        made.setInput(0, above[-1])
    for one in above:
        one.setSelected(False)
    made.setSelected(True)
    if inpanel:
        made.showControlPanel()
    return made


class FrameRanges(Guarded):
    """``1001-1100x10 1120``: ranges with steps, blanks between them."""

    def __init__(self, text: str) -> None:
        self._frames: list[int] = []
        for part in text.split():
            found = re.fullmatch(r"(-?\d+)(?:-(-?\d+)(?:x(\d+))?)?", part)
            if found is None:
                raise RuntimeError(f"invalid frame range: {part}")
            first, last, step = found.groups()
            self._frames += range(int(first), int(last or first) + 1, int(step or 1))

    def toFrameList(self) -> list[int]:
        return list(self._frames)


@on_main
def addFilenameFilter(fn: Callable[[str], str]) -> None:
    session.filters.append(fn)


@on_main
def filenameFilter(filename: str) -> str:
    for one in session.filters:
        filename = one(filename) or filename
    return filename


INPUTS = 1


def _adopt(node: Node, group: Group) -> None:
    if node._kind == "Input":
        node._knobs["number"]._value = sum(other._kind == "Input" for other in group._nodes)
    node._group = group
    group._nodes.append(node)


nodes = Nodes()


class Layer(Guarded):
    def __init__(self, name: str, channels: list[str]) -> None:
        if threading.get_ident() != session.thread:
            refuse("nuke.Layer was called off the main thread")
        leaves = [channel.partition(".")[2] for channel in channels]
        if any(channel != f"{name}.{leaf}" for channel, leaf in zip(channels, leaves, strict=True)):
            refuse(f"the channels of layer {name} are called {name}.something", ValueError)
        session.layers.setdefault(name, leaves)
        self._name = name

    def name(self) -> str:
        return self._name


@on_main
def layers(node: Any = None) -> list[str]:
    return list(session.layers)


# --- rendering -------------------------------------------------------------------------------


@on_main
def execute(
    nameOrNode: Any,
    start: int = 1,
    end: int = 1,
    incr: int = 1,
    views: Any = None,
    continueOnError: bool = False,
) -> None:
    node = toNode(nameOrNode) if isinstance(nameOrNode, str) else nameOrNode
    if session.executing or session.in_callback:
        refuse("I'm already executing something else")
    if node is None or node.Class() != "Write":
        refuse("execute wants a Write node")
    if "disable" in node._knobs and node["disable"].value():
        refuse(f"{node.fullName()} is disabled")
    for view in views or session.views:
        if view not in session.views:
            refuse(f"there is no view '{view}'")
    session.executing = True
    session.renders.append((node.fullName(), start, end, tuple(views or session.views)))
    try:
        session.fire("beforeRender", node)
        for frame in range(start, end + 1, incr):
            for view in views or session.views:
                node._written(frame, view)
            pump()  # the render's progress bar lets through what threads have queued
        session.fire("afterRender", node)
    finally:
        session.executing = False


class ViewerWindow(Guarded):
    """The active viewer; its first input is what the session's artist looks at."""

    def activeInput(self, secondary: bool = False) -> int:
        return 0

    def node(self) -> Any:
        return _Viewer()

    def view(self) -> str:
        return session.viewed_view or session.views[0]


class _Viewer(Guarded):
    def input(self, index: int) -> Any:
        return session.viewed


@on_main
def connectViewer(inputNumber: int, node: Any) -> None:
    session.viewed = node


@on_main
def activeViewer() -> Any:
    return ViewerWindow() if session.viewed is not None and session.viewed._alive else None


@on_main
def executing(f: float | None = None) -> bool:
    return session.executing


@on_main
def views() -> list[str]:
    return list(session.views)


@on_main
def frame(f: int | None = None) -> int:
    if f is not None:
        session.root["frame"].setValue(f)
    return int(session.root["frame"].value())


# --- undo --------------------------------------------------------------------------------------


class Undo(Guarded):
    @staticmethod
    def begin(name: str = "") -> None:
        if not session.undo_open:
            session.undo.append([])
        session.undo_open += 1

    @staticmethod
    def end() -> None:
        if not session.undo_open:
            refuse("Undo.end() without its begin()")
        session.undo_open -= 1

    @staticmethod
    def disable() -> None:
        session.undo_off += 1

    @staticmethod
    def enable() -> None:
        if not session.undo_off:
            refuse("Undo.enable() without its disable()")
        session.undo_off -= 1


@on_main
def undo() -> None:
    steps = session.undo.pop() if session.undo else []
    session.undo_off += 1
    try:
        for step in reversed(steps):
            step()
    finally:
        session.undo_off -= 1


# --- callbacks -----------------------------------------------------------------------------------


def _adder(kind: str) -> Callable[..., None]:
    def add(call: Any, args: Any = (), kwargs: Any = None, nodeClass: str = "*") -> None:
        session.callbacks.setdefault(kind, []).append(
            (lambda: call(*args, **(kwargs or {})), nodeClass)
        )

    add.__name__ = f"add{kind[0].upper()}{kind[1:]}"
    return on_main(add)


addOnCreate, addOnDestroy = _adder("onCreate"), _adder("onDestroy")
addKnobChanged, addBeforeRender = _adder("knobChanged"), _adder("beforeRender")
addAfterRender = _adder("afterRender")
addOnScriptLoad, addOnScriptClose = _adder("onScriptLoad"), _adder("onScriptClose")
addOnScriptSave, addUpdateUI = _adder("onScriptSave"), _adder("updateUI")


# --- scripts -------------------------------------------------------------------------------------


@on_main
def scriptSaveAs(filename: str = "", overwrite: int = -1) -> None:
    session.fire("onScriptSave", session.root)
    session.root._knobs["name"]._value = filename
    with open(filename, "w", encoding="utf-8") as file:
        file.write(script.whole())


@on_main
def scriptOpen(filename: str = "") -> None:
    if session.root._nodes:
        scriptClear()
    with open(filename, encoding="utf-8") as file:
        script.loaded(file.read(), session.root)
    session.root._knobs["name"]._value = filename
    session.fire("onScriptLoad", session.root)


@on_main
def scriptClear() -> None:
    session.fire("onScriptClose", session.root)
    _detach(session.root)
    session.root = Root()
    session.groups.clear()
    session.undo.clear()


@on_main
def nodeCopy(s: str) -> None:
    with open(s, "w", encoding="utf-8") as file:
        file.write(script.saved([node for node in allNodes() if node.isSelected()]))


@on_main
def nodePaste(s: str) -> Any:
    with open(s, encoding="utf-8") as file:
        made = script.loaded(file.read(), thisGroup())
    session.remember(lambda: [delete(node) for node in made])
    return made[-1] if made else None


@on_main
def tcl(cmd: str, *args: str) -> str:
    """A command with its arguments, or a whole program; in the context of thisNode()."""
    from .tcl import ran, substituted

    context = thisNode()._knob_text
    return substituted(args[0], context) if cmd == "subst" else ran(cmd, context)


__all__ = sorted(
    name
    for name, value in globals().items()
    if not name.startswith("_")
    and name
    not in (
        "annotations",
        "script",
        "session",
        "refuse",
        "pump",
        "within_limit",
        "on_main",
        "re",
        "sys",
    )
    and name not in ("threading", "Callable", "Any", "Guarded", "Nodes")
)
