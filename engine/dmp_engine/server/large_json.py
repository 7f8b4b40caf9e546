"""JSON of jobs with very many frames, without keeping the event loop waiting.

The parser and the writer of the standard library run in C and hold the interpreter, and with it
every other client, to their end; and a full garbage collection looks at each of a million new
objects. Here the work is done in pieces, on a thread, and nothing is collected meanwhile.
"""

from __future__ import annotations

import asyncio
import json
import json.scanner
from collections.abc import Callable
from typing import Any, TypeVar

from ..machine.garbage import no_collection

AT_ONCE = 256 << 10  # bytes that are parsed within a few milliseconds
PIECE = 200  # elements of a list that are written at once

Result = TypeVar("Result")


async def beside_the_loop(work: Callable[[], Result], *, large: bool) -> Result:
    """What ``work`` returns or raises, done on a thread."""
    if not large:
        return await asyncio.to_thread(work)
    with no_collection():  # jobs have no circles
        return await asyncio.to_thread(work)


def parse(text: str) -> Any:
    """The value of a JSON text. ValueError, RecursionError; NaN and Infinity are no JSON."""
    if len(text) <= AT_ONCE:
        return json.loads(text, parse_constant=_no_constant)
    return _InPieces().decode(text)


def write(value: Any) -> str:
    """``value`` as JSON, long lists piece by piece."""
    if isinstance(value, dict):
        return "{" + ", ".join(f"{json.dumps(k)}: {write(v)}" for k, v in value.items()) + "}"
    if isinstance(value, list) and value and isinstance(value[0], dict) and len(value) <= PIECE:
        return "[" + ", ".join(map(write, value)) + "]"
    if isinstance(value, list) and len(value) > PIECE:
        pieces = (value[at : at + PIECE] for at in range(0, len(value), PIECE))
        return "[" + ", ".join(json.dumps(piece)[1:-1] for piece in pieces) + "]"
    return json.dumps(value)


class _InPieces(json.JSONDecoder):
    """Parses in Python, element by element, so that other threads go on meanwhile."""

    def __init__(self) -> None:
        super().__init__(parse_constant=_no_constant)
        self.scan_once = json.scanner.py_make_scanner(self)  # type: ignore[attr-defined]


def _no_constant(name: str) -> None:
    raise ValueError(name)
