"""The tiles of a plate that hold undecided pixels: work that follows them, not the plate.

A map (C, H, W) becomes (C, T, side, side), T tiles of one size. Neighbouring pixels across two
tiles stay neighbours; beyond the tiles there is nothing (weights there are 0).
"""

from __future__ import annotations

from copy import copy

import torch
from torch import Tensor
from torch.nn import functional

SIDE = 32


class Tiles:
    """The tiles that touch a mask (H, W)."""

    def __init__(self, mask: Tensor) -> None:
        self.side = SIDE
        self.height, self.width = mask.shape
        self._down, self._across = -(-self.height // SIDE), -(-self.width // SIDE)
        wanted = functional.max_pool2d(self._padded(mask[None].float())[None], SIDE)[0, 0] > 0
        at = wanted.nonzero()
        self.count = len(at)
        number = torch.full((self._down + 2, self._across + 2), self.count, device=mask.device)
        y, x = at[:, 0] + 1, at[:, 1] + 1
        number[y, x] = torch.arange(self.count, device=mask.device)
        self._flat = at[:, 0] * self._across + at[:, 1]
        # Of each side: the number of the tile there, and which tiles have one, (T, 1, 1).
        self._beside = {
            side: (beside.clamp_max(max(self.count - 1, 0)), (beside < self.count)[:, None, None])
            for side, beside in (
                ("right", number[y, x + 1]), ("left", number[y, x - 1]),
                ("below", number[y + 1, x]), ("above", number[y - 1, x]),
            )
        }  # fmt: skip

    def with_side(self, side: int) -> Tiles:
        """The same tiles on a coarser grid, ``side`` pixels each."""
        tiles = copy(self)
        tiles.side = side
        tiles.height, tiles.width = self._down * side, self._across * side
        return tiles

    def take(self, x: Tensor) -> Tensor:
        """(C, H, W) as tiles; what a tile has beyond the plate repeats its border."""
        grid = self._padded(x).view(len(x), self._down, self.side, self._across, self.side)
        rows = grid.permute(1, 3, 0, 2, 4).flatten(0, 1)[self._flat]
        return rows.transpose(0, 1).contiguous()

    def put(self, tiles: Tensor, into: Tensor) -> Tensor:
        """``into`` (C, H, W) with the tiles in their places."""
        channels = len(into)
        grid = self._padded(into).view(channels, self._down, self.side, self._across, self.side)
        rows = grid.permute(1, 3, 0, 2, 4).flatten(0, 1)
        rows[self._flat] = tiles.transpose(0, 1)
        grid = rows.view(self._down, self._across, channels, self.side, self.side).permute(
            2, 0, 3, 1, 4
        )
        return grid.reshape(channels, self._down * self.side, -1)[:, : self.height, : self.width]

    def ties(self) -> tuple[Tensor, Tensor]:
        """Whether a pixel has a right and a lower neighbour among the tiles, (T, side, side)."""
        across = torch.ones(self.count, self.side, self.side, device=self._flat.device)
        down = across.clone()
        across[:, :, -1:] = self._has("right")
        down[:, -1:] = self._has("below")
        return across, down

    def ties_back(self, across: Tensor, down: Tensor) -> tuple[Tensor, Tensor]:
        """The weights of the left and of the upper neighbour's ties to a pixel."""
        left, above = self.left_of(across), self.above_of(down)
        left[:, :, :1] *= self._has("left")
        above[:, :1] *= self._has("above")
        return left, above

    def right_of(self, x: Tensor) -> Tensor:
        """Each pixel's right neighbour of (..., T, side, side); its own value if there is none."""
        edge = self._edge(x[..., :, :1], x[..., :, -1:], "right")
        return torch.cat([x[..., 1:], edge], -1)

    def left_of(self, x: Tensor) -> Tensor:
        edge = self._edge(x[..., :, -1:], x[..., :, :1], "left")
        return torch.cat([edge, x[..., :-1]], -1)

    def below_of(self, x: Tensor) -> Tensor:
        edge = self._edge(x[..., :1, :], x[..., -1:, :], "below")
        return torch.cat([x[..., 1:, :], edge], -2)

    def above_of(self, x: Tensor) -> Tensor:
        edge = self._edge(x[..., -1:, :], x[..., :1, :], "above")
        return torch.cat([edge, x[..., :-1, :]], -2)

    def mean_of_nine(self, x: Tensor) -> Tensor:
        """Mean over 3 x 3 pixels."""
        rows = self.above_of(x) + x + self.below_of(x)
        return (self.left_of(rows) + rows + self.right_of(rows)) / 9

    def _has(self, side: str) -> Tensor:
        """1 for a tile that has one at that side, 0 for another, (T, 1, 1)."""
        return self._beside[side][1].float()

    def _edge(self, theirs: Tensor, own: Tensor, side: str) -> Tensor:
        number, there = self._beside[side]
        return torch.where(there, theirs.index_select(-3, number), own)

    def _padded(self, x: Tensor) -> Tensor:
        bottom, right = self._down * self.side - self.height, self._across * self.side - self.width
        return functional.pad(x[None], [0, right, 0, bottom], mode="replicate")[0]
