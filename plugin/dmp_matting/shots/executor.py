"""What solves the chunks of shots, and what happens when a frame fails. Standard library only.

Executor       what ``run_shots`` needs: events until no chunk is left
JobExecutor    chunks as jobs of an engine: LocalExecutor, ProcessExecutor
farm/dask.py   chunks as tasks of a cluster
"""

from __future__ import annotations

import threading
from contextlib import closing
from typing import Deque, Dict, Generator, List, Optional, Sequence, Tuple

from ..client.engine_process import Event, Notice
from ..errors import (
    CancelledError,
    ColourSpaceError,
    DmpError,
    EngineError,
    EngineMissingError,
    OutputError,
    SettingsError,
)
from ..job import Layers, Progress
from .events import ShotEvent, ShotFailure, ShotFrame, ShotNotice, ShotProgress
from .shot import Shot

# Frames of a shot in a row that the engine or the disk fails on, then it is not the frames' fault.
FAULT_LIMIT = 8

Chunk = Tuple[Shot, Tuple[int, ...]]  # frames of a shot that become one job


class Executor:
    """Solves the chunks: this machine's engine, processes of its own, or a cluster."""

    def __init__(self, chunks: Deque[Chunk]) -> None:
        self.chunks = chunks

    def events(self) -> Generator[ShotEvent, None, None]:
        """All events until no chunk is left; raises what ends everything."""
        raise NotImplementedError

    def close(self) -> None:
        """End all that is under way, and wait for that."""


class JobExecutor(Executor):
    """Each chunk as a job. A frame that fails is reported and left out, and the others go on.

    ``fatal`` is set to what no frame can be solved with: without an engine nothing goes on.
    """

    def __init__(self, chunks: Deque[Chunk]) -> None:
        super().__init__(chunks)
        self._stopping = threading.Event()
        self._given_up: Dict[str, DmpError] = {}  # shots that cannot be solved at all
        self._faults: Dict[str, int] = {}  # of each shot, since a frame of it was written
        self.fatal: Optional[DmpError] = None

    def job_events(self, shot: Shot, numbers: Sequence[int]) -> Generator[Event, None, None]:
        """One job for these frames of the shot: its events."""
        raise NotImplementedError

    def chunk_events(self, shot: Shot, numbers: Sequence[int]) -> Generator[ShotEvent, None, None]:
        """Solve these frames. Raises what ends everything, not what one frame fails with."""
        left = list(numbers)
        alone = False  # the first of them only: a failed job does not name the frame
        while left and not self._stopping.is_set():
            if shot.name in self._given_up:  # by another thread, which has not seen these frames
                yield ShotFailure(shot.name, tuple(left), self._given_up[shot.name])
                return
            part = left[:1] if alone else left
            try:
                yield from self._part_events(shot, tuple(part), left)
                alone = False
            except CancelledError:
                if self._stopping.is_set():
                    return
                raise
            except EngineMissingError:
                raise
            except DmpError as error:
                if error is self.fatal:
                    raise
                if _is_the_shots(error, shot):
                    yield self._give_up(shot, left, error)
                    return
                if len(part) > 1:
                    alone = True
                    continue
                yield ShotFailure(shot.name, (part[0],), error)
                left.remove(part[0])
                alone = False
                if isinstance(error, (EngineError, OutputError)):
                    self._faults[shot.name] = self._faults.get(shot.name, 0) + 1
                if left and self._faults.get(shot.name, 0) >= FAULT_LIMIT:
                    yield self._give_up(shot, left, error)
                    return

    def _part_events(
        self, shot: Shot, numbers: Tuple[int, ...], left: List[int]
    ) -> Generator[ShotEvent, None, None]:
        """One job; takes each written frame out of ``left``."""
        notices: List[Notice] = []
        with closing(self.job_events(shot, numbers)) as events:
            for event in events:
                if self._stopping.is_set():
                    return
                if isinstance(event, Notice):
                    notices.append(event)
                    continue
                # A warning comes as a notice as well, just before the progress that holds it.
                warnings = event.warnings if isinstance(event, Progress) else ()
                for notice in notices:
                    if notice not in warnings:
                        yield ShotNotice(shot.name, str(notice))
                notices.clear()
                if isinstance(event, Progress):
                    yield ShotProgress(shot.name, event, 0.0)
                elif isinstance(event, Layers):
                    left.remove(event.frame)
                    self._faults.pop(shot.name, None)
                    yield ShotFrame(shot.name, event)

    def _give_up(self, shot: Shot, left: Sequence[int], error: DmpError) -> ShotFailure:
        """What is wrong is wrong for every frame of the shot: take its other chunks away too."""
        self._given_up[shot.name] = error
        frames = list(left)
        for chunk in [one for one in list(self.chunks) if one[0].name == shot.name]:
            try:
                self.chunks.remove(chunk)
            except ValueError:
                continue  # another thread took it, and will report it
            frames += chunk[1]
        return ShotFailure(shot.name, tuple(frames), error)


def _is_the_shots(error: DmpError, shot: Shot) -> bool:
    """True where no frame can be solved as the shot is described, so that none need be tried."""
    named = {shot.space.lower(), shot.clean_space.lower()} != {"auto", ""}
    return (named and isinstance(error, ColourSpaceError)) or isinstance(error, SettingsError)
