"""What a process of the engine reports: JSON lines on standard output, and one frame's events.

The run of one job (run_once.py) and the server's worker (worker.py) both use this.
"""

from __future__ import annotations

import contextlib
import dataclasses
import hashlib
import json
import os
import sys
import time
import traceback
from collections.abc import Callable, Generator
from typing import Any

from dmp_matting.errors import DeviceError, DmpError, EngineError, EngineMissingError
from dmp_matting.job import Layers, Progress
from dmp_matting.paths import cache_folder

EVENT_INTERVAL = 0.05  # seconds; a GPU makes hundreds of steps a second, nobody reads them all

Solving = Generator[Progress, None, Layers]


class Events:
    """JSON lines to what was standard output; anything else printed goes to standard error."""

    def __init__(self) -> None:
        self._out = os.dup(1)
        os.dup2(2, 1)

    def send(self, kind: str, **fields: Any) -> None:
        """Write one event whole: one system call, so that a signal cannot split a line."""
        os.write(self._out, json.dumps({"event": kind, **fields}).encode() + b"\n")

    def error(self, error: DmpError) -> int:
        """Write the error, if the client still reads, and return its exit code."""
        with contextlib.suppress(OSError):  # the client is gone: the exit code has to do
            self.send("error", **error.to_wire())
        return error.exit_code


def send_frame(
    solving: Solving, send: Callable[..., None], step: Callable[[Solving], Progress]
) -> None:
    """Work through one frame: ``progress`` events on the way, ``layers`` at the end.

    ``step`` advances ``solving`` by one step; what it raises ends the frame. Of many steps a
    second only some are sent: always a new stage, its last step, warnings and previews, and
    everything else every EVENT_INTERVAL.
    """
    stage, sent = None, 0.0
    try:
        while True:
            progress = step(solving)
            now = time.monotonic()
            needed = progress.stage is not stage or progress.step == progress.steps
            needed = needed or bool(progress.warnings or progress.preview)
            if needed or now - sent >= EVENT_INTERVAL:
                send("progress", **progress.to_json())
                stage, sent = progress.stage, now
    except StopIteration as done:
        send("layers", **_with_checksum(done.value).to_json())
    finally:
        solving.close()


def _with_checksum(layers: Layers) -> Layers:
    """``layers`` with the size and the digest of its EXR, by which every later copy is checked."""
    with open(layers.path, "rb") as file:
        digest = hashlib.file_digest(file, "sha256").hexdigest()
        return dataclasses.replace(layers, bytes=file.tell(), sha256=digest)


def unexpected_error(bug: Exception) -> DmpError:
    """A sentence for an exception that nobody foresaw; its traceback goes to a log file."""
    text = str(bug)
    if type(bug).__name__ == "OutOfMemoryError":  # torch's, for a GPU
        return DeviceError("The GPU ran out of memory; use a smaller --working-size.")
    if isinstance(bug, MemoryError) or "can't allocate memory" in text:
        return DeviceError("The machine ran out of memory; use a smaller --working-size.")
    if isinstance(bug, ImportError) and bug.name and not bug.name.startswith("dmp_"):
        return EngineMissingError(
            f"The Python at {sys.executable} cannot load {bug.name}, which the engine needs; "
            "install it there with `pip install 'dmp-matting[engine]'`."
        )
    sentence = f"The engine hit a bug: {type(bug).__name__}: {text.splitlines()[0] if text else ''}"
    stamp = time.strftime("%Y%m%d-%H%M%S")
    logs = cache_folder() / "logs"
    try:
        logs.mkdir(parents=True, exist_ok=True)
        log = logs / f"engine-{stamp}-{os.getpid()}.log"
        log.write_text("".join(traceback.format_exception(bug)), encoding="utf-8")
    except OSError:
        traceback.print_exception(bug, file=sys.stderr)
        return EngineError(sentence)
    return EngineError(f"{sentence}; see {log}")
