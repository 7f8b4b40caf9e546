"""What shows through the subject where every pixel alone looks opaque.

A sheer flag with alpha = 0.95 has in each pixel a colour that it might as well have if it were
opaque, so colours cannot tell. A region can: there grad I = t grad B + e with e the subject's own
texture, and the generalised least-squares slope over all its opaque pixels is t = 1 - alpha
(background_texture.py has the equations; here the moments are Gaussian means over the opaque
pixels around a place, in blocks of 8 x 8 pixels).

The variance v of t is the largest of three: twice 1 / (n information), as of independent residuals;
twice what the residuals of whole blocks show (clustered errors: Liang, Zeger 1986,
doi:10.1093/biomet/73.1.13), for one edge of B is no region; and the mean square of the slopes on B
moved by a region's sigma in eight directions, where nothing can be seen through: what a pattern
that both plates have gives by chance.

    opaque        t ~ N(0, v)
    seen through  t ~ N(0, v + texture_prior^2), t > 0, prior odds ``mass_floor``

A slope beyond three times ``texture_prior`` is neither: such a B has something of the subject.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn import functional

from ..model.matrix3 import trace_of_product
from ..model.neighbourhood import gaussian_blur
from ..model.pair import Pair
from ..model.parameters import Parameters
from .background_texture import gradients, regression

BLOCK = 8  # pixels: side of a block
INFLATION = 2.0  # of the variance of independent residuals: neighbours' are alike
LEAST_SHARE = 1e-3  # of opaque pixels around a place
# Of B, in sigma of a region.
SHIFTS = ((1, 0), (-1, 0), (0, 1), (0, -1), (0.7, 0.7), (0.7, -0.7), (-0.7, 0.7), (-0.7, -0.7))
PLAUSIBLE = 3.0  # standard deviations of the prior


@dataclass(frozen=True)
class Transmission:
    """Maps (H, W) of t, the share of B that is seen through opaque pixels."""

    share: Tensor  # posterior mean of t, given that B is seen through
    variance: Tensor  # of it
    probability: Tensor  # that B is seen through

    def resized(self, size: tuple[int, int]) -> Transmission:
        """At another size."""
        maps = torch.stack([self.share, self.variance, self.probability])[None]
        maps = functional.interpolate(maps, size, mode="bilinear", align_corners=False)[0]
        return Transmission(*maps)


def transmission(pair: Pair, opaque: Tensor, p: Parameters) -> Transmission:
    """How much of B is seen through the pixels ``opaque`` (H, W), weights between 0 and 1."""
    dI, dB = gradients(pair.image / pair.unit), gradients(pair.clean / pair.unit)
    # A difference counts as far as both of its pixels are opaque.
    before = functional.pad(opaque, [1, 0, 1, 0])
    weight = torch.stack([opaque * before[1:, :-1], opaque * before[:-1, 1:]])
    rows, columns = (max(1, -(-n // BLOCK)) for n in pair.size)

    def blocks(x: Tensor) -> Tensor:
        """(C, rows, columns): sums of (C, H, W) over blocks."""
        below, right = rows * BLOCK - x.shape[-2], columns * BLOCK - x.shape[-1]
        padded = functional.pad(x, [0, right, 0, below])
        return functional.avg_pool2d(padded[None], BLOCK)[0] * BLOCK**2

    def moments(one: Tensor, other: Tensor) -> Tensor:
        """(9, rows, columns)."""
        weighted = [weight * x for x in one.unbind(1)]
        # One product at a time: all at once would be 36 planes of the plate.
        return torch.cat(
            [blocks((w * x).sum(0, keepdim=True)) for w in weighted for x in other.unbind(1)]
        )

    sigma = p.transmission_blur * pair.scale / BLOCK

    def regional(x: Tensor) -> Tensor:
        return gaussian_blur(x, sigma)

    def matrices(x: Tensor) -> Tensor:
        return x.flatten(1).T.reshape(-1, 3, 3)

    of_image, joint, of_clean = moments(dI, dI), moments(dI, dB), moments(dB, dB)
    count = blocks(weight.sum(0, keepdim=True))
    noise = torch.eye(3, device=opaque.device).view(9, 1, 1) * blocks(
        (weight * pair.sigma.square()).sum(0, keepdim=True)
    )
    around = regional(count)[0].flatten()
    seen = around > LEAST_SHARE * BLOCK**2
    inside = around.clamp_min(LEAST_SHARE * BLOCK**2)[:, None, None]
    II, IB, BB, N = (matrices(regional(x)) / inside for x in (of_image, joint, of_clean, noise))
    t, information, precision = regression(II, IB, BB, N)

    chance = torch.zeros_like(t)  # mean square of the slopes on B elsewhere
    for shift in SHIFTS:
        elsewhere = dB.roll([round(x * sigma * BLOCK) for x in shift], (-2, -1))
        IE, EE = (matrices(regional(moments(one, elsewhere))) / inside for one in (dI, elsewhere))
        power = trace_of_product(precision, EE - N).clamp_min(1e-9)
        slope = trace_of_product(precision, IE) / power
        chance = chance + slope.square() / len(SHIFTS)
    total = around * information
    score = matrices(joint) - t[:, None, None] * matrices(of_clean - noise)
    score = trace_of_product(precision, score).square().view(1, rows, columns)
    clustered = gaussian_blur(score, sigma / math.sqrt(2)).flatten() / total.square()
    region = 4 * math.pi * sigma**2  # blocks that a Gaussian mean is the mean of
    independent = INFLATION / region * torch.maximum(1 / total, clustered)
    variance = torch.maximum(independent, chance)
    variance = variance + p.transmission_floor**2

    prior = p.texture_prior**2
    odds = 0.5 * torch.log(variance / (variance + prior))
    odds = odds + t.square() / 2 * (1 / variance - 1 / (variance + prior)) + math.log(p.mass_floor)
    plausible = seen & (t > 0) & (t < PLAUSIBLE * p.texture_prior)
    probability = torch.where(plausible, torch.sigmoid(odds), 0.0)
    shrinkage = prior / (prior + variance)
    maps = torch.stack([shrinkage * t.clamp_min(0), shrinkage * variance, probability])
    maps = maps.view(1, 3, rows, columns)
    maps = functional.interpolate(maps, scale_factor=BLOCK, mode="bilinear", align_corners=False)
    height, width = pair.size
    return Transmission(*maps[0, :, :height, :width])
