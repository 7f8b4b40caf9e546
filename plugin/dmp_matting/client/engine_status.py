"""The engine's state for a panel: one word, one sentence. Standard library only, Python 3.9.

A query starts nothing and never takes longer than a greeting, but it does use a
socket: a host queries from a thread or from a slow timer, not from a draw call.
"""

from __future__ import annotations

import enum
import os
from dataclasses import dataclass, replace
from typing import Any, Dict, Optional, Tuple

from ..errors import DmpError, EngineMissingError, update_remedy
from ..job import JobState
from .engine_python import engine_command
from .install.records import update_sentence
from .launcher import engine_silence, find_engine

WAITING = {JobState.UPLOADING.value, JobState.QUEUED.value, JobState.RUNNING.value}


class EngineStatus(str, enum.Enum):
    """What a host's panel offers a button for."""

    MISSING = "missing"  # no Python with an engine: `dmp setup`
    STOPPED = "stopped"  # it starts by itself with the next job
    STARTING = "starting"  # it answers, but its worker has not listed the devices yet
    READY = "ready"
    BUSY = "busy"
    BROKEN = "broken"  # it runs but gives no usable answer; the sentence names the fix


@dataclass(frozen=True)
class EngineState:
    """The engine as an artist sees it.

    sentence  one line for a panel, such as "Ready on NVIDIA RTX 4090."
    device    the preferred device's label, "" where not known yet
    update    why the engine should be updated, one sentence; "" where it need not, and where the
              button's engine would not be used
    jobs      the engine's summaries of jobs that are not over, oldest first
              (docs/engineering/engine_protocol.md)
    """

    status: EngineStatus
    sentence: str
    device: str = ""
    jobs: Tuple[Dict[str, Any], ...] = ()
    update: str = ""


def engine_state(python: Optional[str] = None) -> EngineState:
    """The state now; starts nothing and raises nothing.

    ``python``: the engine's Python of the host's own preferences, if it has one.
    """
    state, update = _state(python), update_sentence(python)
    if not update or python or not os.environ.get("DMP_ENGINE_PYTHON"):
        return replace(state, update=update)
    # An installation is not what that variable names: whoever set it updates.
    return replace(state, sentence=f"{state.sentence} {update[:-1]}; {update_remedy()}.")


def _state(python: Optional[str]) -> EngineState:
    try:
        connection = find_engine()
        if connection is None:
            silence = engine_silence()
            if silence:
                return EngineState(EngineStatus.BROKEN, silence)
            engine_command(python)
            return EngineState(
                EngineStatus.STOPPED, "The engine is not running; it starts with the next matte."
            )
        status = connection.request("GET", "/v1/status", timeout=5.0)
    except EngineMissingError as missing:
        return EngineState(EngineStatus.MISSING, str(missing))
    except DmpError as broken:
        return EngineState(EngineStatus.BROKEN, str(broken))
    jobs = tuple(job for job in reversed(status["jobs"]) if job["state"] in WAITING)
    if not status["devices"]:
        return EngineState(EngineStatus.STARTING, "The engine is starting.", "", jobs)
    device = status["devices"][0]["label"]
    if not jobs:
        return EngineState(EngineStatus.READY, f"Ready on {device}.", device, jobs)
    queued = sum(job["state"] == JobState.QUEUED.value for job in jobs)
    waiting = f", {queued} waiting" if queued else ""
    return EngineState(EngineStatus.BUSY, f"Busy on {device}{waiting}.", device, jobs)
