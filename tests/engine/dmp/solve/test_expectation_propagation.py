"""Moments of one pixel's factors, against integration on a grid."""

from __future__ import annotations

import math

import pytest
import torch

from dmp_engine.dmp.evidence.colour_mixture import ColourMixture
from dmp_engine.dmp.model.parameters import PARAMETERS
from dmp_engine.dmp.solve.expectation_propagation import Cavity, Sites, tilt


def normal(x: torch.Tensor, mean: float, variance: float) -> torch.Tensor:
    return torch.exp(-((x - mean) ** 2) / (2 * variance)) / math.sqrt(2 * math.pi * variance)


@pytest.mark.parametrize("prior", [(0.1, 0.8, 0.1), (0.7, 0.2, 0.1)])
def test_tilted_moments_are_those_of_the_product(prior: tuple[float, float, float]) -> None:
    alphas, variances, weights = [0.4, 0.7], [0.0004, 0.0009], [0.5, 1.5]
    mean, variance = 0.5, 0.03
    zero, one = -1.0, -2.0
    like = ColourMixture(
        torch.tensor([weights]).log(),
        torch.tensor([alphas]),
        torch.tensor([variances]),
        torch.tensor([zero]),
        torch.tensor([one]),
        torch.tensor([0.99]),  # F would leave the cube: the uniform part weighs nothing
    )
    found = tilt(
        like,
        Cavity(torch.tensor([mean]), torch.tensor([variance])),
        torch.tensor(prior)[:, None].log(),
        PARAMETERS,
    )
    x = torch.linspace(0.0005, 0.9995, 20001, dtype=torch.double)
    beta = 1 / (math.pi * torch.sqrt(x * (1 - x)))
    inside = sum(w * normal(x, a, v) for w, a, v in zip(weights, alphas, variances, strict=True))
    inside = inside * normal(x, mean, variance) * beta * prior[1]
    step = float(x[1] - x[0])
    between = float(inside.sum()) * step
    at = torch.tensor([0.0, 1.0], dtype=torch.double)
    ends = normal(at, mean, variance) * torch.tensor(
        [prior[0] * math.exp(zero), prior[2] * math.exp(one)]
    )
    total = between + float(ends.sum())
    exact = (float((inside * x).sum()) * step + float(ends[1])) / total
    second = (float((inside * x * x).sum()) * step + float(ends[1])) / total
    assert abs(float(found.zero) - float(ends[0]) / total) < 0.03
    assert abs(float(found.mean) - exact) < 0.02
    assert abs(float(found.variance) - (second - exact**2)) < 0.1 * (second - exact**2)


def test_a_site_gives_back_the_moments() -> None:
    cavity = Cavity(torch.tensor([0.3]), torch.tensor([0.05]))
    like = ColourMixture(*(torch.tensor([[x]]) for x in (0.0, 0.6, 0.001)), *[torch.zeros(1)] * 3)
    tilted = tilt(like, cavity, torch.tensor([[1e-9], [1.0], [1e-9]]).log(), PARAMETERS)
    tau, h = Sites().update(tilted, cavity, 0.7)
    precision = tau + 1 / cavity.variance
    assert torch.allclose(1 / precision, tilted.variance, rtol=1e-3)
    mean = (tau * h + cavity.mean / cavity.variance) / precision
    assert torch.allclose(mean, tilted.mean, atol=1e-3)
