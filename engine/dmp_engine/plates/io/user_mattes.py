"""The artist's mattes of a frame as one constraint. No later file knows how many there are.

A constraint (H, W) is 0 where alpha is 0, 1 where alpha is 1, 0.5 where nothing is known, and
0.25 where alpha is solved even if the pair is certain. Written over each other in this order, so
that of two mattes which contradict each other the later one holds:

    trimap    black (to 2 %) is 0, white (from 98 %) is 1, grey is solved
    core      above one half: 1
    holdout   above one half: 0
    garbage   below one half: 0

A soft edge is cut at one half; exactly there the pixel stays undecided. Outside of its
file's data window a matte is black, as everywhere in compositing.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import numpy.typing as npt

from dmp_matting.job import Frame, Role

from .read import PlateImage, read_matte

Matte = npt.NDArray[np.float32]  # (H, W) in [0, 1]
Mask = npt.NDArray[np.bool_]

HALF, BLACK, WHITE = 0.5, 0.02, 0.98
UNKNOWN, SOLVE = 0.5, 0.25

IN_ORDER = (Role.TRIMAP, Role.CORE, Role.HOLDOUT, Role.GARBAGE)


def read_mattes(frame: Frame, like: PlateImage) -> dict[Role, Matte]:
    """The mattes that the frame has, over ``like``'s data window; raises as ``read_matte``."""
    found = ((role, frame.plate(role)) for role in IN_ORDER)
    return {role: read_matte(plate, like) for role, plate in found if plate is not None}


def constraint_of(mattes: Mapping[Role, Matte]) -> Matte | None:
    """What the mattes say together, or None where there is none."""
    constraint: Matte | None = None
    for role in IN_ORDER:
        if role in mattes:
            empty, opaque = _decided(role, mattes[role])
            constraint = (
                np.full(empty.shape, UNKNOWN, np.float32) if constraint is None else constraint
            )
            if role is Role.TRIMAP:
                constraint[...] = SOLVE
            constraint[opaque], constraint[empty] = 1, 0
    return constraint


def _decided(role: Role, matte: Matte) -> tuple[Mask, Mask]:
    """Where alpha is 0, and where 1, by one matte."""
    nowhere = np.zeros(matte.shape, bool)
    if role is Role.TRIMAP:
        return matte <= BLACK, matte >= WHITE
    if role is Role.CORE:
        return nowhere, matte > HALF
    return (matte > HALF if role is Role.HOLDOUT else matte < HALF), nowhere


def apply_constraint(alpha: Matte, constraint: Matte | None) -> Matte:
    """Alpha with the constrained pixels at exactly 0 and 1."""
    if constraint is None:
        return alpha
    return np.where(undecided(constraint), alpha, constraint)


def undecided(constraint: Matte) -> Mask:
    """Where the artist's mattes leave alpha to the solve."""
    result: Mask = (constraint != 0) & (constraint != 1)
    return result
