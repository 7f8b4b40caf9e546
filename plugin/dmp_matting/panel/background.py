"""What a button starts: short work on a thread; a timer polls for its sentence. No Qt."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Callable, List

from ..client.background_task import BackgroundTask
from ..client.launcher import find_engine, start_engine, stop_engine
from ..errors import DmpError


@dataclass(frozen=True)
class Outcome:
    """How the work ended: a sentence for the artist, and its value if it has one."""

    sentence: str
    failed: bool = False
    value: Any = None


class BackgroundJobs:
    """Runs each piece of work on its own thread; no call of it waits."""

    def __init__(self) -> None:
        self._tasks: List[BackgroundTask[None, Outcome]] = []

    @property
    def busy(self) -> bool:
        """True while one is under way."""
        return any(not task.done for task in self._tasks)

    def run(self, work: Callable[[], Outcome]) -> None:
        """Start ``work``; a DmpError that it raises becomes an Outcome that failed."""
        self._tasks.append(BackgroundTask(lambda report: work(), "dmp-button"))

    def poll(self) -> List[Outcome]:
        """The outcomes of what has ended since the last call."""
        ended = [task for task in self._tasks if task.done]
        self._tasks = [task for task in self._tasks if task not in ended]
        return [_outcome(task) for task in ended]


def _outcome(task: BackgroundTask[None, Outcome]) -> Outcome:
    try:
        return task.result()
    except DmpError as error:
        return Outcome(str(error), failed=True)


def start() -> Outcome:
    """Start this user's engine."""
    start_engine()
    return Outcome("The engine has started.")


def stop() -> Outcome:
    """End it if it has no work; EngineError else."""
    stopped = stop_engine()
    return Outcome("The engine has ended." if stopped else "The engine was not running.")


def restart() -> Outcome:
    """End an engine that does not answer, and start another."""
    stop_engine(force=True)
    start_engine()
    return Outcome("The engine was restarted.")


def cancel(job: str) -> Outcome:
    """End a job, whoever started it."""
    connection = find_engine()
    if connection is None:
        return Outcome("The engine has ended, and the job with it.")
    connection.request("POST", f"/v1/jobs/{job}/cancel", timeout=5.0)
    return Outcome("The job was cancelled.")
