"""What a process of the engine reports: JSON lines on standard output, and one frame's events.

The run of one job (run_once.py) and the server's worker (worker.py) both use this.
"""

from __future__ import annotations

import contextlib
import dataclasses
import hashlib
import json
import os
import time
from collections.abc import Callable, Generator
from typing import Any

from dmp_matting.errors import DmpError
from dmp_matting.generators import finish
from dmp_matting.job import Layers, Progress, Stage

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
    stage: Stage | None = None
    sent = 0.0

    def report(progress: Progress) -> None:
        nonlocal stage, sent
        now = time.monotonic()
        needed = progress.stage is not stage or progress.step == progress.steps
        needed = needed or bool(progress.warnings or progress.preview)
        if needed or now - sent >= EVENT_INTERVAL:
            send("progress", **progress.to_json())
            stage, sent = progress.stage, now

    layers = finish(solving, report, advance=step)
    send("layers", **_with_checksum(layers).to_json())


def _with_checksum(layers: Layers) -> Layers:
    """``layers`` with the size and the digest of its EXR, by which every later copy is checked."""
    with open(layers.path, "rb") as file:
        digest = hashlib.file_digest(file, "sha256").hexdigest()
        return dataclasses.replace(layers, bytes=file.tell(), sha256=digest)
