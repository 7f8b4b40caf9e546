"""Processes of a test: they end with it, also when an assertion has failed first.

One that outlives its test holds a core, a port or an engine's lock, and other tests fail for it.
Tests therefore start no process by `subprocess.Popen` (test_house.py).
"""

from __future__ import annotations

import os
import signal
import subprocess
from collections.abc import Iterable, Iterator
from contextlib import suppress
from typing import Any

import pytest

PATIENCE = 15.0  # seconds that a process has to end in order; then it is killed


def default_interrupt() -> None:
    """Let SIGINT reach the program: children of a runner in the background ignore it."""
    signal.signal(signal.SIGINT, signal.default_int_handler)


class Processes:
    """Starts processes, each in a group of its own, and ends them with all that they started."""

    def __init__(self) -> None:
        self._started: list[subprocess.Popen[Any]] = []

    def __call__(
        self, command: Iterable[object], *, interruptible: bool = False, **how: Any
    ) -> subprocess.Popen[Any]:
        """Start a command; ``interruptible`` if the test sends SIGINT; the rest is Popen's."""
        if interruptible:
            how["preexec_fn"] = default_interrupt
        words = [str(word) for word in command]
        process = subprocess.Popen(words, start_new_session=True, **how)
        self._started.append(process)
        return process

    def end(self) -> None:
        """End all, the latest first: SIGTERM, then SIGKILL to its group; close its pipes."""
        while self._started:
            process = self._started.pop()
            process.terminate()
            with suppress(subprocess.TimeoutExpired):
                process.wait(PATIENCE)
            _kill_group(process)  # what it started, too
            process.wait()
            for pipe in (process.stdin, process.stdout, process.stderr):
                if pipe is not None:
                    with suppress(BrokenPipeError):  # what it did not read
                        pipe.close()


def _kill_group(process: subprocess.Popen[Any]) -> None:
    if os.name == "nt":
        process.kill()
        return
    with suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGKILL)


@pytest.fixture
def start_process() -> Iterator[Processes]:
    """Starts processes that end with the test; called as `subprocess.Popen`."""
    processes = Processes()
    try:
        yield processes
    finally:
        processes.end()
