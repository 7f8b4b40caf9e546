"""The Gaussian's matrix against the matting Laplacian, its solves and its marginal variances."""

from __future__ import annotations

from typing import Any

import torch

from dmp_engine.dmp.evidence.background_texture import TextureWindows
from dmp_engine.dmp.model.encoding import Encoding
from dmp_engine.dmp.model.pair import Pair
from dmp_engine.dmp.model.parameters import PARAMETERS
from dmp_engine.dmp.model.white_noise import WhiteNoise
from dmp_engine.dmp.solve.matting_operator import MattingOperator
from dmp_engine.dmp.temporal.laplacian import MattingLaplacian


def operator_of(truth: Any, textured: bool) -> tuple[MattingOperator, torch.Tensor, torch.Tensor]:
    truth = truth.cut(8, 16, 24, 24)
    pair = Pair.of(
        truth.image,
        truth.clean,
        Encoding.of_pair(truth.image, truth.clean, False),
        PARAMETERS,
    )
    alpha = truth.alpha[0, 0]
    undecided = torch.zeros_like(alpha, dtype=torch.bool)
    undecided[6:18, 6:18] = True
    windows = TextureWindows.of_pair(pair, PARAMETERS) if textured else None
    return MattingOperator.of_pair(pair, undecided, alpha, windows, PARAMETERS), undecided, alpha


def dense(operator: MattingOperator, tau: torch.Tensor) -> torch.Tensor:
    return operator._times(tau, torch.eye(len(tau))).double()


def test_the_solution_is_the_laplacians(tiny: Any) -> None:
    operator, undecided, alpha = operator_of(tiny, textured=False)
    tau = torch.full((144,), 0.5)
    x = operator.solve(tau, (operator.fixed + 0.3 * tau)[:, None], torch.zeros(144, 1))[:, 0]
    image = tiny.cut(8, 16, 24, 24).image
    laplacian = MattingLaplacian(image, undecided[None, None])
    weight = torch.full_like(alpha, 0.5 / PARAMETERS.coupling)[None, None]
    expected = laplacian.solve(alpha[None, None], weight, torch.full_like(weight, 0.3))
    exact = expected[0, 0][undecided]
    inside = (exact > 0.01) & (exact < 0.99)  # the other one clamps
    assert inside.sum() > 10
    assert (x - exact)[inside].abs().max() < 0.01


def test_the_matrix_is_symmetric_and_positive(tiny: Any) -> None:
    operator, _, _ = operator_of(tiny, textured=True)
    matrix = dense(operator, torch.full((144,), 0.1))
    assert (matrix - matrix.T).abs().max() < 1e-4
    assert torch.linalg.eigvalsh(matrix).min() > 0.05
    assert torch.allclose(matrix.diagonal(), operator.diagonal.double() + 0.1, atol=1e-4)


def test_perturbations_give_the_marginal_variance(tiny: Any) -> None:
    operator, _, _ = operator_of(tiny, textured=True)
    tau = torch.full((144,), 2.0)
    draws = operator.draw(1500, WhiteNoise(0))
    right = operator.perturbations(tau, draws)
    drawn = torch.linalg.solve(dense(operator, tau), right.double()).square().mean(1)
    exact = torch.linalg.inv(dense(operator, tau)).diagonal()
    assert (drawn / exact - 1).abs().mean() < 0.05
