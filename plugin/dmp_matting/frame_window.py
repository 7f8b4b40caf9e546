"""Which frames a frame is solved with. Known to the server as well, so there is no torch here.

A result depends on the frames of its window and on no others, so that the same pixels come out
whatever was solved before, wherever, and after whatever interruption.
"""

from __future__ import annotations

from .job import NEIGHBOURS, Frame, Job
from .settings import Settings

GAP = 4  # frame numbers; what is further apart is no neighbour


def window_of(frame: Frame, job: Job, settings: Settings) -> tuple[Frame, ...]:
    """The window of ``frame`` in the order of numbers, itself included; empty where it is alone."""
    if settings.temporal == "off":
        return ()
    frames = {other.number: other for other in (*job.context, *job.frames)}
    numbers = sorted(frames)
    at = numbers.index(frame.number)
    first = last = at
    if settings.temporal == "paper":
        first, last = 0, len(numbers) - 1
    else:
        while first > max(0, at - NEIGHBOURS) and numbers[first] - numbers[first - 1] <= GAP:
            first -= 1
        end = min(len(numbers) - 1, at + NEIGHBOURS)
        while last < end and numbers[last + 1] - numbers[last] <= GAP:
            last += 1
    if first == last:
        return ()
    return tuple(frames[number] for number in numbers[first : last + 1])
