"""Sparse matrices times a few vectors, with the same bits on every run.

On a GPU torch's own sparse products and `index_add_` sum in an order that changes from run to run,
and a matte would change with it. Here each row is summed by itself, from its first entry to its
last: `embedding_bag`, which gathers rows of x, weighs them and adds them up. On a CPU torch's own
product has a fixed order too, and for double, where `embedding_bag` has no kernel of its own, is
seven times as fast.
"""

from __future__ import annotations

import warnings
from dataclasses import dataclass, replace
from functools import cached_property

import torch
from torch import Tensor
from torch.nn import functional


@dataclass(frozen=True)
class SparseRows:
    """A matrix (R, C) by rows: the entries of row r lie from ``starts[r]`` to ``starts[r + 1]``."""

    starts: Tensor  # (R + 1,), int
    columns: Tensor  # (E,), int
    values: Tensor  # (E,), float
    width: int  # C

    @classmethod
    def of(cls, per_row: Tensor, columns: Tensor, values: Tensor, width: int) -> SparseRows:
        """From the number of entries of each row (R,), and the entries (E,) row by row."""
        starts = torch.cat([per_row.new_zeros(1), per_row.cumsum(0)])
        kind = torch.int32 if max(len(columns), width) < 1 << 31 else torch.int64
        return cls(starts.to(kind), columns.to(kind), values, width)

    @classmethod
    def summed(
        cls, rows: Tensor, columns: Tensor, values: Tensor, size: tuple[int, int]
    ) -> SparseRows:
        """From entries (E,) in any order; those of one place are added up."""
        place, order = (rows * size[1] + columns).sort(stable=True)
        place, counts = torch.unique_consecutive(place, return_counts=True)
        sums = cls.of(counts, order, torch.ones_like(values), len(values)) @ values[:, None]
        per_row = torch.bincount(place // size[1], minlength=size[0])
        return cls.of(per_row, place % size[1], sums[:, 0], size[1])

    def __matmul__(self, x: Tensor) -> Tensor:
        """The product with ``x`` (C, S): (R, S)."""
        if x.dtype == torch.double and x.device.type == "cpu":
            product: Tensor = self._csr @ x
            return product
        return self.row_by_row(x)

    def row_by_row(self, x: Tensor) -> Tensor:
        """The same product; each row from its first entry to its last."""
        product: Tensor = functional.embedding_bag(
            self.columns,
            x.contiguous(),
            self.starts,
            mode="sum",
            per_sample_weights=self.values,
            include_last_offset=True,
        )
        return product

    @cached_property
    def _csr(self) -> Tensor:
        size = (len(self.starts) - 1, self.width)
        with warnings.catch_warnings():  # torch warns once that CSR is in beta
            warnings.simplefilter("ignore", UserWarning)
            return torch.sparse_csr_tensor(
                self.starts, self.columns, self.values, size, check_invariants=False
            )

    @property
    def transposed(self) -> SparseRows:
        """(C, R), the entries of each row in the order of this matrix's rows."""
        rows = len(self.starts) - 1
        row = torch.repeat_interleave(
            torch.arange(rows, device=self.starts.device), self.starts.diff()
        )
        column, order = self.columns.long().sort(stable=True)
        per_column = torch.bincount(column, minlength=self.width)
        return SparseRows.of(per_column, row[order], self.values[order], rows)

    def sums_of_squares(self) -> Tensor:
        """Of each row's entries: (R,)."""
        squares = replace(self, values=self.values.square())
        return (squares @ self.values.new_ones(self.width, 1))[:, 0]
