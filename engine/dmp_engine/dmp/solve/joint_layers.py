"""Foreground and alpha of one frame together, given the posterior of alpha.

    p(F, alpha | I)  ~  prod_i  N(I_i; alpha F + (1 - alpha) B, s^2 1)
                               [p0 d(alpha) + p1 d(alpha - 1) + pb N(alpha; m, v)]
                        prod_ij (1 + |D (F_i - F_j)|^2 / nu)^(-nu/2)

with pixels i, 4-neighbours ij, the masses and moments of alpha_posterior.py, and D the inverse of a
typical step in brightness and in the two chromas: hair varies in brightness, hardly in hue.
s = (1 - alpha) sigma: where alpha is 1, F is the plate with its grain.

F and alpha alternate:

    F      alpha is integrated out: I - (1 - alpha) B = alpha F + n, n ~ N(0, s^2 1 + v d d'),
           d = F - B, because an error of alpha moves F along d and not across it. Student's t is
           iteratively reweighted (membrane.py).
    alpha  closed form: the evidence of the three parts, averaged over 3 x 3 pixels

Only tiles with undecided pixels are solved; the rest of F is the plate (core) or an extension.
"""

from __future__ import annotations

from collections.abc import Generator
from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn import functional

from ..model.neighbourhood import dilate
from ..model.pair import Pair
from ..model.parameters import Parameters
from .alpha_posterior import AlphaPosterior
from .edge_extension import extended
from .membrane import Ties, coarse_start, outer, smooth_colours, times
from .tiles import SIDE, Tiles

ROUNDS, STEPS = 3, 24
CERTAIN = 0.1 / 255  # encoded: noise of F where it is the plate
LEAST_VARIANCE = 1e-5  # of alpha
LEAST_MASS = 1e-4
LARGEST_ODDS = 10.0  # nat, of one pixel's share in a mean
BLOCK = 4  # pixels of the coarse grid on which F is solved first
MARGIN = 4  # pixels around the undecided ones that are solved with them
SHOWN = 0.1  # alpha from which a colour counts in full where F is extended


@dataclass(frozen=True)
class JointLayers:
    """F (3, H, W) in the space in which layers add up, alpha and its variance (H, W)."""

    foreground: Tensor
    alpha: Tensor
    variance: Tensor
    mixed: Tensor  # (H, W): posterior mass of alpha between 0 and 1


def joint_layers(
    pair: Pair, posterior: AlphaPosterior, parameters: Parameters, *, keep_alpha: bool = False
) -> Generator[int, None, JointLayers]:
    """Solve F and alpha where ``posterior`` is undecided, and extend F beyond.

    With ``keep_alpha`` alpha stays the posterior's, and F is solved given it.
    Yields the number of finished rounds, of ``ROUNDS``.
    """
    foreground, alpha, variance = pair.image, posterior.alpha, posterior.variance
    mixed = torch.zeros_like(alpha)
    if bool(posterior.undecided.any()):
        tiles = Tiles(dilate(posterior.undecided, MARGIN))
        solved = _TileSolve(pair, posterior, tiles, parameters)
        for turn in range(ROUNDS):
            solved.foreground_step()
            if not keep_alpha:
                solved.alpha_step()
            yield turn + 1
        foreground = tiles.put(solved.foreground(), foreground)
        alpha = tiles.put(solved.alpha[None], alpha[None])[0]
        variance = tiles.put(solved.variance[None], variance[None])[0]
        mixed = tiles.put(solved.mixed[None], mixed[None])[0]
        foreground = torch.where(alpha >= 1, pair.image, foreground)
    shown = (alpha / SHOWN).clamp_max(1)
    return JointLayers(extended(foreground, shown.square()), alpha, variance, mixed)


class _TileSolve:
    """The alternation on tiles. Colours are planes (3, T, side, side): brightness, two chromas."""

    def __init__(self, pair: Pair, posterior: AlphaPosterior, tiles: Tiles, p: Parameters) -> None:
        self.tiles, self.p, self.pair = tiles, p, pair

        def plane(x: Tensor) -> Tensor:
            return tiles.take(x[None])[0]

        self.unit, self.sigma = plane(pair.unit), plane(pair.sigma)
        self.basis = _basis(pair.image)
        self.image, self.clean = (self._rotated(tiles.take(x)) for x in (pair.image, pair.clean))
        self.open = plane(posterior.undecided.float()) > 0
        self.zero, self.one = plane(posterior.zero), plane(posterior.one)
        self.between, self.between_variance = (
            plane(posterior.between),
            plane(posterior.between_variance),
        )
        self.alpha, self.variance = plane(posterior.alpha), plane(posterior.variance)
        self.mixed = 1 - self.zero - self.one
        steps = (p.luma_step, p.chroma_step, p.chroma_step)
        self.stiffness = self.unit.new_tensor(steps)[:, None, None, None] ** -2
        across, down = tiles.ties()
        self.across = across / (self.unit * tiles.right_of(self.unit))
        self.down = down / (self.unit * tiles.below_of(self.unit))
        self.decided = posterior.alpha  # (H, W)
        self.x: Tensor | None = None  # F

    def foreground(self) -> Tensor:
        """F (3, T, side, side) as red, green, blue, in the plates' range."""
        low, high = self.pair.bounds
        x = self.image if self.x is None else self.x
        x = torch.einsum("ji,jtyx->ityx", self.basis, x)
        return torch.maximum(torch.minimum(x, high), low)

    def foreground_step(self) -> None:
        """F given the mean and the variance of alpha."""
        precision, observed = self._data_term(self.image if self.x is None else self.x)
        across, down = self.across, self.down
        if self.x is None:
            start = self._coarse_foreground(precision, observed)
        else:
            start = self.x
            across, down = (
                tie
                / (1 + tie * (self.stiffness * (start - other).square()).sum(0) / self.p.edge_tail)
                for tie, other in (
                    (across, self.tiles.right_of(start)),
                    (down, self.tiles.below_of(start)),
                )
            )
        ties = Ties(across, down, self.stiffness)
        self.x = smooth_colours(self.tiles, precision, observed, ties, start, STEPS)

    def alpha_step(self) -> None:
        """Alpha given F: which of the three parts, and the mean of the part between."""
        assert self.x is not None
        d = (self._rotated(self.foreground()) - self.clean) / self.unit
        g = (self.image - self.clean) / self.unit
        dd, dg, gg = (d * d).sum(0), (d * g).sum(0), (g * g).sum(0)
        m, v = self.between, self.between_variance
        at_zero = self.sigma.square()
        at_one = at_zero + self.p.grain_of_f**2
        noise = at_zero + (self.p.grain_of_f * self.alpha).square()
        between = ((m / v + dg / noise) / (1 / v + dd / noise)).clamp(0, 1)
        misfit = (gg - 2 * m * dg + m * m * dd) / noise
        misfit = misfit - v * (dg - m * dd).square() / (noise * (noise + v * dd))
        mass = (1 - self.zero - self.one).clamp_min(LEAST_MASS)
        parts = torch.stack(
            [
                self.zero.clamp_min(1e-9).log() - (gg / at_zero + 3 * at_zero.log()) / 2,
                self.one.clamp_min(1e-9).log()
                - ((gg - 2 * dg + dd) / at_one + 3 * at_one.log()) / 2,
                mass.log() - (misfit + torch.log1p(v * dd / noise) + 3 * noise.log()) / 2,
            ]
        )
        parts = torch.log_softmax(parts, 0).clamp_min(-LARGEST_ODDS)
        parts = self.tiles.mean_of_nine(torch.where(self.open, parts, 0.0))
        zero, one, mixed = torch.softmax(parts, 0)
        self.mixed = torch.where(self.open, mixed, 0.0)
        mean = one + mixed * between
        variance = zero * mean.square() + one * (1 - mean).square()
        spread = 1 / (1 / v + dd / noise)
        variance = variance + mixed * (spread + (between - mean).square())
        alpha = torch.where(one > 0.5, 1.0, torch.where(zero > 0.5, 0.0, between))
        self.alpha = torch.where(self.open, alpha, self.alpha)
        self.variance = torch.where(self.open, variance, self.variance)

    def _data_term(self, near: Tensor) -> tuple[Tensor, Tensor]:
        """Precision (6, ...) of F, and precision times observed F (3, ...)."""
        a = self.alpha
        v = (self.p.trust * self.variance).clamp_min(LEAST_VARIANCE)
        noise = (((1 - a) * self.sigma).square() + CERTAIN**2) * self.unit.square()  # s^2
        d = near - self.clean
        precision = -v / (noise * (noise + v * d.square().sum(0))) * outer(d)
        precision[[0, 3, 5]] += 1 / noise  # (s^2 1 + v d d')^-1
        return a * a * precision, a * times(precision, self.image - (1 - a) * self.clean)

    def _coarse_foreground(self, precision: Tensor, observed: Tensor) -> Tensor:
        """F solved on blocks of pixels, as a start."""
        pair, tiles = self.pair, self.tiles
        height, width = (-(-n // SIDE) * SIDE for n in pair.size)
        bottom, right = height - pair.size[0], width - pair.size[1]

        def pooled(x: Tensor) -> Tensor:
            padded = functional.pad(x[None], [0, right, 0, bottom], mode="replicate")
            return functional.avg_pool2d(padded, BLOCK)[0]

        unit = pooled(pair.unit[None])
        # Decided core is known as it is, decided background not at all.
        core = pooled((self.decided >= 1).float()[None]) / (CERTAIN * unit).square()
        dense = torch.zeros(6, *core.shape[1:], device=core.device)
        dense[[0, 3, 5]] = core
        colours = torch.einsum("ij,jyx->iyx", self.basis, pooled(pair.image))
        small = tiles.with_side(SIDE // BLOCK)
        precision = small.put(_pooled_tiles(precision), dense)
        observed = small.put(_pooled_tiles(observed), core * colours)
        x = coarse_start(precision * BLOCK**2, observed * BLOCK**2, unit[0], self.stiffness)
        fine = functional.interpolate(
            x[None], (height, width), mode="bilinear", align_corners=False
        )
        return tiles.take(fine[0, :, : pair.size[0], : pair.size[1]])

    def _rotated(self, x: Tensor) -> Tensor:
        return torch.einsum("ij,jtyx->ityx", self.basis, x)


def _pooled_tiles(x: Tensor) -> Tensor:
    return functional.avg_pool2d(x, BLOCK)


def _basis(like: Tensor) -> Tensor:
    """Rows: brightness and two chromas, orthonormal."""
    rows = like.new_tensor([[1, 1, 1], [1, -1, 0], [1, 1, -2]])
    return rows / rows.square().sum(1, keepdim=True).sqrt()
