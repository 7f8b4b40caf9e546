"""Tiles against whole maps: what is cut comes back, neighbours stay neighbours."""

from __future__ import annotations

import torch

from dmp_engine.dmp.solve.edge_extension import extended
from dmp_engine.dmp.solve.tiles import SIDE, Tiles


def plate() -> torch.Tensor:
    return torch.rand(2, 75, 110, generator=torch.Generator().manual_seed(0))


def test_tiles_come_back_in_place() -> None:
    x = plate()
    mask = torch.zeros(75, 110, dtype=torch.bool)
    mask[40, 50] = mask[70, 109] = True
    tiles = Tiles(mask)
    assert tiles.count == 2  # the cost follows the mask, not the plate
    changed = tiles.put(tiles.take(x) + 1, x)
    difference = changed - x
    assert (difference[:, mask] - 1).abs().max() < 1e-6
    assert int((difference[0] > 0).sum()) == SIDE * SIDE + (75 - 64) * (110 - 96)
    assert torch.equal(tiles.put(tiles.take(x), x), x)


def test_neighbours_across_tiles_are_neighbours() -> None:
    x = torch.rand(1, 64, 96, generator=torch.Generator().manual_seed(0))
    tiles = Tiles(torch.ones(64, 96, dtype=torch.bool))
    t = tiles.take(x)

    def whole(y: torch.Tensor) -> torch.Tensor:
        return tiles.put(y, torch.zeros_like(x))[0]

    assert torch.equal(whole(tiles.right_of(t))[:, :-1], x[0, :, 1:])
    assert torch.equal(whole(tiles.left_of(t))[:, 1:], x[0, :, :-1])
    assert torch.equal(whole(tiles.below_of(t))[:-1], x[0, 1:])
    assert torch.equal(whole(tiles.above_of(t))[1:], x[0, :-1])
    across, down = tiles.ties()
    assert whole(across[None])[:, -1].sum() == 0 and whole(down[None])[-1].sum() == 0
    assert whole(across[None])[:, :-1].min() == 1


def test_the_extension_holds_no_old_plate() -> None:
    """A green subject before noise: 12 px outside, under 2 % of the plate is left."""
    generator = torch.Generator().manual_seed(0)
    noise = torch.rand(3, 96, 96, generator=generator)
    x = torch.arange(96.0)
    distance = ((x[:, None] - 48).square() + (x - 48).square()).sqrt()
    weight = ((30 - distance) / 4).clamp(0, 1)
    green = torch.tensor([0.1, 0.6, 0.2]).view(3, 1, 1)
    foreground = torch.where(weight > 0, green, noise)
    result = extended(foreground, weight)
    outside = (distance > 42) & (distance < 46)
    left = (result - green)[:, outside].abs().mean() / (noise - green)[:, outside].abs().mean()
    assert left < 0.02
    assert torch.allclose(result[:, distance < 20], green[:, 0], atol=1e-5)
