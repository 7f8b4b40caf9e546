"""The engine's state and previews, fetched on a thread. A panel's timer polls.

A query starts no engine and keeps none alive: the idle time-out goes on.
"""

from __future__ import annotations

import functools
import threading
from dataclasses import dataclass
from typing import Callable, List, Optional, Union

from ..errors import DmpError, EngineError
from ..job import JobState
from .background_task import BackgroundTask
from .engine_status import EngineState, engine_state
from .launcher import find_engine

INTERVAL = 0.5  # seconds between two queries; the engine refreshes a preview once a second


@dataclass(frozen=True)
class Preview:
    """A picture of a running frame: PNG bytes, straight foreground and alpha."""

    job: str
    frame: int
    png: bytes


Event = Union[EngineState, Preview]


class Watcher:
    """Polls the engine between ``start`` and ``stop``; no call of it waits.

    interval   seconds between two queries
    previews   whether the pictures of running frames are fetched too
    """

    def __init__(self, interval: float = INTERVAL, *, previews: bool = True) -> None:
        self.preferred: Optional[str] = None  # the job whose preview to fetch; None: any running
        self.python: Optional[str] = None  # the engine's Python of the host's preferences
        self._interval, self._previews = interval, previews
        self._task: Optional[BackgroundTask[Event, None]] = None
        self._stopped = threading.Event()  # of the task that runs
        self._wake = threading.Event()
        self._fetched = ""  # address of the preview that was fetched last

    def start(self) -> None:
        """Begin, on a new thread."""
        if self._task is None or self._stopped.is_set():
            self._stopped, self._wake = threading.Event(), threading.Event()
            watch = functools.partial(self._watch, self._stopped, self._wake)
            self._task = BackgroundTask(watch, "dmp-watch")

    def stop(self) -> None:
        """The thread ends after the query that is under way."""
        self._stopped.set()
        self._wake.set()

    def refresh(self) -> None:
        """Query at once, for instance after a button."""
        self._wake.set()

    def poll(self) -> List[Event]:
        """States and previews since the last call."""
        return self._task.poll() if self._task is not None else []

    def _watch(
        self, stopped: threading.Event, wake: threading.Event, report: Callable[[Event], None]
    ) -> None:
        while not stopped.is_set():
            state = engine_state(self.python)
            report(state)
            try:
                preview = self._new_preview(state) if self._previews else None
            except DmpError:
                preview = None  # the frame or the engine ended meanwhile; the next state shows it
            if preview is not None:
                report(preview)
            wake.wait(self._interval)
            wake.clear()

    def _new_preview(self, state: EngineState) -> Optional[Preview]:
        """The preview to show, if it was not fetched yet."""
        running = [job for job in state.jobs if job["state"] == JobState.RUNNING.value]
        preferred = [job for job in running if job["id"] == self.preferred] or running
        if not preferred or preferred[0]["preview"] in (None, self._fetched):
            return None
        job = preferred[0]
        connection = find_engine()
        if connection is None:
            raise EngineError("The engine has ended.")
        png = b"".join(connection.blocks(job["preview"]))
        self._fetched = job["preview"]
        return Preview(job["id"], (job["progress"] or {}).get("frame", 0), png)
