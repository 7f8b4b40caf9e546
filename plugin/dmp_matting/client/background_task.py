"""Work on a thread, for an event loop that polls and never waits. Standard library, Python 3.9.

    task = BackgroundTask(work)      # work(report) runs on its own thread; report(event) queues
    ... on each tick of a timer:
    for event in task.poll(): show(event)
    if task.done: task.result()      # what work returned, or raises what ended it

One mechanism for all of the package: a job (background_job.py), an installation
(install/installation.py), the engine's state (watcher.py), a clean plate
(shots/build_clean_plate.py), a publish (publish/background_publish.py), a button's work
(panel/background.py).
"""

from __future__ import annotations

import queue
import threading
from typing import Callable, Generic, List, Optional, TypeVar

from ..errors import DmpError, as_dmp_error

Event = TypeVar("Event")
Result = TypeVar("Result")


class BackgroundTask(Generic[Event, Result]):
    """``work`` on a daemon thread called ``name``; it starts at once.

    A subclass sets what its work needs before it calls this constructor.
    """

    def __init__(self, work: Callable[[Callable[[Event], None]], Result], name: str) -> None:
        self._work = work
        self._events: queue.SimpleQueue[Event] = queue.SimpleQueue()
        self._results: List[Result] = []  # one when the work has succeeded
        self._error: Optional[DmpError] = None
        self._thread = threading.Thread(target=self._run, name=name, daemon=True)
        self._thread.start()

    @property
    def done(self) -> bool:
        """True when the work has ended and every event was polled."""
        return not self._thread.is_alive() and self._events.empty()

    def poll(self) -> List[Event]:
        """The events since the last call, oldest first; never waits."""
        found: List[Event] = []
        while True:
            try:
                found.append(self._events.get_nowait())
            except queue.Empty:
                return found

    def wait(self, seconds: Optional[float] = None) -> bool:
        """Wait for the end, for hosts without an event loop; False when it was not reached."""
        self._thread.join(seconds)
        return not self._thread.is_alive()

    def result(self) -> Result:
        """What the work returned. Raises the DmpError that ended it, EngineError for a bug."""
        assert not self._thread.is_alive(), "the task has not ended yet"
        if self._error is not None:
            raise self._error
        return self._results[0]

    def _run(self) -> None:
        try:
            self._results.append(self._work(self._events.put))
        except Exception as error:  # nobody else would see what a thread raises
            self._error = as_dmp_error(error)
