"""Tcl as .nk files use it: words, quoting, and the few commands of expressions.

The rules are Tcl's own; tests compare ``words`` and ``quoted`` with a real
interpreter where there is one.
"""

from __future__ import annotations

import os
import re
from collections.abc import Callable

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


CONDITION = re.compile(r"(.*?)(\[if \{.*\}\])(.*)", re.DOTALL)
RETURN = "return "


def substituted(text: str, value: Callable[[str], str]) -> str:
    """``text`` with its ``[commands]`` run; ``value`` gives a knob's value by its path.

    ``[if {a == "b"} {return x} {return y}]`` runs one of its branches only, as Tcl does.
    """
    conditional = CONDITION.fullmatch(text)
    if conditional is not None:
        before, command, after = conditional.groups()
        _, test, *branches = words(command[1:-1])
        left, _, right = substituted(test, value).partition("==")
        chosen = branches[left.strip() != right.strip().strip('"')]
        assert chosen.startswith(RETURN)
        text = before + substituted(chosen[len(RETURN) :], value) + after
    while True:
        inner = re.search(r"\[([^\[\]]*)\]", text)
        if inner is None:
            return text
        text = text[: inner.start()] + _run(inner[1], value) + text[inner.end() :]


def _run(command: str, value: Callable[[str], str]) -> str:
    name, _, rest = command.partition(" ")
    if name == "value":
        return value(rest)
    if name == "getenv":
        return os.environ[rest]
    if name == "frame":
        return value("frame")
    if name == "format":
        pattern, _, number = rest.rpartition(" ")
        if re.search(r"%(?!0?\d*d)", pattern):
            raise ValueError(f'bad field specifier in "{pattern}"')
        return re.sub(r"%0?\d*d", lambda at: at[0] % int(number), pattern)
    if command.startswith("file exists"):
        return str(int(os.path.exists(command[len("file exists") :].strip())))
    if command.startswith("file dirname "):
        return os.path.dirname(command[len("file dirname ") :])
    raise ValueError(
        f'invalid command name "{name}": the stand-in knows value, getenv, file, format, frame, if'
    )
