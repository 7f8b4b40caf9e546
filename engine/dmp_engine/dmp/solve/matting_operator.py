"""The Gaussian part of the posterior: matting Laplacian, texture windows and sites, as one matrix.

    A = lambda L + diag(tau) + G' diag(1/v) G

L is the matting Laplacian of Levin, Lischinski, Weiss (2006), eq. 12, on 3 x 3 windows that touch
an undecided pixel; G takes weighted means over texture windows (background_texture.py). Decided
pixels are boundary values. L and G are stored by rows over the N undecided pixels, and systems
A x = r are solved for several right sides at once.

``perturbations`` draws r with covariance A: then A^-1 r has covariance A^-1, whose diagonal is the
marginal variance ("perturb and solve", Papandreou, Yuille 2010). A window's block of L is nearly
a projection, so that block times white noise has that block as covariance.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from ..evidence.background_texture import TextureWindows
from ..model import matrix3
from ..model.neighbourhood import dilate
from ..model.pair import Pair
from ..model.parameters import Parameters
from ..model.sparse_rows import SparseRows
from ..model.white_noise import WhiteNoise

EPSILON = 1e-7  # regularisation of a window's covariance, of the plate's mean square
TOLERANCE = 1e-3  # of the residual, in the norm of the preconditioner
ITERATIONS, CHECKED = 200, 5  # at most; iterations between two looks at the residual


@dataclass(frozen=True)
class MattingOperator:
    """A over the undecided pixels of one plate; see the module's docstring."""

    coupling: float  # lambda
    laplacian: SparseRows  # (N, N), lambda L
    diagonal: Tensor  # (N,), of lambda L + G' diag(1/v) G
    texture: SparseRows | None  # (M, N), diag(1/v)^1/2 G
    texture_transposed: SparseRows | None  # (N, M)
    fixed: Tensor  # (N,): right side from decided pixels and from the texture
    _windows: Tensor  # (W, 9): undecided pixels of the windows, N for decided ones
    _centred: Tensor  # (W, 9, 3): colours
    _weighted: Tensor  # (W, 9, 3): colours times the inverse covariance / 9

    @classmethod
    def of_pair(
        cls,
        pair: Pair,
        undecided: Tensor,
        alpha: Tensor,
        windows: TextureWindows | None,
        parameters: Parameters,
    ) -> MattingOperator:
        """For the mask ``undecided`` and the decided values of ``alpha`` (H, W)."""
        height, width = pair.size
        pixels = undecided.flatten().nonzero()[:, 0]
        count = len(pixels)
        number = torch.full((height * width,), count, dtype=torch.long, device=pixels.device)
        number[pixels] = torch.arange(count, device=pixels.device)

        touched = dilate(undecided, 1)[1:-1, 1:-1].flatten().nonzero()[:, 0]
        corner = touched // (width - 2) * width + touched % (width - 2)
        reach = torch.arange(3, device=pixels.device)
        members = corner[:, None] + (reach[:, None] * width + reach).flatten()  # (W, 9)
        colours = pair.image.flatten(1).T.double()[members]
        centred = colours - colours.mean(1, keepdim=True)
        scale = pair.image.double().square().mean().clamp(1e-4, 1.0)
        covariance = centred.mT @ centred / 9
        # The trace keeps the inverse exact enough where a highlight meets something dark.
        spread = covariance.diagonal(dim1=1, dim2=2).sum(1)
        ridge = EPSILON * (scale / 9 + spread)
        covariance.diagonal(dim1=1, dim2=2).add_(ridge[:, None])
        weighted = centred @ matrix3.inverse(covariance) / 9
        blocks = (-1 / 9 - weighted @ centred.mT).float()  # (W, 9, 9), without the identity
        blocks.diagonal(dim1=1, dim2=2).add_(1)

        stencil = torch.zeros(count + 1, 25, device=pixels.device)  # row: pixel, column: offset
        local = number[members]
        flat = stencil.view(-1)
        for a in range(9):
            for b in range(9):
                offset = (b // 3 - a // 3 + 2) * 5 + b % 3 - a % 3 + 2
                place = local[:, a] * 25 + offset
                flat[place] += blocks[:, a, b]  # a pixel is member a of one window only
        stencil = parameters.coupling * stencil[:-1]
        reach = torch.arange(-2, 3, device=pixels.device)
        offsets = (reach[:, None] * width + reach).flatten()
        near = pixels[:, None] + offsets  # (N, 25); off the plate only where the weight is 0
        near = near.clamp(0, height * width - 1)
        column = number[near]
        inner = (column < count) & (stencil != 0)
        border = torch.where(inner, 0.0, stencil) * alpha.flatten()[near]
        fixed = -border.sum(1)
        laplacian = SparseRows.of(inner.sum(1), column[inner], stencil[inner], count)
        diagonal = stencil[:, 12].clone()

        texture = transposed = None
        if windows is not None:
            places, weight, observed, precision = windows.observations(undecided)
            column = number[places]
            inner = column < count
            decided = (torch.where(inner, 0.0, weight) * alpha.flatten()[places]).sum(1)
            root = precision.sqrt()
            values = (root[:, None] * weight)[inner]
            texture = SparseRows.of(inner.sum(1), column[inner], values, count)
            transposed = texture.transposed
            fixed = fixed + (transposed @ (root * (observed - decided))[:, None])[:, 0]
            diagonal = diagonal + transposed.sums_of_squares()
        return cls(
            parameters.coupling,
            laplacian,
            diagonal,
            texture,
            transposed,
            fixed,
            local,
            centred.float(),
            weighted.float(),
        )

    def perturbations(self, tau: Tensor, draws: Draws) -> Tensor:
        """(N, S): right sides with covariance A, from white noise."""
        noise = draws.of_windows  # (W, 9, S)
        # (1 - 1/9 11' - C M^-1 C' / 9) noise
        pushed = noise - noise.mean(1, keepdim=True)
        pushed = pushed - self._weighted @ (self._centred.mT @ noise)
        count = len(tau)
        right: Tensor = torch.zeros(count + 1, noise.shape[2], device=tau.device)
        for member in range(8, -1, -1):  # a pixel is each member of one window at most
            right[self._windows[:, member]] += pushed[:, member]
        right = self.coupling**0.5 * right[:-1] + tau.sqrt()[:, None] * draws.of_sites
        if self.texture_transposed is not None and draws.of_texture is not None:
            right = right + self.texture_transposed @ draws.of_texture
        return right

    def draw(self, samples: int, noise: WhiteNoise) -> Draws:
        """White noise for ``samples`` perturbations."""

        def white(*shape: int) -> Tensor:
            return noise.draw(shape, self.fixed.device)

        texture = None
        if self.texture_transposed is not None:
            texture = white(self.texture_transposed.width, samples)
        return Draws(white(*self._windows.shape, samples), white(len(self.fixed), samples), texture)

    def solve(self, tau: Tensor, right: Tensor, start: Tensor) -> Tensor:
        """A x = ``right`` for (N, S), from ``start``, by conjugate gradients (Jacobi)."""
        jacobi = (1 / (self.diagonal + tau))[:, None]
        stop = TOLERANCE**2 * (right * jacobi * right).sum(0).clamp_min(1e-12)
        x = start
        residual = right - self._times(tau, x)
        z = jacobi * residual
        direction, old = z, (residual * z).sum(0)
        for turn in range(ITERATIONS):
            if turn % CHECKED == 0 and bool((old <= stop).all()):
                break
            moved = self._times(tau, direction)
            step = old / (direction * moved).sum(0).clamp_min(1e-30)
            x = x + step * direction
            residual = residual - step * moved
            z = jacobi * residual
            new = (residual * z).sum(0)
            direction = z + (new / old.clamp_min(1e-30)) * direction
            old = new
        return x

    def _times(self, tau: Tensor, x: Tensor) -> Tensor:
        product: Tensor = self.laplacian @ x + tau[:, None] * x
        if self.texture is not None and self.texture_transposed is not None:
            product = product + self.texture_transposed @ (self.texture @ x)
        return product


@dataclass(frozen=True)
class Draws:
    """White noise for S perturbations; the same for all solves of one pass."""

    of_windows: Tensor  # (W, 9, S)
    of_sites: Tensor  # (N, S)
    of_texture: Tensor | None  # (M, S)
