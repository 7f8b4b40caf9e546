"""Tcl as .nk files use it: words and quoting; and Tcl itself for what expressions run.

Nuke's own commands are added to it. The rules of ``words`` and ``quoted`` are compared with the
interpreter's in tests.
"""

from __future__ import annotations

import functools
import os
import re
import tkinter
from collections.abc import Callable
from typing import Any

from .session import session

ESCAPES = {"n": "\n", "t": "\t", "r": "\r"}


def words(text: str) -> list[str]:
    """The words of a Tcl list. Command and variable substitution do not happen in a list."""
    found: list[str] = []
    at = 0
    while True:
        while at < len(text) and text[at].isspace():
            at += 1
        if at == len(text):
            return found
        if text[at] == "{":
            end = _closing(text, at)
            found.append(text[at + 1 : end])
            at = end + 1
            if at < len(text) and not text[at].isspace():
                raise ValueError(f"list element in braces followed by '{text[at]}'")
        elif text[at] == '"':
            word, at = _unescaped(text, at + 1, lambda c: c == '"')
            if at == len(text):
                raise ValueError("unmatched open quote in list")
            found.append(word)
            at += 1
            if at < len(text) and not text[at].isspace():
                raise ValueError(f"list element in quotes followed by '{text[at]}'")
        else:
            word, at = _unescaped(text, at, str.isspace)
            found.append(word)


def _closing(text: str, at: int) -> int:
    depth = 0
    while at < len(text):
        if text[at] == "\\":
            at += 1
        elif text[at] == "{":
            depth += 1
        elif text[at] == "}":
            depth -= 1
            if depth == 0:
                return at
        at += 1
    raise ValueError("unmatched open brace in list")


def _unescaped(text: str, at: int, ends: Callable[[str], bool]) -> tuple[str, int]:
    out = []
    while at < len(text) and not ends(text[at]):
        if text[at] == "\\" and at + 1 < len(text):
            at += 1
            out.append(ESCAPES.get(text[at], text[at]))
        else:
            out.append(text[at])
        at += 1
    return "".join(out), at


def quoted(text: str) -> str:
    """One Tcl word for ``text``, in the manner of Nuke: plain if it can be, else in quotes."""
    if re.fullmatch(r"[\w./:%,+*=@^~?()<>!&|'-][\w./:%#,+*=@^~?()<>!&|'-]*", text):
        return text
    escaped = re.sub(r'([\\"\[\]{}$])', r"\\\1", text).replace("\n", "\\n").replace("\t", "\\t")
    return f'"{escaped}"'


@functools.lru_cache(maxsize=1)
def _interpreter() -> Any:
    return tkinter.Tcl().tk


def substituted(text: str, value: Callable[[str], str]) -> str:
    """``text`` with its ``[commands]`` run by Tcl; ``value`` gives a knob's value by its path."""
    return _run(("subst", text), value)


def ran(program: str, value: Callable[[str], str]) -> str:
    """The result of a Tcl program."""
    return _run(("eval", program), value)


_now: dict[str, Callable[..., str]] = {}  # Nuke's commands, in the context of what is evaluated
_failed: list[Exception] = []


def _run(command: tuple[str, ...], value: Callable[[str], str]) -> str:
    """RuntimeError in Tcl's words, or what a command of Nuke's raised."""
    tk, outer = _interpreter(), dict(_now)  # a knob's value may need Tcl itself
    _now.update(
        {
            "value": value,
            "getenv": lambda name: os.environ.get(name, ""),
            "frame": lambda: value("frame"),
            "nodes": _children,
            "full_name": lambda name: name,
            "class": lambda name: _node(name).Class(),
        }
    )
    for name in _now:
        tk.createcommand(name, functools.partial(_call, name))
    try:
        return str(tk.eval(command[1]) if command[0] == "eval" else tk.call(*command))
    except tkinter.TclError as error:
        if _failed:
            raise _failed.pop() from None
        raise RuntimeError(str(error)) from None
    finally:
        _failed.clear()
        _now.clear()
        _now.update(outer)


def _call(name: str, *arguments: str) -> str:
    try:
        return _now[name](*arguments)
    except Exception as error:  # tkinter would lose it
        _failed.append(error)
        raise


def _node(name: str) -> Any:
    return session.root if name == "root" else session.root.node(name.removeprefix("root."))


def _children(outer: str) -> str:
    inside = "" if outer == "root" else f"{outer.removeprefix('root.')}."
    return " ".join(f"{inside}{one.name()}" for one in _node(outer)._nodes)
