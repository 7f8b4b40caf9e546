"""What threads may ask of the main thread, progress bars, and messages."""

from __future__ import annotations

import sys
import threading
from typing import Any

from .guard import Guarded, on_main
from .session import Bar, refuse, session


def executeInMainThread(call: Any, args: Any = (), kwargs: Any = None) -> None:
    if threading.get_ident() == session.thread:
        refuse("executeInMainThread was called on the main thread: Nuke freezes")
    args = args if isinstance(args, tuple) else (args,)
    session.calls.put(lambda: call(*args, **(kwargs or {})))


def executeInMainThreadWithResult(call: Any, args: Any = (), kwargs: Any = None) -> Any:
    if threading.get_ident() == session.thread:
        refuse("executeInMainThreadWithResult was called on the main thread: Nuke hangs")
    args = args if isinstance(args, tuple) else (args,)
    done, result = threading.Event(), []

    def run() -> None:
        try:
            result.append(call(*args, **(kwargs or {})))
        finally:
            done.set()

    session.calls.put(run)
    done.wait()
    return result[0] if result else None


class ProgressTask(Guarded):
    _bar: Any = None

    def __init__(self, name: str, *more: Any) -> None:
        if threading.get_ident() != session.thread:
            refuse("nuke.ProgressTask was made off the main thread")
        self._bar = Bar(name)
        session.bars.append(self._bar)

    def setProgress(self, i: int) -> None:
        if type(i) is not int:
            refuse(f"setProgress wants an integer, not {i!r}", TypeError)
        self._bar.progress = i

    def setMessage(self, s: str) -> None:
        if not isinstance(s, str):
            refuse(f"setMessage wants text, not {s!r}", TypeError)
        self._bar.message = s
        self._bar.texts.append(s)

    def isCancelled(self) -> bool:
        return self._bar.cancelled

    def __del__(self) -> None:
        if self._bar is not None:
            self._bar.open = False


class CancelledError(Exception):
    pass


@on_main
def message(prompt: str) -> None:
    if not session.gui:
        refuse("nuke.message needs the GUI")
    session.messages.append(prompt)


@on_main
def ask(prompt: str) -> bool:
    if not session.gui:
        refuse("nuke.ask needs the GUI")
    session.messages.append(prompt)
    return session.answers.pop(0)


class Panel(Guarded):
    """A form that the artist fills in as the session's ``form`` says, and leaves as it is."""

    def __init__(self, title: str) -> None:
        self._values: dict[str, str] = {}

    def addSingleLineInput(self, label: str, value: str) -> None:
        self._values[label] = value

    def addMultilineTextInput(self, label: str, value: str) -> None:
        self._values[label] = value

    def addFilenameSearch(self, label: str, value: str) -> None:
        self._values[label] = value

    def show(self) -> bool:
        if not session.gui:
            refuse("nuke.Panel needs the GUI")
        session.forms.append(dict(self._values))
        if session.form is None:
            return False
        for label, value in session.form.items():
            if label not in self._values:
                refuse(f"the panel has no '{label}'", KeyError)
            self._values[label] = value
        return True

    def value(self, label: str) -> str:
        return self._values[label]


@on_main
def tprint(*args: Any, sep: str = " ", end: str = "\n", file: Any = None) -> None:
    print(*args, sep=sep, end=end, file=file or sys.stdout, flush=True)
