"""A frame that fails costs that frame; a shot is given up where no frame of it can be solved."""

from __future__ import annotations

from collections import deque
from collections.abc import Generator, Sequence

import pytest

from dmp_matting import (
    ColourSpaceError,
    DeviceError,
    EngineError,
    EngineMissingError,
    OutputError,
    PlateError,
    SettingsError,
)
from dmp_matting.client.engine_process import Event
from dmp_matting.errors import DmpError
from dmp_matting.job import Layers
from dmp_matting.shots.events import ShotFailure, ShotFrame
from dmp_matting.shots.executor import FAULT_LIMIT, Chunk, JobExecutor
from dmp_matting.shots.shot import Shot

FRAMES = tuple(range(1, 41))


class Failing(JobExecutor):
    """Jobs that solve frame after frame and end at the first that fails."""

    def __init__(self, failing: dict[int, DmpError]) -> None:
        super().__init__(deque())
        self.failing, self.jobs = failing, 0

    def job_events(self, shot: Shot, numbers: Sequence[int]) -> Generator[Event, None, None]:
        self.jobs += 1
        for number in numbers:
            if number in self.failing:
                raise self.failing[number]
            yield Layers(number, "", (), 1, 1, "cpu", {})


def run(executor: Failing, space: str = "auto") -> tuple[list[int], list[int]]:
    """The frames that were solved, and those that failed."""
    shot = Shot("s", "p.####.exr", "c.exr", "m.####.exr", FRAMES, space=space)
    solved: list[int] = []
    failed: list[int] = []
    for start in range(0, len(FRAMES), 8):
        for event in executor.chunk_events(shot, FRAMES[start : start + 8]):
            if isinstance(event, ShotFrame):
                solved.append(event.layers.frame)
            elif isinstance(event, ShotFailure):
                failed += event.frames
    return solved, failed


@pytest.mark.parametrize(
    "kind", [PlateError, ColourSpaceError, DeviceError, OutputError, EngineError]
)
@pytest.mark.parametrize("bad", [(4,), (1, 8, 9), (3, 4, 5, 6), (*range(9, 16), 17, 40)])
def test_frames_that_fail_cost_themselves(kind: type[DmpError], bad: tuple[int, ...]) -> None:
    executor = Failing({number: kind(f"frame {number}") for number in bad})
    solved, failed = run(executor)
    assert failed == list(bad) and sorted(solved + failed) == list(FRAMES)


@pytest.mark.parametrize(("kind", "space"), [(SettingsError, "auto"), (ColourSpaceError, "log")])
def test_what_is_wrong_with_the_shot_is_tried_once(kind: type[DmpError], space: str) -> None:
    executor = Failing(dict.fromkeys(FRAMES, kind("no such thing")))
    assert run(executor, space) == ([], list(FRAMES))
    assert executor.jobs == 1


@pytest.mark.parametrize("kind", [EngineError, DeviceError, OutputError])
def test_a_shot_is_given_up_when_frame_after_frame_fails(kind: type[DmpError]) -> None:
    executor = Failing(dict.fromkeys(FRAMES[2:], kind("the disk is full")))
    assert run(executor) == ([1, 2], list(FRAMES[2:]))
    assert executor.jobs <= 2 * FAULT_LIMIT + 1


def test_frames_that_another_thread_took_are_reported_by_it_alone() -> None:
    class Overtaken(deque[Chunk]):
        """Another thread takes the first chunk just before this one would."""

        def remove(self, value: Chunk) -> None:
            if value[1] == (9, 10):
                self.popleft()
            super().remove(value)

    shot = Shot("s", "p.####.exr", "c.exr", "m.####.exr", FRAMES)
    executor = Failing({1: SettingsError("no such thing")})
    executor.chunks = Overtaken([(shot, (9, 10)), (shot, (11, 12))])
    (failure,) = executor.chunk_events(shot, (1, 2))
    assert isinstance(failure, ShotFailure) and failure.frames == (1, 2, 11, 12)


def test_without_an_engine_nothing_goes_on() -> None:
    executor = Failing({3: EngineMissingError("no Python")})
    with pytest.raises(EngineMissingError):
        run(executor)
    executor = Failing({3: EngineError("it cannot be started")})
    executor.fatal = executor.failing[3]
    with pytest.raises(EngineError):
        run(executor)
