"""The artist's mattes at a smaller size."""

from __future__ import annotations

import torch

from dmp_engine.dmp.model.constraints import (
    EMPTY,
    OPAQUE,
    SOLVE,
    UNKNOWN,
    apply_constraint,
    shrunk,
    undecided,
)
from dmp_engine.plates.io import user_mattes


def test_a_smaller_constraint_is_decided_only_where_its_whole_area_is() -> None:
    constraint = torch.full((1, 1, 4, 8), UNKNOWN)
    constraint[..., :5], constraint[..., 6:] = EMPTY, OPAQUE
    assert shrunk(constraint, (2, 4))[0, 0, 0].tolist() == [EMPTY, EMPTY, UNKNOWN, OPAQUE]
    constraint[..., 1:4] = SOLVE  # two pixels of three: more than half
    assert shrunk(constraint, (2, 4))[0, 0, 0].tolist() == [UNKNOWN, SOLVE, UNKNOWN, OPAQUE]
    assert shrunk(constraint, (4, 8)) is constraint


def test_a_constraint_decides_what_is_empty_or_opaque_and_nothing_else() -> None:
    """Also SOLVE leaves alpha to the solve; files and tensors name the values alike."""
    constraint = torch.tensor([EMPTY, OPAQUE, UNKNOWN, SOLVE])
    alpha = torch.full_like(constraint, 0.7)
    assert apply_constraint(alpha, constraint).tolist() == [0, 1, alpha[0], alpha[0]]
    assert apply_constraint(alpha, None) is alpha
    assert undecided(constraint).tolist() == [False, False, True, True]
    assert (user_mattes.UNKNOWN, user_mattes.SOLVE) == (UNKNOWN, SOLVE)
