"""What a solve has found out of a pair before it looks at the artist's mattes, for the next one.

A frame that comes again with a correction (a garbage matte, a holdout, another core) need not be
fitted and looked at anew. What is kept depends on the plates' pixels, the settings and the device
alone, and all three are in its key, so it changes no pixel of any result: it is what would be
made again, bit for bit. One for each worker, in main memory, limited in bytes and in frames; what
was not used for longest goes first.
"""

from __future__ import annotations

import hashlib
import json
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import fields, is_dataclass, replace
from typing import Any, TypeVar

import numpy as np
import torch

from dmp_matting.settings import Settings

from ..version import engine_version

LIMIT = 1 << 30  # bytes: about ten frames of 1080p, three of 4K
PAIRS = 16  # frames at most: a shot's memory is to be flat after few of them

T = TypeVar("T")


class StageCache:
    """Values by pair and name; ``limit`` bytes and ``pairs`` pairs at most."""

    def __init__(self, limit: int = LIMIT, pairs: int = PAIRS) -> None:
        self.limit, self.pairs, self.bytes = limit, pairs, 0
        self._held: OrderedDict[str, dict[str, tuple[Any, int]]] = OrderedDict()

    def of(self, content: str, settings: Settings, device: str) -> StageMemo:
        """What is known of the pair whose digest is ``content``, solved so, on ``device``."""
        told = json.dumps([content, settings.to_json(), device, engine_version()], sort_keys=True)
        return StageMemo(self, hashlib.sha256(told.encode()).hexdigest(), device)

    def get(self, about: str, what: str) -> Any | None:
        if about not in self._held or what not in self._held[about]:
            return None
        self._held.move_to_end(about)
        return self._held[about][what][0]

    def put(self, about: str, what: str, value: Any) -> None:
        size = _size(value)
        if size > self.limit:
            return
        pair = self._held.setdefault(about, {})
        self._held.move_to_end(about)
        if what not in pair:
            pair[what] = value, size
            self.bytes += size
        while self._held and (self.bytes > self.limit or len(self._held) > self.pairs):
            _, oldest = self._held.popitem(last=False)
            self.bytes -= sum(size for _, size in oldest.values())

    def clear(self) -> None:
        self._held.clear()
        self.bytes = 0


class StageMemo:
    """The memory of one pair; see :class:`.dmp.steps.Memo`. What it returns is not to be changed.

    Values are tensors, arrays and what is plain, in tuples and frozen dataclasses.
    """

    def __init__(self, memory: StageCache, about: str, device: str) -> None:
        self._memory, self._about, self._device = memory, about, device

    def __call__(self, what: str, make: Callable[[], T]) -> T:
        found: T | None = self._memory.get(self._about, what)
        if found is not None:
            again: T = _sent(found, self._device)
            return again
        made = make()
        self._memory.put(
            self._about, what, _sent(made, "cpu")
        )  # between two frames a GPU is the artist's
        return made


def _sent(value: Any, device: str) -> Any:
    """``value`` with its tensors on ``device``."""
    if torch.is_tensor(value):
        return value.to(device)
    if isinstance(value, tuple):
        return tuple(_sent(one, device) for one in value)
    if is_dataclass(value) and not isinstance(value, type):
        parts = {f.name: _sent(getattr(value, f.name), device) for f in fields(value)}
        return replace(value, **parts)
    return value


def _size(value: Any) -> int:
    if isinstance(value, torch.Tensor):
        return value.numel() * value.element_size()
    if isinstance(value, np.ndarray):
        return value.nbytes
    if isinstance(value, tuple):
        return sum(map(_size, value))
    if is_dataclass(value):
        return sum(_size(getattr(value, f.name)) for f in fields(value))
    return 64
