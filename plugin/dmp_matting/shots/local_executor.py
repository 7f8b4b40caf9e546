"""Shots through this machine's engine: threads that each take the next chunk of frames as a job.

Some jobs are under way at once, so that plates are sent while others are solved, and so that
several devices have work. A frame that fails is told and left out, and the others go on.
Standard library only, Python 3.9.
"""

from __future__ import annotations

import functools
import queue
import threading
import time
from contextlib import closing
from typing import Callable, Deque, Dict, Generator, List, Sequence, Set, Union

from ..client.connection import Connection
from ..client.job_client import Matting
from ..client.launcher import ensure_engine
from ..errors import (
    CancelledError,
    ColourSpaceError,
    DeviceError,
    DmpError,
    EngineError,
    EngineMissingError,
    OutputError,
    SettingsError,
    as_dmp_error,
)
from ..job import Layers, Progress
from .events import Chunk, Executor, ShotEvent, ShotFailure, ShotFrame, ShotProgress
from .shot import Shot

LANES = 3  # jobs under way at once: for two devices, and one more that is being sent
ENGINE_LIMIT = 3  # engine failures in a row, then it is not the frames' fault
BACKLOG = 256  # events that wait for a slow reader


class LocalExecutor(Executor):
    """Threads that each take the next chunk; their events come out of one queue."""

    def __init__(
        self,
        tasks: Deque[Chunk],
        count: int = LANES,
        connect: Callable[[], Connection] = ensure_engine,
    ) -> None:
        super().__init__(tasks)
        self._connect = connect
        self._events: queue.Queue[Union[ShotEvent, BaseException, None]] = queue.Queue(BACKLOG)
        self._stopping = threading.Event()
        self._running: Set[Matting] = set()
        self._given_up: Dict[str, DmpError] = {}  # shots that cannot be solved at all
        self._engine_failures = 0
        self._threads = [
            threading.Thread(target=self._lane, name=f"dmp-lane-{n}", daemon=True)
            for n in range(min(count, len(tasks)))
        ]
        for thread in self._threads:
            thread.start()

    def events(self) -> Generator[ShotEvent, None, None]:
        """All events until no task is left; raises what ended a lane."""
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

    def _tell(self, event: Union[ShotEvent, BaseException, None]) -> None:
        while not self._stopping.is_set():
            try:
                self._events.put(event, timeout=0.2)
                return
            except queue.Full:
                continue

    def _lane(self) -> None:
        try:
            while not self._stopping.is_set():
                try:
                    shot, numbers = self.tasks.popleft()
                except IndexError:
                    break
                self._chunk(shot, list(numbers))
            self._tell(None)
        except Exception as error:  # nobody else would see what a thread raises
            self._tell(as_dmp_error(error))

    def _chunk(self, shot: Shot, left: List[int]) -> None:
        """Solve these frames; one that fails is told, and the others go on."""
        alone = False  # the first of them only: a job that failed does not say which frame did
        while left and not self._stopping.is_set():
            if shot.name in self._given_up:  # by another lane, which knows nothing of these frames
                self._tell(ShotFailure(shot.name, tuple(left), self._given_up[shot.name]))
                return
            part = left[:1] if alone else left
            try:
                self._solve(shot, part, left)
                self._engine_failures = 0
                alone = False
            except CancelledError:
                if self._stopping.is_set():
                    return
                raise
            except EngineMissingError:
                raise
            except (OutputError, SettingsError, ColourSpaceError, DeviceError) as error:
                self._give_up(shot, left, error)
                return
            except DmpError as error:
                if isinstance(error, EngineError):
                    self._engine_failures += 1
                    if self._engine_failures >= ENGINE_LIMIT:
                        raise
                if len(part) > 1:
                    alone = True
                    continue
                self._tell(ShotFailure(shot.name, (part[0],), error))
                left.remove(part[0])
                alone = False

    def _solve(self, shot: Shot, part: Sequence[int], left: List[int]) -> None:
        """One job; takes each written frame out of ``left``."""
        numbers = tuple(part)
        matting = Matting(shot.job(numbers), shot.outputs(numbers), connect=self._connect)
        self._running.add(matting)
        try:
            with closing(matting.events()) as events:
                for event in events:
                    if self._stopping.is_set():
                        return
                    if isinstance(event, Progress):
                        self._tell(ShotProgress(shot.name, event, 0.0))
                    elif isinstance(event, Layers):
                        left.remove(event.frame)
                        self._tell(ShotFrame(shot.name, event))
        finally:
            self._running.discard(matting)

    def _give_up(self, shot: Shot, left: Sequence[int], error: DmpError) -> None:
        """What is wrong is wrong for every frame of the shot: take its other chunks away too."""
        self._given_up[shot.name] = error
        rest = [numbers for one, numbers in list(self.tasks) if one.name == shot.name]
        for numbers in rest:
            try:
                self.tasks.remove((shot, numbers))
            except ValueError:
                continue  # another lane took it, and will tell of it
        frames = functools.reduce(lambda all_of, more: all_of + more, rest, tuple(left))
        self._tell(ShotFailure(shot.name, frames, error))
