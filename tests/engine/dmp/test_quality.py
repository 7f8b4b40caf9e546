"""Whole mattes against the truth: the bars that `draft` and `final` hold on real plates.

The bars are looser than what is measured today (docs and benchmarks have those figures).
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
import torch
from torch import Tensor

from dmp_engine.dmp.solve.frame import solve
from dmp_engine.dmp.steps import Solution
from dmp_engine.evaluation.metrics import core_solidity, mse, outside_cleanliness, sad
from dmp_matting.generators import finish
from dmp_matting.presets import preset


def solved(truth: Any, name: str) -> Solution:
    settings = preset(name).changed(device="cpu")
    solving = solve(truth.image, truth.clean, settings, linear=truth.linear)
    return finish(solving)


def flat(x: Tensor) -> Any:
    return x[0, 0].numpy()


def colour_error(solution: Solution, truth: Any) -> float:
    """Mean |F - F*|, weighed by the true alpha."""
    away = (solution.foreground - truth.foreground).abs().mean(1, keepdim=True)
    return float((truth.alpha * away).sum() / truth.alpha.sum())


def rebuilt(solution: Solution, truth: Any) -> Tensor:
    """The layers over the clean plate."""
    assert solution.premultiplied is not None
    return solution.premultiplied + (1 - solution.alpha) * truth.clean


@pytest.mark.parametrize(("name", "bar"), [("draft", 0.41), ("final", 0.33)])
def test_lemur(lemur: Any, name: str, bar: float) -> None:
    solution = solved(lemur, name)
    alpha, truth = flat(solution.alpha), flat(lemur.alpha)
    assert sad(alpha, truth) < bar
    assert mse(alpha, truth) < 1.3e-3
    assert core_solidity(alpha, truth) > 0.99
    assert outside_cleanliness(alpha, truth) > 0.995
    assert colour_error(solution, lemur) < 0.005
    assert (rebuilt(solution, lemur) - lemur.image).abs().mean() < 5e-4


@pytest.mark.parametrize(("name", "bar"), [("draft", 0.95), ("final", 0.8)])
def test_furball(furball: Callable[[int], Any], name: str, bar: float) -> None:
    truth = furball(1001)
    solution = solved(truth, name)
    alpha, exact = flat(solution.alpha), flat(truth.alpha)
    assert sad(alpha, exact) < bar
    assert mse(alpha, exact) < 4e-3
    assert core_solidity(alpha, exact) > 0.98
    assert colour_error(solution, truth) < 0.05
    assert outside_cleanliness(alpha, exact) > 0.99
    lit = truth.image > 5
    assert torch.allclose(rebuilt(solution, truth)[lit], truth.image[lit], rtol=0.01)
