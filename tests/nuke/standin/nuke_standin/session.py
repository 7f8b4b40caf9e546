"""What one running Nuke holds. Tests read it; the adapter never sees it."""

from __future__ import annotations

import queue
import threading
import time
import traceback
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, NoReturn


@dataclass
class Bar:
    """One progress bar as the artist sees it."""

    title: str
    message: str = ""
    progress: int = 0
    cancelled: bool = False
    open: bool = True
    texts: list[str] = field(default_factory=list)


@dataclass
class Session:
    gui: bool = True
    thread: int = 0
    root: Any = None
    groups: list[Any] = field(default_factory=list)  # begin() ... end()
    views: list[str] = field(default_factory=lambda: ["main"])
    layers: dict[str, list[str]] = field(default_factory=dict)
    callbacks: dict[str, list[tuple[Callable[[], Any], str]]] = field(default_factory=dict)
    in_callback: int = 0
    executing: bool = False
    context: Any = None  # nuke.thisNode()
    knob: Any = None  # nuke.thisKnob()
    calls: queue.SimpleQueue = field(default_factory=queue.SimpleQueue)
    messages: list[str] = field(default_factory=list)
    answers: list[bool] = field(default_factory=list)  # the artist's, to nuke.ask, in order
    form: dict[str, str] | None = None  # what the artist types into a nuke.Panel; None: Cancel
    forms: list[dict[str, str]] = field(default_factory=list)  # the panels that were shown
    printed: list[str] = field(default_factory=list)
    refusals: list[str] = field(default_factory=list)
    bars: list[Bar] = field(default_factory=list)
    renders: list[tuple[str, int, int, tuple[str, ...]]] = field(default_factory=list)
    undo: list[list[Callable[[], None]]] = field(default_factory=list)
    undo_open: int = 0
    undo_off: int = 0
    most_nodes: int = 0  # that Python may hold: 10 in Indie and Non-commercial; 0: any number
    made: int = 0  # nodes that Python has made one by one
    filters: list[Callable[[str], str]] = field(default_factory=list)  # of file names
    viewed: Any = None  # the node that the artist looks at in a viewer
    viewed_view: str = ""  # the view that the viewer shows; "" for the first
    reloads: list[str] = field(default_factory=list)  # Reads whose button was pressed
    changes: int = 0  # of knobs and connections, since the start
    changes_shown: int = 0  # those that the callbacks of idle time have seen
    panels: list[str] = field(default_factory=list)  # control panels that were opened
    path: list[str] = field(default_factory=list)
    menus: dict[str, Any] = field(default_factory=dict)
    widgets: list[tuple[str, str, str]] = field(default_factory=list)

    def remember(self, undo: Callable[[], None]) -> None:
        """One step back, on the undo stack unless it is switched off."""
        if self.undo_off:
            return
        if self.undo_open and self.undo:
            self.undo[-1].append(undo)
        else:
            self.undo.append([undo])

    def fire(self, kind: str, node: Any, knob: Any = None) -> None:
        """Run the callbacks of one kind, in the context of ``node``."""
        before = self.context, self.knob
        self.context, self.knob = node, knob
        self.in_callback += 1
        try:
            for call, wanted in list(self.callbacks.get(kind, [])):
                if wanted in ("*", node.Class()):
                    call()
        finally:
            self.in_callback -= 1
            self.context, self.knob = before


session = Session()


def reset(gui: bool = True) -> Session:
    """A Nuke that has just been started."""
    from .nodes import Root

    fresh = Session(gui=gui, thread=threading.get_ident())
    session.__dict__.clear()
    session.__dict__.update(fresh.__dict__)
    session.layers = {
        "rgba": ["red", "green", "blue", "alpha"],
        "rgb": ["red", "green", "blue"],
        "alpha": ["alpha"],
    }
    session.root = Root()
    session.groups = []
    return session


def refuse(sentence: str, kind: type[Exception] = RuntimeError) -> NoReturn:
    session.refusals.append(sentence)
    raise kind(sentence)


def within_limit(found: list[Any]) -> list[Any]:
    """A list of nodes, refused where the session's edition lets Python hold fewer."""
    if session.most_nodes and len(found) > session.most_nodes:
        raise RuntimeError(f"this edition lets Python hold {session.most_nodes} nodes at most")
    return found


def idle() -> None:
    """Nuke has nothing to do: after a change updateUI is called for every node, in groups too."""
    if session.changes == session.changes_shown or not session.gui:
        return
    session.changes_shown = session.changes
    left = list(session.root._nodes)
    while left:
        node = left.pop(0)
        session.fire("updateUI", node)
        left += getattr(node, "_nodes", [])


def pump() -> bool:
    """Run what threads queued for the main thread; False when there was nothing."""
    idle()
    any_call = False
    while True:
        try:
            call = session.calls.get_nowait()
        except queue.Empty:
            return any_call
        any_call = True
        try:
            call()
        except Exception:  # Nuke prints it and goes on
            session.printed.append(traceback.format_exc())


def run_until(true: Callable[[], bool], seconds: float = 60.0) -> None:
    """Nuke's event loop, until something is true."""
    end = time.monotonic() + seconds
    while not true():
        assert time.monotonic() < end, "waited in vain"
        if not pump():
            time.sleep(0.01)
