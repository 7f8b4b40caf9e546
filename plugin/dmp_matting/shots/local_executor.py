"""Shots through this machine's engine: threads that each take the next chunk of frames as a job.

Some jobs are under way at once, so that plates are sent while others are solved, and so that
several devices have work. Standard library only, Python 3.9.
"""

from __future__ import annotations

import queue
import threading
import time
from typing import Deque, Generator, Sequence, Set, Union

from ..client.connection import Connection, EngineGone
from ..client.engine_process import Event
from ..client.job_client import Matting
from ..client.launcher import ensure_engine
from ..errors import DmpError, as_dmp_error
from .events import ShotEvent
from .executor import Chunk, JobExecutor
from .shot import Shot

THREADS = 3  # jobs under way at once: for two devices, and one more that is being sent
BACKLOG = 256  # events that wait for a slow reader


class LocalExecutor(JobExecutor):
    """Threads that each take the next chunk; their events come out of one queue."""

    def __init__(self, chunks: Deque[Chunk]) -> None:
        super().__init__(chunks)
        self._events: queue.Queue[Union[ShotEvent, BaseException, None]] = queue.Queue(BACKLOG)
        self._running: Set[Matting] = set()
        self._threads = [
            threading.Thread(target=self._work, name=f"dmp-chunks-{n}", daemon=True)
            for n in range(min(THREADS, len(chunks)))
        ]
        for thread in self._threads:
            thread.start()

    def events(self) -> Generator[ShotEvent, None, None]:
        """All events until no chunk is left; raises what ended a thread."""
        ended = 0
        while ended < len(self._threads):
            event = self._events.get()
            if event is None:
                ended += 1
            elif isinstance(event, BaseException):
                raise event
            else:
                yield event

    def close(self) -> None:
        """End every job and wait for that."""
        self._stopping.set()
        for matting in list(self._running):
            matting.cancel()
        deadline = time.monotonic() + 10.0
        for thread in self._threads:
            thread.join(max(0.0, deadline - time.monotonic()))

    def job_events(self, shot: Shot, numbers: Sequence[int]) -> Generator[Event, None, None]:
        matting = Matting(shot.job(numbers), shot.outputs(numbers), connect=self._find_engine)
        self._running.add(matting)
        try:
            yield from matting.events()
        finally:
            self._running.discard(matting)

    def _find_engine(self) -> Connection:
        try:
            return ensure_engine()
        except EngineGone:  # the job waits for the next one
            raise
        except DmpError as error:
            self.fatal = error
            raise

    def _work(self) -> None:
        try:
            while not self._stopping.is_set():
                try:
                    shot, numbers = self.chunks.popleft()
                except IndexError:
                    break
                for event in self.chunk_events(shot, numbers):
                    self._put(event)
            self._put(None)
        except Exception as error:  # nobody else would see what a thread raises
            self._put(as_dmp_error(error))

    def _put(self, event: Union[ShotEvent, BaseException, None]) -> None:
        while not self._stopping.is_set():
            try:
                self._events.put(event, timeout=0.2)
                return
            except queue.Full:
                continue
