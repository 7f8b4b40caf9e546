"""The artist's mattes as constraints of alpha; plates/io/user_mattes.py makes them of files."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn import functional

# Values of a constraint: alpha is 0; is 1; nothing is known; is solved whatever the pair shows.
EMPTY, OPAQUE, UNKNOWN, SOLVE = 0.0, 1.0, 0.5, 0.25
WHOLE = 0.999  # of a smaller pixel's area that must be constrained alike


@dataclass(frozen=True)
class Constraints:
    """Masks (H, W): alpha is 0, alpha is 1, or alpha must be solved whatever the pair shows."""

    empty: Tensor
    opaque: Tensor
    undecided: Tensor

    @classmethod
    def of_mattes(
        cls, constraint: Tensor | None, size: tuple[int, int], like: Tensor
    ) -> Constraints:
        """From ``constraint`` (1, 1, H, W), values as named above, at ``size``.

        Mattes of a larger plate constrain a pixel only where they constrain its whole area alike.
        """
        if constraint is None:
            none = torch.zeros(size, dtype=torch.bool, device=like.device)
            return cls(none, none, none)
        small = shrunk(constraint, size)[0, 0]
        return cls(small == EMPTY, small == OPAQUE, small == SOLVE)


def shrunk(constraint: Tensor, size: tuple[int, int]) -> Tensor:
    """``constraint`` (T, 1, H, W) at a smaller ``size``; see :meth:`Constraints.of_mattes`."""
    if constraint.shape[-2:] == size:
        return constraint
    small = torch.full((*constraint.shape[:2], *size), UNKNOWN).to(constraint)
    for value, share in ((SOLVE, 0.5), (OPAQUE, WHOLE), (EMPTY, WHOLE)):
        of_area = functional.interpolate((constraint == value).float(), size, mode="area")
        small = torch.where(of_area > share, value, small)
    return small


def undecided(constraint: Tensor) -> Tensor:
    """Where the artist leaves alpha to the solve: UNKNOWN and SOLVE, in any shape."""
    return (constraint != EMPTY) & (constraint != OPAQUE)


def apply_constraint(layer: Tensor, constraint: Tensor | None) -> Tensor:
    """``layer``, an alpha or a trimap, with the constrained pixels at exactly 0 and 1.

    Shapes (T, 1, H, W); all of ``layer`` where ``constraint`` is None.
    """
    return layer if constraint is None else torch.where(undecided(constraint), layer, constraint)


def without_solve(constraint: Tensor | None) -> Tensor | None:
    """``constraint`` for a solver that cannot reopen what the pair decides."""
    if constraint is None:
        return None
    return torch.where(constraint == SOLVE, UNKNOWN, constraint)
