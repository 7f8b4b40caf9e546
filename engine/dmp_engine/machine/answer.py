"""How a command of the engine answers: a JSON line for each thing found, and its failure the last.

The client reads it (`dmp_matting.client.engine_process`). The run of a job and the server have
streams of their own.
"""

from __future__ import annotations

import errno
import json
import os
import signal
import sys
import threading
from collections.abc import Callable, Generator, Iterator
from contextlib import closing, contextmanager, suppress
from typing import IO, Any

from dmp_matting.errors import CancelledError, EngineError

from .errors import as_dmp_error

Lines = Generator[dict[str, Any], None, None]


def answer(lines: Callable[[], Lines], out: IO[str] | None = None) -> int:
    """Print to ``out`` (standard output) what ``lines()`` yields, and what it raises.

    Returns the exit code: that of the error; else 0, or 3 if the last line has ``"ok": false``.
    SIGTERM, and a reader that is gone, close the generator: no unfinished file is left.
    """
    out = out or sys.stdout
    line: dict[str, Any] = {}
    try:
        with _interrupted_by_sigterm(), closing(lines()) as found:
            for line in found:
                _print(line, out)
    except (KeyboardInterrupt, BrokenPipeError):
        return CancelledError.exit_code
    except Exception as error:
        failure = as_dmp_error(error)
        with suppress(OSError):  # nobody may be there to read it
            _print(failure.to_wire(), out)
        return failure.exit_code
    return 0 if line.get("ok", True) else EngineError.exit_code


def _print(line: dict[str, Any], out: IO[str]) -> None:
    """One line at once. BrokenPipeError where the reader is gone; OSError."""
    try:
        print(json.dumps(line), file=out, flush=True)
    except OSError as reason:
        if reason.errno == errno.EINVAL:  # a closed pipe on Windows
            raise BrokenPipeError(errno.EPIPE, os.strerror(errno.EPIPE)) from None
        raise


@contextmanager
def _interrupted_by_sigterm() -> Iterator[None]:
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    before = signal.signal(signal.SIGTERM, signal.default_int_handler)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)
