"""Whole mattes against the truth: no error is more than 1.1 times the committed one.

benchmarks/bundled.py makes the committed results, and what is measured here is the same.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest
import torch

from dmp_engine.dmp.solve.frame import solve
from dmp_engine.dmp.steps import Solution
from dmp_matting.generators import finish
from dmp_matting.presets import preset

from ...scripts import ROOT, load_script

WORSE = 1.1  # times the committed error that is still no worse: processors differ
PIXEL = 2e-5  # of the core or the outside: a pixel of them


bundled = load_script("benchmarks/bundled.py")
COMMITTED = json.loads((ROOT / "benchmarks" / "results" / "bundled.json").read_text())["errors"]


@pytest.fixture(scope="module")
def items() -> dict[str, Any]:
    return bundled.items()


@pytest.mark.parametrize("name", bundled.PRESETS)
@pytest.mark.parametrize("item", bundled.ITEMS)
def test_no_error_is_larger_than_the_committed_one(
    items: dict[str, Any], item: str, name: str
) -> None:
    committed = COMMITTED[item][name]
    measured = bundled.errors(items[item], name)
    assert set(measured) == set(committed)
    larger = {k: (v, committed[k]) for k, v in measured.items() if v > WORSE * committed[k] + PIXEL}
    assert not larger


def test_final_is_better_than_draft() -> None:
    for item in bundled.ITEMS:
        assert COMMITTED[item]["final"]["sad"] < 0.93 * COMMITTED[item]["draft"]["sad"]


@pytest.mark.parametrize("name", bundled.PRESETS)
def test_layers_over_the_clean_plate_are_the_plate(
    furball: Callable[[int], Any], lemur: Any, name: str
) -> None:
    """Premultiplied + (1 - alpha) B = I, highlights too: no network takes them for hair."""
    for truth, away in ((lemur, 5e-4), (furball(1001), 5e-4)):
        settings = preset(name).changed(device="cpu")
        solution: Solution = finish(solve(truth.image, truth.clean, settings, linear=truth.linear))
        assert solution.premultiplied is not None
        again = solution.premultiplied + (1 - solution.alpha) * truth.clean
        assert (again - truth.image).abs().mean() < away
        lit = truth.image > 5
        assert torch.allclose(again[lit], truth.image[lit], rtol=0.02)
