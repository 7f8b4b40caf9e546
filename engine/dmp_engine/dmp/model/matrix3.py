"""Symmetric 3 x 3 matrices, one a pixel, in closed form: no batched LAPACK on the way."""

from __future__ import annotations

import torch
from torch import Tensor


def inverse(m: Tensor) -> Tensor:
    """Inverse of (..., 3, 3), symmetric and not singular, by cofactors."""
    a, b, c = m[..., 0, 0], m[..., 0, 1], m[..., 0, 2]
    d, e, f = m[..., 1, 1], m[..., 1, 2], m[..., 2, 2]
    aa, ab, ac = d * f - e * e, c * e - b * f, b * e - c * d
    bb, bc, cc = a * f - c * c, b * c - a * e, a * d - b * b
    determinant = a * aa + b * ab + c * ac
    rows = torch.stack([aa, ab, ac, ab, bb, bc, ac, bc, cc], -1) / determinant[..., None]
    return rows.view(*m.shape)


def trace_of_product(m: Tensor, n: Tensor) -> Tensor:
    """tr(m n') of (..., 3, 3): (...)."""
    return (m * n).sum((-1, -2))


Six = tuple[Tensor, Tensor, Tensor, Tensor, Tensor, Tensor]  # xx xy xz yy yz zz
Three = tuple[Tensor, Tensor, Tensor]


def inverse_and_determinant(m: Six) -> tuple[Six, Tensor]:
    """The same for planes of the six different entries."""
    a, b, c, d, e, f = m
    aa, ab, ac = d * f - e * e, c * e - b * f, b * e - c * d
    determinant = a * aa + b * ab + c * ac
    over = 1 / determinant
    bb, bc, cc = a * f - c * c, b * c - a * e, a * d - b * b
    return (aa * over, ab * over, ac * over, bb * over, bc * over, cc * over), determinant


def quadratic(m: Six, x: Three, y: Three) -> Tensor:
    """x' m y for planes."""
    a, b, c, d, e, f = m
    return (
        x[0] * (a * y[0] + b * y[1] + c * y[2])
        + x[1] * (b * y[0] + d * y[1] + e * y[2])
        + x[2] * (c * y[0] + e * y[1] + f * y[2])
    )
