"""What a solver yields and returns (solve/frame.py), and its memo."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, fields, replace
from typing import Any, Protocol, TypeVar

from torch import Tensor

from dmp_matting.job import Stage

T = TypeVar("T")


class Memo(Protocol):
    """``memo(what, make)``: what ``make()`` returns, perhaps known from an earlier solve.

    Only for what depends on the pair, the settings and ``what``: never on the artist's mattes.
    """

    def __call__(self, what: str, make: Callable[[], T]) -> T: ...


def no_cache(what: str, make: Callable[[], T]) -> T:
    """Nothing is known from before."""
    return make()


@dataclass(frozen=True)
class Step:
    """One sign of life. ``fraction`` in [0, 1] of the whole; ``loss`` in encoded units.

    ``layers()`` is the current alpha (1, 1, h, w) and straight foreground
    (1, 3, h, w), maybe smaller than the plate; ``state()`` can be handed to
    :func:`solve` as ``start`` later. Both cost time only when called, and are
    None where there is nothing to show or to keep.
    """

    stage: Stage
    step: int
    steps: int
    fraction: float
    loss: float | None = None
    layers: Callable[[], tuple[Tensor, Tensor]] | None = None
    state: Callable[[], dict[str, Any]] | None = None


@dataclass(frozen=True)
class Solution:
    """Straight foreground (1, 3, H, W); all else (1, 1, H, W), the trimap of 0, 0.5, 1."""

    alpha: Tensor  # [0, 1]
    foreground: Tensor
    trimap: Tensor
    confidence: Tensor  # [0, 1]
    premultiplied: Tensor | None = None  # (1, 3, H, W); None where it is alpha times foreground
    variance: Tensor | None = None  # of alpha's posterior; None where there is none

    def each(self, change: Callable[[Tensor], Tensor]) -> Solution:
        """The same with other layers: cut, on another device."""
        layers = {each.name: getattr(self, each.name) for each in fields(self)}
        return replace(self, **{name: change(x) for name, x in layers.items() if x is not None})
