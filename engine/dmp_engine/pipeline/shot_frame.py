"""A frame with its window: reads the neighbours' plates and caches their states between frames.

A FrameState depends on plates and settings alone, so the cache changes no pixel: an engine that
starts in the middle of a shot computes the missing states again. The cache is in main memory
and holds as many states as one window needs, however long the shot is.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
from collections import OrderedDict
from collections.abc import Callable, Generator, Sequence

import torch
from torch import Tensor

from dmp_matting.errors import DmpError
from dmp_matting.generators import mapped
from dmp_matting.job import NEIGHBOURS, Frame, Stage
from dmp_matting.settings import Settings

from ..dmp.model.constraints import UNKNOWN, without_solve
from ..dmp.solve.frame import solve
from ..dmp.steps import Solution, Step
from ..dmp.temporal.neighbours import (
    PASSES,
    REACH,
    FrameState,
    initial_state,
    refine_state,
    solution_of,
)
from ..dmp.temporal.optical_flow import Flows
from ..dmp.temporal.postprocess import at_full_resolution, grain_of
from ..machine.faults import fault_of
from .pair import Pair, make_pair, read_plates
from .stage_cache import StageCache

LIMIT = 6 * NEIGHBOURS  # cached states: those of a window, of all passes

DIGESTS = 256  # of files

Key = tuple[object, ...]


class LookCache:
    """The states computed last, in main memory. Each worker has one."""

    def __init__(self) -> None:
        self._states: OrderedDict[Key, FrameState | None] = OrderedDict()

        self._digests: OrderedDict[Key, str] = OrderedDict()
        self.stage_cache = StageCache()
        self.flows = Flows()
        self.film: tuple[Key, Solution] | None = None  # of the paper's video mode: T frames

    def __contains__(self, key: Key) -> bool:
        return key in self._states

    def get(self, key: Key, where: str) -> FrameState | None:
        """The state on the device; None for a frame that cannot be read."""
        self._states.move_to_end(key)
        state = self._states[key]
        return None if state is None else state.to(where)

    def put(self, key: Key, state: FrameState | None) -> None:
        self._states[key] = None if state is None else state.to("cpu")
        while len(self._states) > LIMIT:
            self._states.popitem(last=False)

    def identity(self, frame: Frame) -> Key:
        """The frame's files by their content: each job has copies of its own."""
        parts: list[object] = []
        for plate in frame.plates:
            parts += [plate.role.value, plate.colour_space, plate.layer, self._digest(plate.path)]
        return tuple(parts)

    def _digest(self, path: str) -> str:
        try:
            state = os.stat(path)
            key = (path, state.st_mtime_ns, state.st_size, state.st_ino)
            if key not in self._digests:
                with open(path, "rb") as file:
                    self._digests[key] = hashlib.file_digest(file, "sha256").hexdigest()
        except OSError:
            return path
        self._digests.move_to_end(key)
        while len(self._digests) > DIGESTS:
            self._digests.popitem(last=False)
        return self._digests[key]


def solve_in_window(
    frame: Frame,
    pair: Pair,
    window: Sequence[Frame],
    settings: Settings,
    where: str,
    look_cache: LookCache,
) -> Generator[Step, None, Solution]:
    """Solve ``frame``, whose plates are ``pair``, with the other frames of ``window``.

    A neighbour that cannot be read, or has another size, counts as not there. Yields Step,
    returns Solution. Raises what reading raises for no frame but its own.
    """
    work = _Work(window, settings, where, look_cache, len(window), pair.unit)
    own = [other.number for other in window].index(frame.number)
    first = {}
    for index in range(len(window)):
        state = yield from work.first(index, pair if index == own else None)
        if state is not None:
            first[index] = state
    there = [n for n in sorted(first) if first[n].image.shape == first[own].image.shape]
    states, keys, at = [first[n] for n in there], [work.keys[n] for n in there], there.index(own)
    work.total += sum(
        1 + min(len(states) - 1, at + REACH * left) - max(0, at - REACH * left)
        for left in range(PASSES)
    )
    level = dict(enumerate(states))
    for number in range(1, PASSES + 1):
        far = REACH * (PASSES - number)
        wanted = range(max(0, at - far), min(len(states) - 1, at + far) + 1)
        level = yield from work.improve(level, keys, wanted, number)
    solution, rough = solution_of(level[at])
    if solution.alpha.shape[-2:] == pair.image.shape[-2:]:
        return solution
    grain = grain_of(pair.image, pair.clean, level[at].encoding, pair.clean_plate_error)
    constraint = without_solve(pair.constraint)
    return (yield from at_full_resolution(pair.image, pair.clean, rough, constraint, grain))


def solve_as_film(
    frame: Frame,
    pair: Pair,
    window: Sequence[Frame],
    settings: Settings,
    where: str,
    look_cache: LookCache,
) -> Generator[Step, None, Solution]:
    """The paper's video mode: one network for all frames of ``window``, solved once.

    As :func:`solve_in_window`.
    """
    work = _Work(window, settings, where, look_cache, 0, pair.unit)
    key: Key = tuple(work.keys)
    pairs = {}
    for other in window:
        with contextlib.suppress(DmpError):  # that frame's own job reports it
            found = pair if other.number == frame.number else work.read(other)
            if found.image.shape == pair.image.shape:
                pairs[other.number] = found
    if look_cache.film is None or look_cache.film[0] != key:
        constraints = torch.cat([_constraint_of(found) for found in pairs.values()])
        solution = yield from solve(
            torch.cat([found.image for found in pairs.values()]),
            torch.cat([found.clean for found in pairs.values()]),
            settings,
            linear=pair.linear,
            constraint=constraints,
        )
        look_cache.film = key, solution.each(lambda x: x.cpu())
    at = list(pairs).index(frame.number)
    return look_cache.film[1].each(lambda x: x[at : at + 1].to(where))


def _constraint_of(pair: Pair) -> Tensor:
    unknown = torch.full_like(pair.image[:, :1], UNKNOWN)
    return unknown if pair.constraint is None else pair.constraint


class _Work:
    """Computes the states of one window or takes them from the cache; each is one Step."""

    def __init__(
        self,
        window: Sequence[Frame],
        settings: Settings,
        where: str,
        look_cache: LookCache,
        total: int,
        unit: float,
    ) -> None:
        self.window, self.settings = window, settings
        self.where, self.look_cache = where, look_cache
        self.total, self.done, self.unit = total, 0, unit
        about = {**settings.to_json(), "device": where, "unit": unit}
        same = json.dumps(about, sort_keys=True)
        self.keys: list[Key] = [(same, *look_cache.identity(frame)) for frame in window]

    def first(self, index: int, pair: Pair | None) -> Generator[Step, None, FrameState | None]:
        """The initial state of a frame; ``pair`` is its pair if it is made already."""
        key = self.keys[index]
        cache = self.look_cache
        found = cache.get(key, self.where) if key in cache else None
        if found is None and (pair is not None or key not in cache):
            state = yield from self._initial(pair or self.window[index])
            cache.put(key, state)
            found = cache.get(key, self.where)
        self.done += 1
        yield self._step(Stage.INITIALISE, None if found is None else found.layers)
        return found

    def _initial(self, source: Pair | Frame) -> Generator[Step, None, FrameState | None]:
        """The initial state of a pair, or of a neighbour's files; None for one that fails.

        A neighbour that fails, in whatever way, is left out: its own job reports it. What memory or
        the GPU refuses is no fault of the neighbour's, and raised.
        """
        try:
            pair = source if isinstance(source, Pair) else self.read(source)
            solving = initial_state(
                pair.image,
                pair.clean,
                self.settings,
                linear=pair.linear,
                constraint=pair.constraint,
                memo=pair.memo,
                clean_plate_error=pair.clean_plate_error,
            )
            return (
                yield from mapped(solving, lambda step: self._step(Stage.INITIALISE, step.layers))
            )
        except Exception as error:
            if isinstance(source, Pair) or fault_of(error) is not None:
                raise
            return None

    def improve(
        self, level: dict[int, FrameState], keys: list[Key], wanted: range, number: int
    ) -> Generator[Step, None, dict[int, FrameState]]:
        """The states at the places ``wanted`` after pass ``number``."""
        made = {}
        for place in wanted:
            others = [
                n for n in range(place - REACH * number, place + REACH * number + 1)
                if 0 <= n < len(keys)
            ]  # fmt: skip
            key: Key = (number, place - others[0], *(keys[n] for n in others))
            if key not in self.look_cache:
                near = [
                    (n - place, level[n])
                    for n in range(place - REACH, place + REACH + 1)
                    if n != place and n in level
                ]
                self.look_cache.put(key, refine_state(level[place], near, self.look_cache.flows))
            state = self.look_cache.get(key, self.where)
            assert state is not None
            made[place] = state
            self.done += 1
            yield self._step(Stage.REFINE, state.layers)
        return made

    def _step(self, stage: Stage, layers: Callable[[], tuple[Tensor, Tensor]] | None) -> Step:
        share = min(1.0, self.done / (self.total + REACH * PASSES))
        return Step(stage, self.done, max(self.total, self.done), share, layers=layers)

    def read(self, frame: Frame) -> Pair:
        """A neighbour's pair, made as for a result of its own, in the unit of the frame solved."""
        plates = read_plates(frame).in_unit(self.unit)
        return make_pair(plates, self.settings, self.where, self.look_cache.stage_cache)
