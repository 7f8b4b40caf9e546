"""Which frames a frame is solved with. Known to the server as well, so there is no torch here.

A result depends on the frames of its window and on no others, so that the same pixels come out
whatever was solved before, wherever, and after whatever interruption.
"""

from __future__ import annotations

import bisect
import hashlib
from typing import Callable, Iterable, List, Sequence, Tuple

from .job import NEIGHBOURS, Frame, Job, Plate
from .settings import Settings

GAP = 4  # frame numbers; what is further apart is no neighbour
REACH = NEIGHBOURS * GAP  # frame numbers; what is further away is never a neighbour
FILM = 8  # frames that the paper's video mode solves together


def neighbours_of(
    number: int, numbers: Sequence[int], is_there: Callable[[int], bool] = lambda other: True
) -> Tuple[int, ...]:
    """The frames of ``numbers`` (ascending) that ``number`` is solved with, itself not among them.

    On each side the nearest NEIGHBOURS that are there, up to a step of more than GAP. The client
    chooses with it the frames that a job takes along, and the engine the window of a frame, so a
    frame has the same window in whatever job it is.
    """

    def side(others: Iterable[int]) -> List[int]:
        found: List[int] = []
        last = number
        for other in others:
            if len(found) == NEIGHBOURS or abs(other - last) > GAP:
                break
            if is_there(other):
                found.append(other)
                last = other
        return found

    first, after = bisect.bisect_left(numbers, number), bisect.bisect_right(numbers, number)
    before = side(numbers[at] for at in range(first - 1, -1, -1))
    return (*reversed(before), *side(numbers[at] for at in range(after, len(numbers))))


def block_of(number: int, numbers: Sequence[int]) -> Tuple[int, ...]:
    """The frames of ``numbers`` (ascending) that the paper's video mode solves ``number`` with.

    Itself is among them. ``numbers`` are cut into blocks of FILM from the first on, so whoever
    passes some of a shot passes whole blocks of it, or one block alone.
    """
    first = bisect.bisect_left(numbers, number) // FILM * FILM
    return tuple(numbers[first : first + FILM])


def frames_needed(
    wanted: Iterable[int], shot: Iterable[int], ways: Iterable[Settings]
) -> Tuple[int, ...]:
    """``wanted`` and every frame of ``shot`` that they are solved with, ascending.

    ``shot``: the numbers of all frames whose plates are there. ``ways``: the settings of which one
    is taken. A host that sends them all gets the same pixels for a frame that is solved alone as
    for one of a range.
    """
    chosen = set(wanted)
    numbers = sorted(chosen.union(shot))
    found = set(chosen)
    for settings in {one.temporal: one for one in ways}.values():
        for number in chosen:
            found.update(window_numbers(number, numbers, settings))
    return tuple(sorted(found))


def window_numbers(number: int, numbers: Sequence[int], settings: Settings) -> Tuple[int, ...]:
    """The frames of ``numbers`` (ascending, ``number`` among them) that ``number`` is solved with.

    Itself included; empty where it is alone. Its time does not grow with the shot's length.
    """
    if settings.temporal == "off":
        return ()
    if settings.temporal == "neighbours":
        found = tuple(sorted((*neighbours_of(number, numbers), number)))
    else:
        found = block_of(number, numbers)
    return found if len(found) > 1 else ()


def window_of(frame: Frame, job: Job, settings: Settings) -> tuple[Frame, ...]:
    """The window of ``frame`` in the order of numbers, itself included; empty where it is alone."""
    frames = {other.number: other for other in (*job.context, *job.frames)}
    found = window_numbers(frame.number, sorted(frames), settings)
    return tuple(frames[number] for number in found)


def window_digest(frame: Frame, window: Sequence[Frame], state_of: Callable[[Plate], str]) -> str:
    """A digest of the plates that ``frame`` is solved with, each by ``state_of`` it.

    Empty where the state of one is.
    """
    digest = hashlib.sha256()
    for one in window or (frame,):
        digest.update(f"{one.number - frame.number}\n".encode())
        for plate in one.plates:
            state = state_of(plate)
            if not state:
                return ""
            digest.update(f"{plate.role.value} {state}\n".encode())
    return digest.hexdigest()


def recorded_inputs(frame: Frame, window: Sequence[Frame]) -> str:
    """What a result's header records of its plates, from Plate.state.

    Two digests, of their content and of their files' status; empty where they are not known.
    """
    content = window_digest(frame, window, lambda plate: plate.state.partition(" ")[0])
    status = window_digest(frame, window, lambda plate: plate.state.partition(" ")[2])
    return f"{content} {status}" if content and status else ""
