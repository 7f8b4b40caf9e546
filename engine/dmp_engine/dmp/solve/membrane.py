"""Smooth colours by conjugate gradients: data with 3 x 3 precisions and ties between 4-neighbours.

    (A + sum over ties) x = b,    a tie of weight w between pixels i and j adds w D^2 (x_i - x_j)

A is symmetric, (6, T, side, side) planes xx xy xz yy yz zz, and may be 0: there the neighbours
decide. Preconditioned by the inverse 3 x 3 blocks; a fixed number of steps, so that a GPU never
waits for the host.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn import functional

from ..model import matrix3
from .tiles import Tiles

LEAST_SIDE = 8  # of the coarsest grid
COARSE_STEPS, COARSEST_STEPS = 24, 60


@dataclass(frozen=True)
class Ties:
    """Weights to the right and to the lower neighbour, (T, side, side), and D^2 (3, 1, 1, 1)."""

    across: Tensor
    down: Tensor
    stiffness: Tensor


def smooth_colours(
    tiles: Tiles, precision: Tensor, observed: Tensor, ties: Ties, start: Tensor, steps: int
) -> Tensor:
    """x (3, T, side, side) after ``steps`` steps from ``start``."""
    across, down = ties.across, ties.down
    from_left, from_above = tiles.ties_back(across, down)
    blocks = precision.clone()
    blocks[[0, 3, 5]] += (across + down + from_left + from_above) * ties.stiffness
    a, b, c, d, e, f = blocks
    inverse, _ = matrix3.inverse_and_determinant((a, b, c, d, e, f))
    jacobi = torch.stack(inverse)

    def apply(u: Tensor) -> Tensor:
        near = (across * tiles.right_of(u)).addcmul_(from_left, tiles.left_of(u))
        near.addcmul_(down, tiles.below_of(u)).addcmul_(from_above, tiles.above_of(u))
        return times(blocks, u).addcmul_(ties.stiffness, near, value=-1)

    x = start
    residual = observed - apply(x)
    z = times(jacobi, residual)
    direction, old = z, (residual * z).sum()
    for _ in range(steps):
        moved = apply(direction)
        step = old / (direction * moved).sum().clamp_min(1e-20)
        x = torch.addcmul(x, direction, step)
        residual = torch.addcmul(residual, moved, step, value=-1)
        z = times(jacobi, residual)
        new = (residual * z).sum()
        direction = torch.addcmul(z, direction, new / old.clamp_min(1e-20))
        old = new
    return x


def coarse_start(precision: Tensor, observed: Tensor, unit: Tensor, stiffness: Tensor) -> Tensor:
    """x (3, h, w) for dense A (6, h, w) and b (3, h, w): nested iteration from coarse to fine.

    Four pixels' data add up to a coarse pixel's; a membrane's weight is the same on each grid.
    ``unit`` (h, w) scales colours as in pair.py.
    """
    height, width = unit.shape
    if min(height, width) > LEAST_SIDE:
        down, across = height % 2, width % 2

        def half(x: Tensor, share: float) -> Tensor:
            padded = functional.pad(x[None], [0, across, 0, down], mode="replicate")
            return share * functional.avg_pool2d(padded, 2)[0]

        coarse = coarse_start(
            half(precision, 4), half(observed, 4), half(unit[None], 1)[0], stiffness
        )
        size = (height + down, width + across)
        x = functional.interpolate(coarse[None], size, mode="bilinear", align_corners=False)
        x, steps = x[0, :, :height, :width], COARSE_STEPS
    else:
        x, steps = torch.full_like(observed, 0.5), COARSEST_STEPS
    tiles = Tiles(torch.ones_like(unit, dtype=torch.bool))
    scale = tiles.take(unit[None])[0]
    across_ties, down_ties = tiles.ties()
    ties = Ties(
        across_ties / (scale * tiles.right_of(scale)),
        down_ties / (scale * tiles.below_of(scale)),
        stiffness,
    )
    data = tiles.take(precision), tiles.take(observed)
    return tiles.put(smooth_colours(tiles, *data, ties, tiles.take(x), steps), x)


def outer(x: Tensor) -> Tensor:
    """x x' as (6, ...): xx xy xz yy yz zz."""
    products = [x[0] * x[0], x[0] * x[1], x[0] * x[2], x[1] * x[1], x[1] * x[2], x[2] * x[2]]
    return torch.stack(products)


def times(m: Tensor, x: Tensor) -> Tensor:
    """Symmetric matrices (6, ...) times vectors (3, ...)."""
    a, b, c, d, e, f = m
    product = torch.empty_like(x)
    for row, (first, second, third) in zip(product, ((a, b, c), (b, d, e), (c, e, f)), strict=True):
        torch.mul(first, x[0], out=row).addcmul_(second, x[1]).addcmul_(third, x[2])
    return product
