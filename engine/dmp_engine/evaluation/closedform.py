"""The classical peers: closed-form matting, its plate-data variant, KNN matting. From pymatting.

Levin, Lischinski, Weiss (2006); Chen, Li, Tang, "KNN Matting" (2013). The
plate-data variant is what a careful keyer does with a clean plate: between the
matting-Laplacian solves, F is estimated from the last alpha, and

    alpha_d = (I - B) . (F - B) / |F - B|^2   with weight   w |F - B|^2

pulls the undecided pixels. Decided pixels enter the system as boundary values.
"""

from __future__ import annotations

import numpy as np
import scipy.sparse
import scipy.sparse.linalg as linalg
from numpy.typing import NDArray
from pymatting import cf_laplacian, estimate_foreground_ml, knn_laplacian

Array = NDArray[np.float64]

DIRECT = 300_000  # unknowns up to which a factorisation fits into memory
TOLERANCE, ITERATIONS = 1e-5, 5000  # of conjugate gradients beyond that
FLOOR = 1e-9  # keeps the system regular where no decided pixel is in reach


class Laplacian:
    """A matting Laplacian on the undecided pixels of a trimap."""

    def __init__(self, matrix: scipy.sparse.spmatrix, trimap: Array) -> None:
        self._trimap = trimap
        self._unknown = (trimap == 0.5).ravel()
        rows = scipy.sparse.csr_matrix(matrix)[self._unknown]
        self._inner = rows[:, self._unknown]
        self._from_known = -(rows[:, ~self._unknown] @ trimap.ravel()[~self._unknown])

    def solve(self, weight: Array | None = None, target: Array | None = None) -> Array:
        """Alpha (H, W) in [0, 1]; ``weight`` (H, W) pulls it towards ``target`` (H, W)."""
        alpha = self._trimap.copy()
        if not self._unknown.any():
            return alpha
        pull = np.zeros(len(self._from_known))
        right = self._from_known
        if weight is not None and target is not None:
            pull = weight.ravel()[self._unknown]
            right = right + pull * target.ravel()[self._unknown]
        system = (self._inner + scipy.sparse.diags(pull + FLOOR)).tocsc()
        alpha.ravel()[self._unknown] = np.clip(_solved(system, right), 0, 1)
        return alpha


def _solved(system: scipy.sparse.csc_matrix, right: Array) -> Array:
    """The solution of a symmetric positive definite system."""
    if system.shape[0] <= DIRECT:
        factors = linalg.splu(
            system,
            permc_spec="MMD_AT_PLUS_A",
            diag_pivot_thresh=0.0,
            options={"SymmetricMode": True},
        )
        direct: Array = factors.solve(right)
        return direct
    inverse = 1 / system.diagonal()
    scaled = linalg.LinearOperator(system.shape, matvec=lambda x: inverse * x)
    found: Array = linalg.cg(system, right, rtol=TOLERANCE, maxiter=ITERATIONS, M=scaled)[0]
    return found


def closed_form_laplacian(image: Array, trimap: Array) -> Laplacian:
    """Of ``image`` (H, W, 3), windows of 3x3 that touch an undecided pixel."""
    known = (trimap != 0.5).ravel()
    matrix = cf_laplacian(image, is_known=known if known.any() and not known.all() else None)
    return Laplacian(matrix, trimap)


def knn(image: Array, trimap: Array) -> Array:
    """KNN matting of ``trimap`` (H, W) in ``image`` (H, W, 3)."""
    return Laplacian(knn_laplacian(image), trimap).solve()


def plate_variant(
    image: Array, clean: Array, trimap: Array, weight: float, passes: int
) -> tuple[Array, Array]:
    """Alpha (H, W) and F (H, W, 3) after ``passes`` solves with the clean plate as data."""
    laplacian = closed_form_laplacian(image, trimap)
    alpha = laplacian.solve()
    for _ in range(passes):
        towards = estimate_foreground_ml(image, alpha) - clean
        power = np.square(towards).sum(axis=2)
        by_colour = ((image - clean) * towards).sum(axis=2) / np.maximum(power, 1e-6)
        alpha = laplacian.solve(weight * power, np.clip(by_colour, 0, 1))
    return alpha, foreground_for(image, alpha)


def foreground_for(image: Array, alpha: Array) -> Array:
    """Straight colours (H, W, 3) of an alpha that came alone; Germer et al. (2020)."""
    colours: Array = estimate_foreground_ml(image, alpha)
    return colours
