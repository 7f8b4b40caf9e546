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
import dataclasses
import json
import os
import signal
import threading
import time
from pathlib import Path
from typing import Any

from dmp_matting.errors import CancelledError, EngineError
from dmp_matting.frame_window import window_of
from dmp_matting.job import Job, Progress
from dmp_matting.settings import Settings

from ..machine.errors import as_dmp_error
from .events import Events, Solving, send_frame

GRACE = 10.0  # seconds that a job may take to end before the process just goes


class Ending:
    """Turns SIGINT, SIGTERM and a client's death into one KeyboardInterrupt in the main thread."""

    def __init__(self) -> None:
        self.requested = False
        self.working = False  # before that there are only imports, and nothing to clean up
        for number in (signal.SIGINT, signal.SIGTERM):
            signal.signal(number, self._end)

    def _end(self, number: int, frame: object) -> None:
        if not self.working:
            os._exit(CancelledError.exit_code)
        if not self.requested:
            self.requested = True
            threading.Thread(target=_leave_after_grace, daemon=True).start()
            raise KeyboardInterrupt

    def step(self, solving: Solving) -> Progress:
        """The next step; raises KeyboardInterrupt if the job has to end."""
        progress = next(solving)
        if self.requested:  # the KeyboardInterrupt fell where Python drops it, in a destructor
            raise KeyboardInterrupt
        return progress

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

        look_cache = LookCache()
        ending.working = True
        for frame in job.frames:
            output = Path(request["outputs"][str(frame.number)])
            window = window_of(frame, job, settings)
            solving = matte_frame(frame, settings, output, window=window, look_cache=look_cache)
            send_frame(solving, events.send, ending.step)
        ending.working = False
        return 0
    except KeyboardInterrupt:
        return events.error(CancelledError("Stopped on request; no unfinished file was left."))
    except BrokenPipeError:
        return CancelledError.exit_code
    except Exception as error:
        return events.error(as_dmp_error(error))


def _settings(job: Job, events: Events) -> Settings:
    """The job's settings for the device that there is, with that device's name."""
    from ..machine import device

    name = device.resolve(job.settings.device)
    settings = job.settings_for(name)
    note = ""
    if name == "cpu" and settings.device == "auto":
        note = device.cpu_notice(device.cpu_threads(settings.threads), device.why_no_gpu())
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
