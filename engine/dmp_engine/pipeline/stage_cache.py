"""A cache of the stages of a solve that do not depend on the user's mattes.

When a frame is solved again with a correction (a garbage matte, a holdout, another core), its
fit and its first trimap are taken from here. The values depend on the plates' pixels, the
settings and the device alone, and all three are in the key, so the cache changes no pixel. Each
worker has one in main memory, limited in bytes and in frames; the least recently used pair is
dropped first.
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
PAIRS = 16  # frames at most, so that a shot's memory stays flat

T = TypeVar("T")


class StageCache:
    """Values by pair and name; ``limit`` bytes and ``pairs`` pairs at most."""

    def __init__(self, limit: int = LIMIT, pairs: int = PAIRS) -> None:
        self.limit, self.pairs, self.bytes = limit, pairs, 0
        self._held: OrderedDict[str, dict[str, tuple[Any, int]]] = OrderedDict()

    def of(self, content: str, settings: Settings, device: str) -> StageMemo:
        """The memo of the pair whose digest is ``content``, for these settings and this device."""
        key = json.dumps([content, settings.to_json(), device, engine_version()], sort_keys=True)
        return StageMemo(self, hashlib.sha256(key.encode()).hexdigest(), device)

    def get(self, key: str, what: str) -> Any | None:
        if key not in self._held or what not in self._held[key]:
            return None
        self._held.move_to_end(key)
        return self._held[key][what][0]

    def put(self, key: str, what: str, value: Any) -> None:
        size = _size(value)
        if size > self.limit:
            return
        pair = self._held.setdefault(key, {})
        self._held.move_to_end(key)
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
    """The part of the cache for one pair; see :class:`.dmp.steps.Memo`.

    Values are tensors, arrays and plain values, in tuples and frozen dataclasses. Callers must not
    change what they get.
    """

    def __init__(self, cache: StageCache, key: str, device: str) -> None:
        self._cache, self._key, self._device = cache, key, device

    def __call__(self, what: str, make: Callable[[], T]) -> T:
        found: T | None = self._cache.get(self._key, what)
        if found is not None:
            again: T = _sent(found, self._device)
            return again
        made = make()
        # Cached on the CPU: between two frames the GPU belongs to the artist.
        self._cache.put(self._key, what, _sent(made, "cpu"))
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
