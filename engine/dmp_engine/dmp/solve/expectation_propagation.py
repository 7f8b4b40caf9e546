"""Expectation propagation: the posterior of alpha of all undecided pixels together.

The factors of one pixel (its colour mixture, the Beta prior and the point masses) are replaced by
a Gaussian site N(alpha; h, 1/tau); sites, matting Laplacian and texture windows form one Gaussian
(matting_operator.py). In turn:

    solve      mean x and marginal variance of the Gaussian
    cavity     the Gaussian without the pixel's own site: N(m, v)
    tilt       mean and variance of cavity x factors, in closed form
    site       tau = 1 / variance - 1 / v and h so that site x cavity has these moments, damped

Prior masses of alpha = 0, between and 1 are the posterior masses averaged around the pixel.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch
from torch import Tensor

from ..evidence.colour_mixture import ColourMixture, chunks
from ..model.neighbourhood import box_mean
from ..model.parameters import Parameters
from ..model.white_noise import WhiteNoise
from .matting_operator import MattingOperator

SAMPLES = 4  # perturbations for the marginal variance
VARIANCE_BOX = 5  # pixels over which its estimates are averaged
LEAST_PRECISION, LARGEST_PRECISION = 1e-2, 1e5  # of a site
FAR = 0.2  # how far a mean may leave [0, 1]
FIRST_VARIANCE = 10.0  # of the cavity before the first solve
LOG_2PI = math.log(2 * math.pi)


@dataclass(frozen=True)
class Tilted:
    """Moments of cavity x factors, (N,) each."""

    mean: Tensor
    variance: Tensor
    zero: Tensor  # posterior mass of alpha = 0
    one: Tensor  # and of alpha = 1
    between: Tensor  # mean of the part between

    @property
    def masses(self) -> Tensor:
        """(3, N): alpha = 0, between, 1."""
        return torch.stack([self.zero, (1 - self.zero - self.one).clamp_min(0), self.one])

    @property
    def decided(self) -> Tensor:
        """Alpha by the median: 0 or 1 where that has more than half the mass."""
        alpha = torch.where(self.one > 0.5, 1.0, self.between.clamp(0, 1))
        return torch.where(self.zero > 0.5, 0.0, alpha)


@dataclass(frozen=True)
class Cavity:
    """The Gaussian without a pixel's own site, (N,) each."""

    mean: Tensor
    variance: Tensor


def first_cavity(count: int, like: Tensor) -> Cavity:
    """Nothing known."""
    return Cavity(like.new_full((count,), 0.5), like.new_full((count,), FIRST_VARIANCE))


@dataclass
class Sites:
    """The Gaussian that stands for each pixel's own factors: precision tau and mean h, (N,)."""

    precision: Tensor | None = None
    mean: Tensor | None = None

    def update(self, tilted: Tilted, cavity: Cavity, damping: float) -> tuple[Tensor, Tensor]:
        """New tau and h, a damped step towards those that give the tilted moments."""
        variance = tilted.variance.clamp_min(1 / LARGEST_PRECISION)
        raw = 1 / variance - 1 / cavity.variance
        tau = raw.clamp(LEAST_PRECISION, LARGEST_PRECISION)
        h = (tilted.mean / variance - cavity.mean / cavity.variance) / tau
        h = h.clamp(-FAR, 1 + FAR)
        if self.precision is not None and self.mean is not None:
            old = (1 - damping) * self.precision
            new = damping * tau
            h = (old * self.mean + new * h) / (old + new)
            tau = self.precision ** (1 - damping) * tau**damping
        self.precision, self.mean = tau, h
        return tau, h


class GaussianSolve:
    """Solves for mean and marginal variance, each from the solution of the turn before."""

    def __init__(
        self,
        operator: MattingOperator,
        undecided: Tensor,
        parameters: Parameters,
        noise: WhiteNoise,
    ) -> None:
        self.operator, self.parameters = operator, parameters
        self.undecided = undecided
        self.pixels = undecided.flatten().nonzero()[:, 0]
        self._draws = operator.draw(SAMPLES, noise)
        self._solution: Tensor | None = None
        self._near = box_mean(undecided[None].float(), VARIANCE_BOX)[0].flatten()[self.pixels]

    def cavity(self, tau: Tensor, h: Tensor, start: Tensor) -> Cavity:
        """The cavities for the sites (tau, h); ``start`` (N,) is a first guess of the mean."""
        right = torch.cat(
            [
                (self.operator.fixed + tau * h)[:, None],
                self.operator.perturbations(tau, self._draws),
            ],
            1,
        )
        if self._solution is None:
            self._solution = torch.zeros_like(right)
            self._solution[:, 0] = start
        self._solution = self.operator.solve(tau, right, self._solution)
        x = self._solution[:, 0]
        squares = torch.zeros(self.undecided.shape, device=x.device).flatten()
        squares[self.pixels] = self._solution[:, 1:].square().mean(1)
        mean = box_mean(squares.view(1, *self.undecided.shape), VARIANCE_BOX)[0]
        marginal = mean.flatten()[self.pixels] / self._near.clamp_min(1e-9)
        largest = self.parameters.largest_variance
        marginal = torch.maximum(marginal, 1.05 / (self.operator.diagonal + tau))
        marginal = marginal.clamp_max(largest)
        variance = 1 / (1 / marginal - tau).clamp_min(1 / largest)
        mean = (x + variance * tau * (x - h)).clamp(-FAR, 1 + FAR)
        return Cavity(mean, variance)


def tilt(
    likelihood: ColourMixture, cavity: Cavity, log_prior: Tensor, parameters: Parameters
) -> Tilted:
    """Moments of the cavity times the factors; ``log_prior`` (3, N) of 0, between and 1."""
    parts = []
    for at in chunks(len(cavity.mean), cavity.mean.device):
        chunk = ColourMixture(*(x[at] for x in vars(likelihood).values()))
        near = Cavity(cavity.mean[at], cavity.variance[at])
        parts.append(_tilt_chunk(chunk, near, log_prior[:, at], parameters))
    if not parts:
        return Tilted(*(cavity.mean for _ in range(5)))
    return Tilted(*(torch.cat(column) for column in zip(*parts, strict=True)))


def _tilt_chunk(
    like: ColourMixture, cavity: Cavity, log_prior: Tensor, p: Parameters
) -> tuple[Tensor, ...]:
    m, v = cavity.mean[:, None], cavity.variance[:, None]
    beta = p.beta - 1
    norm = math.lgamma(2 * p.beta) - 2 * math.lgamma(p.beta)
    both = like.variance + v
    mean = ((like.alpha * v + m * like.variance) / both).clamp_(0, 1)
    inside = mean.clamp(0.01, 0.99)
    inside = inside * (1 - inside)
    scaled = both if beta == -0.5 else both * inside ** (-2 * beta - 1)
    by_colour = like.log_weight - (like.alpha - m).square() / (2 * both)
    by_colour = by_colour - 0.5 * torch.log(scaled * inside)
    by_colour = by_colour + (
        log_prior[1] + math.log(1 - p.outlier_weight) + norm - 0.5 * LOG_2PI
    ).unsqueeze(1)

    # F uniform in the cube: the density of I - B is alpha^-3, from the least alpha on.
    free = torch.maximum(cavity.mean, like.least_alpha).clamp(0.02, 1)
    inner = free.clamp(0.01, 0.99)
    by_any = math.log(p.outlier_weight) - 3 * free.log() + norm + log_prior[1]
    by_any = by_any + beta * torch.log(inner * (1 - inner))
    short = (like.least_alpha - cavity.mean).clamp_min(0)
    by_any = by_any - short.square() / (2 * cavity.variance)

    def at(alpha: float) -> Tensor:
        """Log density of the cavity."""
        apart = (cavity.mean - alpha).square() / cavity.variance
        return -0.5 * (LOG_2PI + cavity.variance.log() + apart)

    zero = log_prior[0] + like.zero + at(0.0)
    one = torch.logaddexp(
        like.one + math.log(1 - p.outlier_weight),
        torch.full_like(like.one, math.log(p.outlier_weight)),
    )
    one = one + log_prior[2] + at(1.0)

    share = torch.softmax(
        torch.cat([by_colour, by_any[:, None], zero[:, None], one[:, None]], 1), 1
    )
    count = mean.shape[1]
    p0, p1, pu = share[:, count + 1], share[:, count + 2], share[:, count]
    pk = share[:, :count]
    first = (pk * mean).sum(1) + pu * free  # E[alpha; between]
    second = (pk * (mean.square() + like.variance * v / both)).sum(1)
    second = second + pu * (free.square() + cavity.variance)
    average = first + p1
    variance = (second + p1 - average.square()).clamp_min(0)
    between = first / (pk.sum(1) + pu).clamp_min(1e-9)
    return average, variance, p0, p1, between
