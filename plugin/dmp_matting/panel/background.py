"""What a button sets going: short work on a thread; its sentence is polled by a timer. No Qt."""

from __future__ import annotations

import queue
import threading
from dataclasses import dataclass
from typing import Any, Callable, List, Optional

from ..client.launcher import find_engine, start_engine, stop_engine
from ..errors import DmpError


@dataclass(frozen=True)
class Told:
    """How an errand ended: a sentence, and what it brought back if it did not fail."""

    sentence: str
    failed: bool = False
    brought: Any = None


class BackgroundJobs:
    """Runs each errand on its own thread; ``poll`` never waits."""

    def __init__(self) -> None:
        self._told: queue.SimpleQueue[Told] = queue.SimpleQueue()
        self._running = 0
        self._lock = threading.Lock()

    @property
    def busy(self) -> bool:
        """True while one is under way."""
        return self._running > 0

    def run(self, errand: Callable[[], Told]) -> None:
        """Start ``errand``; a DmpError that it raises is told like an answer."""
        with self._lock:
            self._running += 1
        threading.Thread(target=self._run, args=(errand,), name="dmp-errand", daemon=True).start()

    def poll(self) -> List[Told]:
        """The answers since the last call."""
        found: List[Told] = []
        while True:
            try:
                found.append(self._told.get_nowait())
            except queue.Empty:
                return found

    def _run(self, errand: Callable[[], Told]) -> None:
        told: Optional[Told] = None
        try:
            told = errand()
        except DmpError as error:
            told = Told(str(error), failed=True)
        except Exception as bug:  # a thread's traceback would reach nobody
            told = Told(f"DMP hit a bug: {type(bug).__name__}: {bug}.", failed=True)
        finally:
            with self._lock:
                self._running -= 1
            if told is not None:
                self._told.put(told)


def start() -> Told:
    """Start this user's engine."""
    start_engine()
    return Told("The engine has started.")


def stop() -> Told:
    """End it if it has no work; EngineError else."""
    stopped = stop_engine()
    return Told("The engine has ended." if stopped else "The engine was not running.")


def restart() -> Told:
    """End an engine that cannot be talked to, and start another."""
    stop_engine(force=True)
    start_engine()
    return Told("The engine was started anew.")


def cancel(job: str) -> Told:
    """End a job, whoever started it."""
    wire = find_engine()
    if wire is None:
        return Told("The engine has ended, and the job with it.")
    wire.ask("POST", f"/v1/jobs/{job}/cancel", timeout=5.0)
    return Told("The job was cancelled.")
