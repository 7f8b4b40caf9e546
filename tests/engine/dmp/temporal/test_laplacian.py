"""The matting Laplacian beside pymatting's, its solve beside scipy's, and what both do on fur."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import scipy.sparse
import scipy.sparse.linalg
import torch
from torch import Tensor

from dmp_engine.dmp.model.morphology import dilate
from dmp_engine.dmp.temporal import laplacian as room
from dmp_engine.dmp.temporal.laplacian import MattingLaplacian

cf_laplacian = pytest.importorskip("pymatting").cf_laplacian


def array(image: Tensor) -> np.ndarray:
    return image[0].permute(1, 2, 0).double().numpy()


def dense(matrix: MattingLaplacian) -> np.ndarray:
    return (matrix._inner @ torch.eye(matrix.count, dtype=torch.double)).numpy()


def trimap(truth: Any) -> Tensor:
    soft = dilate((truth.alpha > 0) & (truth.alpha < 1), 2)
    return torch.where(soft, 0.5, truth.alpha)


def peer(image: Tensor) -> scipy.sparse.csr_matrix:
    """pymatting's L with the epsilon that ours has for this image."""
    brightness = float(image.double().square().mean().clamp(1e-4, 1.0))
    return cf_laplacian(array(image), epsilon=room.EPSILON * brightness).tocsr()


def test_it_is_pymattings_matrix(fur: Any) -> None:
    small = fur.cut(10, 20, 24, 30)
    everywhere = torch.ones_like(small.alpha, dtype=torch.bool)
    ours, theirs = dense(MattingLaplacian(small.image, everywhere)), peer(small.image).toarray()
    np.testing.assert_allclose(ours, theirs, atol=1e-3)  # nearly flat windows: ill-conditioned
    assert np.abs(ours - theirs).mean() < 1e-7
    np.testing.assert_allclose(ours, ours.T, atol=1e-3)


def test_a_part_is_that_part_of_the_whole(fur: Any) -> None:
    small = fur.cut(10, 20, 24, 30)
    part = (small.alpha > 0.02) & (small.alpha < 0.98)
    inside = part.flatten().numpy()
    assert 0.04 < inside.mean() < 0.9
    ours = dense(MattingLaplacian(small.image, part))
    np.testing.assert_allclose(ours, peer(small.image).toarray()[np.ix_(inside, inside)], atol=1e-3)


def test_its_rows_add_up_to_nothing_and_it_is_never_negative(fur: Any) -> None:
    small = fur.cut(10, 20, 24, 30)
    everywhere = torch.ones_like(small.alpha, dtype=torch.bool)
    ours = dense(MattingLaplacian(small.image, everywhere))
    assert np.abs(ours.sum(1)).max() < 1e-6
    assert np.linalg.eigvalsh((ours + ours.T) / 2).min() > -1e-6


def test_the_solve_is_scipys(fur: Any) -> None:
    start = trimap(fur)
    unknown = (start == 0.5)[0, 0].numpy().ravel()
    generator = torch.Generator().manual_seed(1)
    weight = 0.02 * torch.rand(start.shape, generator=generator)
    target = torch.rand(start.shape, generator=generator)
    ours = MattingLaplacian(fur.image, start == 0.5).solve(start, weight, target)

    whole = peer(fur.image)
    pull = weight.flatten().double().numpy()[unknown]
    known = start.flatten().double().numpy()
    right = pull * target.flatten().double().numpy()[unknown]
    right -= whole[unknown][:, ~unknown] @ known[~unknown]
    system = whole[unknown][:, unknown] + scipy.sparse.diags(pull)
    expected = known.copy()
    expected[unknown] = scipy.sparse.linalg.spsolve(system.tocsc(), right).clip(0, 1)
    np.testing.assert_allclose(ours.flatten().numpy(), expected, atol=2e-3)


def test_decided_pixels_stay_and_the_hair_is_found(lemur: Any) -> None:
    """Closed-form matting with a trimap cut from the truth: decided pixels stay, hair is found."""
    start = trimap(lemur)
    nothing = torch.zeros_like(start)
    found = MattingLaplacian(lemur.image, start == 0.5).solve(start, nothing, nothing)
    decided = start != 0.5
    assert torch.equal(found[decided], start[decided])
    assert found.min() >= 0 and found.max() <= 1
    before = (start - lemur.alpha).abs().sum() / 1000
    after = (found - lemur.alpha).abs().sum() / 1000
    assert after < 0.4 * before
    assert after < 1.25


def test_a_strong_pull_wins(fur: Any) -> None:
    start = trimap(fur)
    target = fur.alpha
    found = MattingLaplacian(fur.image, start == 0.5).solve(
        start, torch.full_like(start, 1e4), target
    )
    assert (found - target).abs().max() < 2e-3


def test_a_plate_in_stops_is_a_plate_in_stops(furball: Any) -> None:
    """Five stops down, the same alpha: epsilon goes with the brightness."""
    truth = furball(1001).cut(60, 90, 64, 80)
    start = trimap(truth)
    nothing = torch.zeros_like(start)
    image = truth.image * (0.9 / float(truth.image.double().square().mean().sqrt()))
    plain, dark = (
        MattingLaplacian(image * gain, start == 0.5).solve(start, nothing, nothing)
        for gain in (1.0, 1 / 32)
    )
    assert (plain - dark).abs().max() < 5e-3


def test_nothing_undecided_is_nothing_to_solve(fur: Any) -> None:
    none = torch.zeros_like(fur.alpha, dtype=torch.bool)
    matrix = MattingLaplacian(fur.image, none)
    assert torch.equal(matrix.solve(fur.alpha, fur.alpha, fur.alpha), fur.alpha)


@pytest.mark.parametrize("seed", range(8))
def test_a_firefly_makes_no_window_singular(seed: int) -> None:
    """The largest half before one flat grey: its windows' colours lie on one line, exactly."""
    generator = torch.Generator().manual_seed(seed)
    image = (torch.rand(1, generator=generator) * 0.3).half().float().expand(1, 3, 8, 8).clone()
    row, column = torch.randint(0, 8, (2,), generator=generator).tolist()
    image[0, :, row, column] = 65504.0
    everywhere = torch.ones(1, 1, 8, 8, dtype=torch.bool)
    alpha = torch.rand(1, 1, 8, 8, generator=generator)
    matrix = MattingLaplacian(image, everywhere)
    assert np.isfinite(dense(matrix)).all()
    assert torch.isfinite(matrix.solve(alpha, torch.full_like(alpha, 0.01), alpha)).all()
