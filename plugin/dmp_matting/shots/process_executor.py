"""Shots without the shared engine: each chunk of frames in an engine process that ends with it.

Slower for more than one chunk, since every process loads the engine again; nothing is cached, and
nothing is left running. Standard library only, Python 3.9.
"""

from __future__ import annotations

from typing import Deque, Generator, Optional, Sequence

from ..client.engine_process import Event, run_directly
from .events import ShotEvent
from .executor import Chunk, JobExecutor
from .shot import Shot


class ProcessExecutor(JobExecutor):
    """One chunk after the other, in the caller's own thread."""

    def __init__(self, chunks: Deque[Chunk]) -> None:
        super().__init__(chunks)
        self._current: Optional[Generator[ShotEvent, None, None]] = None

    def events(self) -> Generator[ShotEvent, None, None]:
        while self.chunks:
            self._current = self.chunk_events(*self.chunks.popleft())
            yield from self._current

    def close(self) -> None:
        """End the process that is running, and wait for that."""
        self._stopping.set()
        if self._current is not None:
            self._current.close()

    def job_events(self, shot: Shot, numbers: Sequence[int]) -> Generator[Event, None, None]:
        return run_directly(shot.job(numbers), shot.outputs(numbers))
