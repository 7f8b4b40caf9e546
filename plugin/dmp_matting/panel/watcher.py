"""The engine, looked at from a thread. No Qt here: the panel's timer polls.

Looking starts no engine and keeps none alive: the idle time-out goes on.
"""

from __future__ import annotations

import functools
import queue
import threading
from dataclasses import dataclass
from typing import List, Optional, Union

from ..client.engine_status import EngineState, engine_state
from ..client.launcher import find_engine
from ..errors import DmpError, EngineError
from ..job import JobState

INTERVAL = 0.5  # seconds between two looks; the engine refreshes a preview once a second


@dataclass(frozen=True)
class Preview:
    """A picture of a running frame: PNG bytes, straight foreground and alpha."""

    job: str
    frame: int
    png: bytes


Seen = Union[EngineState, Preview]


class Watcher:
    """Looks between ``start`` and ``stop``; no call of it waits."""

    def __init__(self, interval: float = INTERVAL) -> None:
        self.wanted: Optional[str] = None  # the job whose preview is asked for; None: any running
        self._interval = interval
        self._found: queue.SimpleQueue[Seen] = queue.SimpleQueue()
        self._wake = threading.Event()
        self._turn = 0  # the start that counts: a thread of an earlier one ends
        self._watching = False
        self._shown = ""  # address of the preview that was fetched last

    def start(self) -> None:
        """Begin to look, on a new thread."""
        if not self._watching:
            self._watching = True
            self._turn += 1
            look = functools.partial(self._run, self._turn)
            threading.Thread(target=look, name="dmp-watch", daemon=True).start()

    def stop(self) -> None:
        """The thread ends after the look that is under way."""
        self._watching = False
        self._turn += 1
        self._wake.set()

    def look_now(self) -> None:
        """Look at once, for instance after a button."""
        self._wake.set()

    def poll(self) -> List[Seen]:
        """What was seen since the last call."""
        found: List[Seen] = []
        while True:
            try:
                found.append(self._found.get_nowait())
            except queue.Empty:
                return found

    def _run(self, turn: int) -> None:
        while turn == self._turn:
            state = engine_state()
            self._found.put(state)
            try:
                self._look_at_preview(state)
            except DmpError:
                pass  # the frame or the engine ended meanwhile; the next state tells
            self._wake.wait(self._interval)
            self._wake.clear()

    def _look_at_preview(self, state: EngineState) -> None:
        running = [job for job in state.jobs if job["state"] == JobState.RUNNING.value]
        wanted = [job for job in running if job["id"] == self.wanted] or running
        if not wanted or wanted[0]["preview"] in (None, self._shown):
            return
        job = wanted[0]
        wire = find_engine()
        if wire is None:
            raise EngineError("The engine has ended.")
        png = b"".join(wire.blocks(job["preview"]))
        self._shown = job["preview"]
        self._found.put(Preview(job["id"], (job["progress"] or {}).get("frame", 0), png))
