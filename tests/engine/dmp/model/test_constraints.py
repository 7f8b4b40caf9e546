"""The artist's mattes at a smaller size."""

from __future__ import annotations

import torch

from dmp_engine.dmp.model.constraints import EMPTY, OPAQUE, SOLVE, UNKNOWN, shrunk


def test_a_smaller_constraint_is_decided_only_where_its_whole_area_is() -> None:
    constraint = torch.full((1, 1, 4, 8), UNKNOWN)
    constraint[..., :5], constraint[..., 6:] = EMPTY, OPAQUE
    assert shrunk(constraint, (2, 4))[0, 0, 0].tolist() == [EMPTY, EMPTY, UNKNOWN, OPAQUE]
    constraint[..., 1:4] = SOLVE  # two pixels of three: more than half
    assert shrunk(constraint, (2, 4))[0, 0, 0].tolist() == [UNKNOWN, SOLVE, UNKNOWN, OPAQUE]
    assert shrunk(constraint, (4, 8)) is constraint
