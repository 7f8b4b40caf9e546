"""One table holds what is tuned about shots; elsewhere stand only numbers of other kinds."""

from __future__ import annotations

import ast
from dataclasses import fields
from pathlib import Path

from dmp_engine.dmp.temporal import parameters

FOLDER = Path(parameters.__file__).parent
UNITS = {"encoded", "px@320", "px", "px, 1", "nat", "1"}
# Of the published methods, guards against division by zero, and what a table cannot hold: the
# numbers of passes, frames and pixels of a window.
OTHERS = {
    "laplacian.py": {"EPSILON", "FIREFLY", "TOLERANCE", "ITERATIONS"},
    "smooth_foreground.py": {"REGULARITY", "SWEEPS_COARSE", "SWEEPS_FINE", "COARSE_SIDE"},
    "neighbours.py": {"REFERENCE_SIDE", "REACH", "PASSES", "SOLVED", "FEW"},
    "fusion.py": {"REFERENCE_SIDE", "ELSEWHERE", "TRACE"},
    "triangulation.py": {"FLOOR", "GRAIN", "TINY"},
}


def test_each_row_states_its_unit_its_meaning_and_where_it_was_chosen() -> None:
    for row in fields(parameters.ShotParameters):
        assert row.metadata["unit"] in UNITS, row.name
        assert row.metadata["meaning"] and row.metadata["chosen"], row.name


def test_no_other_number_is_tuned_here() -> None:
    found = {}
    for file in sorted(FOLDER.glob("*.py")):
        names = set()
        for node in ast.parse(file.read_text(encoding="utf-8")).body:
            if isinstance(node, ast.Assign):
                names |= {
                    n.id for n in ast.walk(node) if isinstance(n, ast.Name) and n.id.isupper()
                }
        if names - {"SHOT"}:
            found[file.name] = names - {"SHOT"}
    assert found == OTHERS
