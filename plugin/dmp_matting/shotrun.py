"""Shots through the engine: chunks of frames as jobs, finished frames left alone, one report each.

    for event in run_shots(shots): ...        # StopIteration.value: a ShotReport for each shot

Standard library only, Python 3.9. A chunk is one job, so plates are sent and dropped again eight
frames at a time; some chunks are under way at once, so that some are sent while others are solved.
A frame that fails is told and left out, and the others go on. Closing the generator ends the jobs;
frames that are written stay, and the next run begins where this one ended.
"""

from __future__ import annotations

import collections
import enum
import functools
import os
import queue
import threading
import time
from contextlib import closing
from dataclasses import dataclass, field
from typing import Callable, Deque, Dict, Generator, List, Sequence, Set, Tuple, Union

from .client import Matting
from .errors import (
    CancelledError,
    ColourSpaceError,
    DeviceError,
    DmpError,
    EngineError,
    EngineMissingError,
    OutputError,
    PlateError,
    SettingsError,
)
from .finished import is_finished
from .job import Layers, Progress
from .launcher import ensure_engine
from .shots import CHUNK, Gap, Shot, check_shots, chunks, gap_sentence
from .wire import Wire

LANES = 3  # jobs under way at once: for two devices, and one more that is being sent
ENGINE_LIMIT = 3  # engine failures in a row, then it is not the frames' fault
BACKLOG = 256  # events that wait for a slow reader


class Missing(str, enum.Enum):
    """What to do about frames whose files are missing."""

    FAIL = "fail"  # tell all of them and start nothing
    SKIP = "skip"  # matte the others


@dataclass(frozen=True)
class ShotStart:
    """A shot is about to be solved; ``done`` frames are finished already."""

    shot: str
    frames: Tuple[int, ...]
    done: Tuple[int, ...]
    gaps: Tuple[Gap, ...]


@dataclass(frozen=True)
class ShotProgress:
    """A sign of life of one frame, and how far the shot is, [0, 1]."""

    shot: str
    progress: Progress
    fraction: float


@dataclass(frozen=True)
class ShotFrame:
    """A frame has been written."""

    shot: str
    layers: Layers


@dataclass(frozen=True)
class ShotFailure:
    """These frames could not be made."""

    shot: str
    frames: Tuple[int, ...]
    error: DmpError


@dataclass
class ShotReport:
    """What became of a shot."""

    shot: str
    solved: List[int] = field(default_factory=list)
    kept: List[int] = field(default_factory=list)  # finished by an earlier run
    skipped: List[int] = field(default_factory=list)  # files missing
    failures: List[ShotFailure] = field(default_factory=list)
    warnings: Dict[str, List[int]] = field(default_factory=dict)
    device: str = ""
    seconds: float = 0.0  # of solving, all frames together

    @property
    def failed(self) -> List[int]:
        return sorted(frame for failure in self.failures for frame in failure.frames)

    @property
    def finished(self) -> List[int]:
        """Frames that are on disk."""
        return sorted(self.solved + self.kept)


@dataclass(frozen=True)
class ShotEnd:
    """Nothing is left to do for a shot."""

    report: ShotReport


ShotEvent = Union[ShotStart, ShotProgress, ShotFrame, ShotFailure, ShotEnd]


def run_shots(
    shots: Sequence[Shot],
    *,
    missing: Missing = Missing.FAIL,
    redo: bool = False,
    make_folders: bool = False,
    chunk: int = CHUNK,
    lanes: int = LANES,
    connect: Callable[[], Wire] = ensure_engine,
) -> Generator[ShotEvent, None, Tuple[ShotReport, ...]]:
    """Solve the shots in their order; see the top of this file.

    ``redo`` solves finished frames again; ``make_folders`` makes output folders. Raises before any
    work: InputError for shots that cannot be, PlateError that names every missing frame. Raises on
    the way only what ends everything: EngineMissingError, EngineError, CancelledError.
    """
    check_shots(shots)
    gaps = check_gaps(shots, missing)
    reports = {shot.name: ShotReport(shot.name) for shot in shots}
    left: Dict[str, Set[int]] = {}
    tasks: Deque[Tuple[Shot, Tuple[int, ...]]] = collections.deque()
    for shot in shots:
        report, absent = reports[shot.name], {gap.frame for gap in gaps[shot.name]}
        wanted = [shot.settings] + ([shot.on_cpu] if shot.on_cpu else [])
        for numbers in chunks(shot.numbers(), chunk):
            todo = []
            for number in numbers:
                if number in absent:
                    report.skipped.append(number)
                elif not redo and is_finished(shot.output_of(number), shot.frame(number), wanted):
                    report.kept.append(number)
                else:
                    todo.append(number)
            if todo:
                tasks.append((shot, tuple(todo)))
        left[shot.name] = {n for one, numbers in tasks if one is shot for n in numbers}
        if make_folders and left[shot.name]:
            _make_folders(shot, left[shot.name])
        yield ShotStart(shot.name, shot.numbers(), tuple(report.kept), tuple(gaps[shot.name]))
        if not left[shot.name]:
            yield ShotEnd(report)
    with closing(_Lanes(tasks, min(lanes, len(tasks)), connect)) as running:
        for event in running.events():
            yield from _account(event, reports[_name(event)], left)
    return tuple(reports[shot.name] for shot in shots)


def _name(event: ShotEvent) -> str:
    assert not isinstance(event, ShotEnd)
    return event.shot


def _account(
    event: ShotEvent, report: ShotReport, left: Dict[str, Set[int]]
) -> Generator[ShotEvent, None, None]:
    """Write the event into its shot's report and hand it on."""
    open_frames = left[report.shot]
    if isinstance(event, ShotProgress):
        total = len(open_frames) + len(report.solved) + len(report.failed)
        gone = total - len(open_frames) + event.progress.fraction
        yield ShotProgress(event.shot, event.progress, min(1.0, gone / total))
        return
    if isinstance(event, ShotFrame):
        layers = event.layers
        report.solved.append(layers.frame)
        report.device = layers.device
        report.seconds += layers.seconds.get("total", 0.0)
        for warning in layers.warnings:
            report.warnings.setdefault(warning, []).append(layers.frame)
        open_frames.discard(layers.frame)
    elif isinstance(event, ShotFailure):
        report.failures.append(event)
        open_frames.difference_update(event.frames)
    yield event
    if not open_frames:
        yield ShotEnd(report)


def check_gaps(shots: Sequence[Shot], missing: Missing) -> Dict[str, List[Gap]]:
    """What is missing, by the shot's name. PlateError that names all of it where that is no choice.

    A shot of which nothing can be solved is refused even when missing frames are skipped.
    """
    gaps = {shot.name: shot.gaps() for shot in shots}
    sentences = []
    for shot in shots:
        found = gaps[shot.name]
        all_of_it = {gap.frame for gap in found} == set(shot.numbers())
        if found and (missing is Missing.FAIL or all_of_it):
            sentences.append(gap_sentence(shot, found))
    if sentences:
        raise PlateError(" ".join(sentences))
    return gaps


def _make_folders(shot: Shot, numbers: Set[int]) -> None:
    for folder in sorted({os.path.dirname(shot.output_of(number)) for number in numbers}):
        try:
            os.makedirs(folder, exist_ok=True)
        except OSError as reason:
            raise OutputError(
                f"The output folder {folder} cannot be made ({reason.strerror})."
            ) from None


class _Lanes:
    """Threads that each take the next chunk; their events come out of one queue."""

    def __init__(
        self,
        tasks: Deque[Tuple[Shot, Tuple[int, ...]]],
        count: int,
        connect: Callable[[], Wire],
    ) -> None:
        self._tasks, self._connect = tasks, connect
        self._events: queue.Queue[Union[ShotEvent, BaseException, None]] = queue.Queue(BACKLOG)
        self._stopping = threading.Event()
        self._running: Set[Matting] = set()
        self._given_up: Dict[str, DmpError] = {}  # shots that cannot be solved at all
        self._engine_failures = 0
        self._threads = [
            threading.Thread(target=self._lane, name=f"dmp-lane-{n}", daemon=True)
            for n in range(count)
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
                    shot, numbers = self._tasks.popleft()
                except IndexError:
                    break
                self._chunk(shot, list(numbers))
            self._tell(None)
        except DmpError as error:
            self._tell(error)
        except Exception as bug:  # a thread's traceback would reach nobody
            self._tell(EngineError(f"DMP hit a bug: {type(bug).__name__}: {bug}."))

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
        matting = Matting(
            shot.job(numbers), shot.outputs(numbers), shot.on_cpu, connect=self._connect
        )
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
        rest = [numbers for one, numbers in list(self._tasks) if one.name == shot.name]
        for numbers in rest:
            try:
                self._tasks.remove((shot, numbers))
            except ValueError:
                continue  # another lane took it, and will tell of it
        frames = functools.reduce(lambda all_of, more: all_of + more, rest, tuple(left))
        self._tell(ShotFailure(shot.name, frames, error))
