"""The matting Laplacian over the undecided pixels, and the solve that fills them.

Levin, Lischinski, Weiss, "A Closed-Form Solution to Natural Image Matting"
(2006), eq. 12: windows of 3x3, colours as solved. Only windows that touch an
undecided pixel are built; decided pixels enter as boundary values. The system

    minimise  alpha^T L alpha + sum_j weight_j (alpha_j - target_j)^2

is solved by conjugate gradients with a diagonal preconditioner.
"""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional

from ..model.sparse_rows import SparseRows

EPSILON = 1e-7
FIREFLY = 1e-14  # of a window's variance: one pixel of a thousand whites, and double has no rest
TOLERANCE = 1e-5
ITERATIONS = 2000


class MattingLaplacian:
    """L of one image on its undecided pixels.

    ``image`` is (1, 3, H, W) in the space it composites in, ``unknown`` a
    (1, 1, H, W) mask. Images under 3 px in a side are refused by the caller.
    """

    def __init__(self, image: Tensor, unknown: Tensor) -> None:
        height, width = image.shape[-2:]
        self.unknown = unknown
        device = image.device
        number = torch.full((height * width,), -1, dtype=torch.long, device=device)
        inside = unknown.flatten().nonzero().squeeze(1)
        number[inside] = torch.arange(len(inside), device=device)
        self.count = len(inside)
        touched = functional.max_pool2d(unknown.float(), 3, 1, 0).flatten().nonzero().squeeze(1)
        top = (touched // (width - 2)) * width + touched % (width - 2)
        offsets = torch.tensor(
            [dy * width + dx for dy in range(3) for dx in range(3)], device=device
        )
        members = top[:, None] + offsets  # (windows, 9) pixel numbers
        colours = image[0].flatten(1).T.double()[members]  # (windows, 9, 3)
        centred = colours - colours.mean(1, keepdim=True)
        covariance = centred.transpose(1, 2) @ centred / 9
        # epsilon is relative to the brightness, so that a plate in stops is a plate in stops
        scale = image.double().square().mean().clamp(1e-4, 1.0)
        variance = covariance.diagonal(dim1=1, dim2=2).sum(1)[:, None, None]
        least = torch.maximum(EPSILON / 9 * scale, FIREFLY * variance)
        covariance = covariance + least * torch.eye(3, device=device).double()
        spread = centred @ torch.linalg.solve(covariance, centred.transpose(1, 2))
        blocks = torch.eye(9, device=device).double() - (1 + spread) / 9  # (windows, 9, 9)
        rows = members[:, :, None].expand(-1, 9, 9).flatten()
        columns = members[:, None, :].expand(-1, 9, 9).flatten()
        keep = number[rows] >= 0
        rows, columns, values = number[rows[keep]], columns[keep], blocks.flatten()[keep]
        among = number[columns] >= 0
        inner, size = number[columns[among]], (self.count, self.count)
        self._inner = SparseRows.summed(rows[among], inner, values[among], size)
        own = rows[among] == inner
        self._diagonal = _per_row(inner[own], values[among][own], self.count)
        self._border = SparseRows.summed(
            rows[~among], columns[~among], values[~among], (self.count, height * width)
        )

    def solve(self, alpha: Tensor, weight: Tensor, target: Tensor) -> Tensor:
        """Alpha (1, 1, H, W), decided pixels as given, the others solved and clamped to [0, 1].

        ``alpha`` gives the decided values and the starting point; ``weight``
        and ``target`` are (1, 1, H, W), the weights not negative.
        """
        if self.count == 0:
            return alpha
        mask = self.unknown
        pull = weight[mask].double()
        right = pull * target[mask].double()
        right = right - (self._border @ alpha.flatten().double()[:, None])[:, 0]
        solved = self._conjugate_gradients(pull, right, alpha[mask].double())
        result = alpha.clone()
        result[mask] = solved.clamp(0, 1).to(alpha.dtype)
        return result

    def _conjugate_gradients(self, pull: Tensor, right: Tensor, x: Tensor) -> Tensor:
        precondition = 1 / (self._diagonal + pull).clamp_min(1e-12)
        residual = right - (self._times(x) + pull * x)
        stop = TOLERANCE**2 * float((right * precondition).dot(right).clamp_min(1e-20))
        z = precondition * residual
        direction, old = z, residual.dot(z)
        for _ in range(ITERATIONS):
            if float(old) <= stop:
                break
            moved = self._times(direction) + pull * direction
            step = old / direction.dot(moved)
            x = x + step * direction
            residual = residual - step * moved
            z = precondition * residual
            new = residual.dot(z)
            direction = z + new / old * direction
            old = new
        return x

    def _times(self, x: Tensor) -> Tensor:
        return (self._inner @ x[:, None])[:, 0]


def _per_row(rows: Tensor, values: Tensor, count: int) -> Tensor:
    """Sums (count,) of the values of each row."""
    found = SparseRows.summed(rows, torch.zeros_like(rows), values, (count, 1))
    return (found @ values.new_ones(1, 1))[:, 0]
