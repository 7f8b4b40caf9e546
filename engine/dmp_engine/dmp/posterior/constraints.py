"""The artist's mattes as constraints of the posterior."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn import functional

WHOLE = 0.999  # of a smaller pixel's area that must be constrained alike


@dataclass(frozen=True)
class Constraints:
    """Masks (H, W): alpha is 0, alpha is 1, or alpha must be solved whatever the pair shows."""

    empty: Tensor
    opaque: Tensor
    undecided: Tensor

    @classmethod
    def of_mattes(
        cls, hint: Tensor | None, undecided: Tensor | None, size: tuple[int, int], like: Tensor
    ) -> Constraints:
        """From ``hint`` (1, 1, H, W), 0 for empty, 1 for opaque, and a mask ``undecided``.

        ``size`` is that of the maps; mattes of a larger plate constrain a pixel only where they
        constrain its whole area alike.
        """
        none = torch.zeros(size, dtype=torch.bool, device=like.device)
        if hint is None:
            empty = opaque = none
        else:
            empty, opaque = _whole(hint == 0, size), _whole(hint == 1, size)
        solved = none if undecided is None else _whole(undecided, size, 0.5)
        return cls(empty, opaque, solved & ~empty & ~opaque)


def apply_constraints(alpha: Tensor, hint: Tensor | None) -> Tensor:
    """``alpha`` with the constrained pixels at exactly 0 and 1; shapes (1, 1, H, W)."""
    return alpha if hint is None else torch.where((hint == 0) | (hint == 1), hint, alpha)


def _whole(mask: Tensor, size: tuple[int, int], share: float = WHOLE) -> Tensor:
    if mask.shape[-2:] == size:
        return mask[0, 0]
    return functional.interpolate(mask.float(), size, mode="area")[0, 0] > share
