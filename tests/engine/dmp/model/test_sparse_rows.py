"""Sparse products against dense ones; each row in its own order."""

from __future__ import annotations

import pytest
import torch

from dmp_engine.dmp.model.sparse_rows import SparseRows
from dmp_engine.dmp.model.white_noise import WhiteNoise

ROWS, COLUMNS, ENTRIES = 7, 5, 60


@pytest.fixture(params=[torch.float32, torch.float64])
def entries(request: pytest.FixtureRequest) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
    """Rows, columns and values; many of one place, none in the last row."""
    random = torch.Generator().manual_seed(0)
    rows = torch.randint(ROWS - 1, (ENTRIES,), generator=random)
    columns = torch.randint(COLUMNS, (ENTRIES,), generator=random)
    return rows, columns, torch.randn(ENTRIES, generator=random).to(request.param)


def dense(rows: torch.Tensor, columns: torch.Tensor, values: torch.Tensor) -> torch.Tensor:
    matrix = torch.zeros(ROWS, COLUMNS, dtype=values.dtype)
    return matrix.index_put_((rows, columns), values, accumulate=True)


def test_products_are_those_of_the_dense_matrix(
    entries: tuple[torch.Tensor, torch.Tensor, torch.Tensor],
) -> None:
    expected = dense(*entries)
    matrix = SparseRows.summed(*entries, (ROWS, COLUMNS))
    assert len(matrix.values) == int((expected != 0).sum()) < ENTRIES  # one entry a place
    x, y = torch.randn(COLUMNS, 3).to(expected.dtype), torch.randn(ROWS, 2).to(expected.dtype)
    assert torch.allclose(matrix @ x, expected @ x, atol=1e-5)
    assert torch.allclose(matrix.row_by_row(x), expected @ x, atol=1e-5)
    assert torch.allclose(matrix.transposed @ y, expected.T @ y, atol=1e-5)
    assert torch.allclose(matrix.sums_of_squares(), expected.square().sum(1), atol=1e-5)
    assert ((matrix @ x)[-1] == 0).all()


def test_a_matrix_without_entries_or_rows() -> None:
    none = torch.zeros(0, dtype=torch.long)
    empty = SparseRows.summed(none, none, torch.zeros(0), (ROWS, COLUMNS))
    assert torch.equal(empty @ torch.ones(COLUMNS, 2), torch.zeros(ROWS, 2))
    nothing = SparseRows.summed(none, none, torch.zeros(0), (0, COLUMNS))
    assert (nothing @ torch.ones(COLUMNS, 2)).shape == (0, 2)
    assert torch.equal(nothing.transposed @ torch.ones(0, 2), torch.zeros(COLUMNS, 2))


def test_white_noise_goes_on_and_depends_on_the_seed() -> None:
    noise, again, other = WhiteNoise(3), WhiteNoise(3), WhiteNoise(4)
    first, second = (noise.draw((50, 40), torch.device("cpu")) for _ in range(2))
    assert torch.equal(first, again.draw((50, 40), torch.device("cpu")))
    assert not torch.equal(first, second)
    assert not torch.equal(first, other.draw((50, 40), torch.device("cpu")))
    assert abs(float(first.mean())) < 0.1 and abs(float(first.std()) - 1) < 0.1
