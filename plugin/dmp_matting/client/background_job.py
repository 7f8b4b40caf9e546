"""A job on a thread, for a host's event loop: it polls, and never waits.

    task = BackgroundJob(job, outputs)
    ... on each tick of a timer:
    for event in task.poll(): show(event)
    if task.done: task.result()      # the Layers, or raises what went wrong

Standard library only, Python 3.9. Nothing here touches the host: its timer calls
``poll`` on its own main thread. The first task also tells the engine that this
host is there: the engine ends, and frees the GPU, soon after the last host has.
"""

from __future__ import annotations

import queue
import threading
from typing import Callable, List, Mapping, Optional, Tuple

from ..errors import DmpError, EngineError
from ..job import Job, Layers
from ..settings import Settings
from .connection import Connection
from .engine_process import Event
from .job_client import Matting
from .launcher import ensure_engine


class BackgroundJob:
    """One job on its way; starts at once. Arguments as :class:`.job_client.Matting`."""

    def __init__(
        self,
        job: Job,
        outputs: Mapping[int, str],
        on_cpu: Optional[Settings] = None,
        *,
        preview: Optional[str] = None,
        connect: Callable[[], Connection] = ensure_engine,
    ) -> None:
        def attend_and_connect() -> Connection:
            wire = connect()
            attend(wire)
            return wire

        self._matting = Matting(job, outputs, on_cpu, preview=preview, connect=attend_and_connect)
        self._events: queue.SimpleQueue[Event] = queue.SimpleQueue()
        self._layers: List[Layers] = []
        self._error: Optional[DmpError] = None
        self._thread = threading.Thread(target=self._run, name="dmp-task", daemon=True)
        self._thread.start()

    @property
    def done(self) -> bool:
        """True when the job has ended and every event was polled."""
        return not self._thread.is_alive() and self._events.empty()

    def poll(self) -> List[Event]:
        """The events since the last call; never waits."""
        found: List[Event] = []
        while True:
            try:
                found.append(self._events.get_nowait())
            except queue.Empty:
                return found

    def cancel(self) -> None:
        """End the job; returns at once."""
        threading.Thread(target=self._matting.cancel, name="dmp-cancel", daemon=True).start()

    def wait(self, seconds: Optional[float] = None) -> bool:
        """Wait for the end, for hosts without an event loop; False when it was not reached."""
        self._thread.join(seconds)
        return not self._thread.is_alive()

    def result(self) -> Tuple[Layers, ...]:
        """The Layers in the order in which they were finished; raises what ended the job."""
        assert not self._thread.is_alive(), "ask for the result of a task that is done"
        if self._error is not None:
            raise self._error
        return tuple(self._layers)

    def _run(self) -> None:
        try:
            for event in self._matting.events():
                if isinstance(event, Layers):
                    self._layers.append(event)
                self._events.put(event)
        except DmpError as error:
            self._error = error
        except Exception as bug:  # a thread's traceback would reach nobody
            self._error = EngineError(f"DMP hit a bug: {type(bug).__name__}: {bug}.")


_attending: Optional[threading.Thread] = None
_attending_lock = threading.Lock()


def attend(wire: Connection) -> None:
    """Hold one stream to the engine for as long as this process lives."""
    global _attending

    def hold() -> None:
        try:
            for _ in wire.lines("/v1/attend"):
                pass
        except DmpError:
            pass  # the engine ended; the next task starts and attends another

    with _attending_lock:
        if _attending is None or not _attending.is_alive():
            _attending = threading.Thread(target=hold, name="dmp-attend", daemon=True)
            _attending.start()
