"""The artist's mattes as one constraint: what each decides, and which wins where two contradict."""

from __future__ import annotations

from itertools import product

import numpy as np
import pytest

from dmp_engine.plates.io.user_mattes import apply_constraint, constraint_of
from dmp_matting.job import MATTES, Role

# value of a matte -> what it says
SAYS = {
    Role.GARBAGE: {0.0: 0, 0.49: 0, 0.5: 0.5, 1.0: 0.5},
    Role.HOLDOUT: {0.0: 0.5, 0.5: 0.5, 0.51: 0, 1.0: 0},
    Role.CORE: {0.0: 0.5, 0.5: 0.5, 0.51: 1, 1.0: 1},
    Role.TRIMAP: {0.0: 0, 0.02: 0, 0.03: 0.25, 0.5: 0.25, 0.97: 0.25, 0.98: 1, 1.0: 1},
}
STRONGEST_FIRST = (Role.GARBAGE, Role.HOLDOUT, Role.CORE, Role.TRIMAP)


def constraint(**values: float) -> float:
    """The hint of one pixel."""
    mattes = {Role(name): np.full((1, 1), value, np.float32) for name, value in values.items()}
    found = constraint_of(mattes)
    assert found is not None and found.dtype == np.float32
    return float(found[0, 0])


def test_every_matte_is_known() -> None:
    assert set(SAYS) == set(STRONGEST_FIRST) == set(MATTES)
    assert constraint_of({}) is None


@pytest.mark.parametrize("role", MATTES)
def test_what_a_matte_constrains(role: Role) -> None:
    for value, meant in SAYS[role].items():
        assert constraint(**{role.value: value}) == meant, value


def test_the_strongest_matte_decides() -> None:
    for values in product(*(SAYS[role] for role in STRONGEST_FIRST)):
        meant = [SAYS[role][value] for role, value in zip(STRONGEST_FIRST, values, strict=True)]
        expected = next((one for one in meant if one != 0.5), 0.5)
        by_name = {r.value: v for r, v in zip(STRONGEST_FIRST, values, strict=True)}
        assert constraint(**by_name) == expected, by_name


def test_the_artists_word_is_the_last() -> None:
    alpha = np.array([[0.3, 0.3, 0.3]], np.float32)
    assert apply_constraint(alpha, None) is alpha
    hints = np.array([[0, 0.5, 1]], np.float32)
    assert apply_constraint(alpha, hints).tolist() == [[0, np.float32(0.3), 1]]
