"""`python -m dmp_engine run`: one job from standard input, its events on standard output.

The first line of standard input is one JSON object:

    job       Job.to_json()
    outputs   {"<frame number>": "path.exr"}
    attended  true: the end of standard input means that the client is gone, and ends the job

Events are JSON lines, and nothing else reaches standard output:

    {"event": "device", "device": "cpu", "note": "No CUDA GPU found: ..."}
    {"event": "progress", ...Progress}
    {"event": "layers", ...Layers}          once for each frame
    {"event": "error", "error": "PlateError", "message": "..."}   at most once, the last

The exit code is 0, or the error's. SIGINT, SIGTERM and a client's death end the job at the next
step with 130; an unfinished frame leaves no file.
"""

from __future__ import annotations

import _thread
import contextlib
import dataclasses
import json
import os
import signal
import sys
import threading
import time
import traceback
from collections.abc import Generator
from pathlib import Path
from typing import Any

from dmp_matting.errors import (
    CancelledError,
    DeviceError,
    DmpError,
    EngineError,
    EngineMissingError,
)
from dmp_matting.frame_window import window_of
from dmp_matting.job import Job, Layers, Progress
from dmp_matting.paths import cache_folder
from dmp_matting.settings import Settings

EVENT_INTERVAL = 0.05  # seconds; a GPU makes hundreds of steps a second, nobody reads them all
GRACE = 10.0  # seconds that a job may take to end before the process just goes


class Events:
    """JSON lines to what was standard output; anything else printed goes to standard error."""

    def __init__(self) -> None:
        self._out = os.dup(1)
        os.dup2(2, 1)

    def send(self, kind: str, **fields: Any) -> None:
        """Write one event whole: one system call, so that a signal cannot split a line."""
        os.write(self._out, json.dumps({"event": kind, **fields}).encode() + b"\n")

    def error(self, error: DmpError) -> int:
        """Write the error, if someone still listens, and return its exit code."""
        with contextlib.suppress(OSError):  # the client is gone: the exit code says it all
            self.send("error", **error.to_wire())
        return error.exit_code


class Ending:
    """Turns SIGINT, SIGTERM and a client's death into one KeyboardInterrupt in the main thread."""

    def __init__(self) -> None:
        self.asked = False
        self.working = False  # before that there are only imports, and nothing to clean up
        for number in (signal.SIGINT, signal.SIGTERM):
            signal.signal(number, self._end)

    def _end(self, number: int, frame: object) -> None:
        if not self.working:
            os._exit(CancelledError.exit_code)
        if not self.asked:
            self.asked = True
            threading.Thread(target=_leave_after_grace, daemon=True).start()
            raise KeyboardInterrupt

    def watch_client(self) -> None:
        """End the job when standard input ends, as it does however the client dies."""
        threading.Thread(target=self._wait_for_eof, daemon=True).start()

    def _wait_for_eof(self) -> None:
        # os.read: a thread inside sys.stdin would hold its lock when the interpreter shuts down.
        while os.read(0, 65536):
            pass
        _thread.interrupt_main(signal.SIGTERM)


def _leave_after_grace() -> None:
    time.sleep(GRACE)
    os._exit(CancelledError.exit_code)


def run() -> int:
    """Do the job on standard input; returns the exit code."""
    events, ending = Events(), Ending()
    try:
        request = _read_request()
        if request.get("attended"):
            ending.watch_client()
        job = Job.from_json(request["job"])
        settings = _settings(job, events)
        # The algorithm's imports take seconds: only now, when the request is known to be sound.
        from ..pipeline.frame import matte_frame
        from ..pipeline.shot_frame import LookCache

        kept = LookCache()
        ending.working = True
        for frame in job.frames:
            output = Path(request["outputs"][str(frame.number)])
            solving = matte_frame(
                frame, settings, output, window=window_of(frame, job, settings), kept=kept
            )
            _run_frame(solving, events, ending)
        ending.working = False
        return 0
    except KeyboardInterrupt:
        return events.error(CancelledError("Stopped on request; no unfinished file was left."))
    except BrokenPipeError:
        return CancelledError.exit_code
    except DmpError as error:
        return events.error(error)
    except Exception as bug:
        return events.error(told(bug))


def _run_frame(solving: Generator[Progress, None, Layers], events: Events, ending: Ending) -> None:
    stage, sent = None, 0.0
    try:
        while True:
            progress: Progress = next(solving)
            if ending.asked:  # the KeyboardInterrupt fell where Python drops it, in a destructor
                raise KeyboardInterrupt
            now = time.monotonic()
            last = progress.step == progress.steps or progress.warnings
            if progress.stage is not stage or last or now - sent >= EVENT_INTERVAL:
                events.send("progress", **progress.to_json())
                stage, sent = progress.stage, now
    except StopIteration as done:
        events.send("layers", **done.value.to_json())
    finally:
        solving.close()


def _settings(job: Job, events: Events) -> Settings:
    """The job's settings for the device that there is, with that device's name."""
    from ..machine import device

    name = device.resolve(job.settings.device)
    settings = job.settings_for(name)
    note = ""
    if name == "cpu" and settings.device == "auto":
        note = device.cpu_notice(device.cpu_threads(settings.threads))
    events.send("device", device=name, preset=settings.preset, note=note)
    return dataclasses.replace(settings, device=name)


def _read_request() -> dict[str, Any]:
    data = b""
    while b"\n" not in data:
        part = os.read(0, 65536)
        if not part:
            break
        data += part
    try:
        request = json.loads(data.partition(b"\n")[0])
        job, outputs = request["job"], request["outputs"]
        missing = [f["number"] for f in job["frames"] if str(f["number"]) not in outputs]
    except (ValueError, KeyError, TypeError) as reason:
        raise EngineError(
            f"The engine could not read its job from standard input ({reason!r})."
        ) from None
    if missing:
        raise EngineError(f"The job names no output for frame {missing[0]}.")
    return dict(request)


def told(bug: Exception) -> DmpError:
    """A sentence for what nobody foresaw; the traceback goes to a log file."""
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
