"""What the colours of one pixel say about its alpha, given foreground colours of the core nearby.

For a pixel with g = I - B and a source colour F_k with d_k = F_k - B (all in encoded units):

    I = alpha F + (1 - alpha) B + noise,      Sigma_k = S 1 + alpha^2 s_b^2 F_k F_k',
    S = sigma^2 + alpha^2 s_F^2               (noise; texture of F; shading along F's brightness)

As a function of alpha, N(g; alpha d_k, Sigma_k) is a Gaussian with

    alpha_k = d' Sigma^-1 g / d' Sigma^-1 d,      v_k = 1 / d' Sigma^-1 d,
    A_k = log w_k + log N(g; alpha_k d, Sigma_k) + 1/2 log(2 pi v_k)

(Sigma^-1 by Sherman and Morrison; alpha_k twice, because Sigma depends on alpha). Further
components: one Gaussian over all sources (w_G), the palette of the core (w_P, at fixed alphas),
and an F uniform in the cube (w_U), which needs at least ``least_alpha`` to stay in it. Two point
masses: alpha = 0, where the plate shows B, and alpha = 1, where it shows a source.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, fields

import torch
from torch import Tensor

from ..model import matrix3
from ..model.neighbourhood import nearest
from ..model.pair import Pair
from ..model.parameters import Parameters
from ..model.white_noise import WhiteNoise
from .palette import Palette

# Pixels at once bound the memory, and change no result. On a CPU the work fits the cache; on a GPU
# it takes as long as its launches up to some 30,000 pixels.
CHUNK, CHUNK_OF_GPU = 4096, 1 << 15
SHADING_PASSES, BROAD_PASSES = 2, 4  # alpha and its covariance, alternated
ALPHA_FROM, ALPHA_RANGE = 0.03, 0.95  # of the palette's alphas
OUTSIDE = 3.3  # sigma by which F may leave the range of the plates
LOG_2PI = math.log(2 * math.pi)


@dataclass(frozen=True)
class Sources:
    """Pixel numbers (N, K) of the sources of N pixels, and their weights (N, K)."""

    pixels: Tensor
    weights: Tensor


@dataclass(frozen=True)
class ColourMixture:
    """The likelihood of alpha at N pixels: C Gaussians between 0 and 1, and two point masses."""

    log_weight: Tensor  # (N, C), A_k
    alpha: Tensor  # (N, C), alpha_k
    variance: Tensor  # (N, C), v_k
    zero: Tensor  # (N,), log likelihood of alpha = 0
    one: Tensor  # (N,), of alpha = 1
    least_alpha: Tensor  # (N,): below it F would leave the range of the plates

    @classmethod
    def joined(cls, parts: list[ColourMixture]) -> ColourMixture:
        """One of all pixels."""
        columns = (torch.cat([getattr(p, f.name) for p in parts]) for f in fields(cls))
        return cls(*columns)


def sample_sources(
    core: Tensor,
    weight: Tensor,
    pixels: Tensor,
    count: int,
    spread: float,
    noise: WhiteNoise,
    apart: float = 0.0,
) -> Sources:
    """``count`` sources for each of ``pixels`` (N,), around the nearest pixel of ``core`` (H, W).

    They lie at normal distances that grow up to twice ``spread`` pixels. ``weight`` (H, W) is
    that of a source, 0 where there may be none; those nearer than ``apart`` to their own pixel
    have none either.
    """
    height, width = core.shape
    near_y, near_x = (z.flatten()[pixels][:, None] for z in nearest(core))
    device = core.device
    growing = 2 * spread * (torch.arange(count, device=device) + 0.5) / count
    growing[0] = 0
    shape = (len(pixels), count)
    y, x = ((z + noise.draw(shape, device) * growing).round_().int() for z in (near_y, near_x))
    y, x = y.clamp_(0, height - 1), x.clamp_(0, width - 1)
    found = y * width + x
    chosen = weight.flatten()[found.long()]
    if apart > 0:
        far = (y - (pixels // width)[:, None]).square() + (x - (pixels % width)[:, None]).square()
        chosen = chosen * (far >= apart * apart)
    return Sources(found, chosen)


def colour_mixture(
    pair: Pair,
    pixels: Tensor,
    sources: Sources,
    palette: Palette,
    parameters: Parameters,
) -> ColourMixture:
    """The likelihood of alpha at ``pixels`` (N,) from their ``sources`` and the ``palette``."""
    if len(pixels) == 0:
        empty = torch.zeros(0, device=pixels.device)
        none = empty.view(0, 1)
        return ColourMixture(none, none, none, empty, empty, empty)
    parts = []
    for at in chunks(len(pixels), pixels.device):
        part = Sources(sources.pixels[at], sources.weights[at])
        parts.append(_mixture_of_chunk(pair, pixels[at], part, palette, parameters))
    return ColourMixture.joined(parts)


def chunks(count: int, device: torch.device) -> list[slice]:
    """``count`` pixels in the pieces that ``device`` solves at once."""
    size = CHUNK if device.type == "cpu" else CHUNK_OF_GPU
    return [slice(start, start + size) for start in range(0, count, size)]


def _mixture_of_chunk(
    pair: Pair, pixels: Tensor, sources: Sources, palette: Palette, p: Parameters
) -> ColourMixture:
    image, clean = (x.flatten(1)[:, pixels] for x in (pair.image, pair.clean))  # (3, n)
    unit = pair.unit.flatten()[pixels]
    sigma2 = pair.sigma.flatten()[pixels].square()
    i, b = image / unit, clean / unit
    flat = pair.image.flatten(1)
    numbers = sources.pixels.flatten()
    f = [flat[c].index_select(0, numbers).view(sources.pixels.shape) for c in range(3)]
    f = [x / unit[:, None] for x in f]
    total = sources.weights.sum(1, keepdim=True)
    share = sources.weights / total.clamp_min(1e-9) + 1e-12

    near = _by_source(i, b, f, share, sigma2, p)
    broad = _by_all_sources(i, b, f, share, sigma2, p)
    far = _by_palette(image, clean, palette, p)
    near_weight = (1 - p.palette_weight) * (1 - p.broad_weight)
    broad_weight = (1 - p.palette_weight) * p.broad_weight
    log_weight = torch.cat(
        [
            near.log_weight + math.log(near_weight),
            broad.log_weight + math.log(broad_weight),
            far.log_weight + math.log(p.palette_weight),
        ],
        1,
    )
    one = torch.stack(
        [
            near.one + math.log(near_weight),
            broad.one + math.log(broad_weight),
            far.one + math.log(p.palette_weight),
        ]
    )
    zero = -1.5 * (LOG_2PI + sigma2.log()) - (i - b).square().sum(0) / 2 / sigma2
    return ColourMixture(
        log_weight,
        torch.cat([near.alpha, broad.alpha, far.alpha], 1),
        torch.cat([near.variance, broad.variance, far.variance], 1),
        zero,
        torch.logsumexp(one, 0),
        _least_alpha(pair, image, clean, unit * sigma2.sqrt()),
    )


@dataclass(frozen=True)
class _Components:
    log_weight: Tensor  # (n, C)
    alpha: Tensor
    variance: Tensor
    one: Tensor  # (n,)


def _by_source(
    i: Tensor, b: Tensor, f: list[Tensor], share: Tensor, sigma2: Tensor, p: Parameters
) -> _Components:
    """One Gaussian a source; ``i``, ``b`` (3, n), ``f`` three planes (n, K)."""
    shading = p.shading**2
    noise = sigma2[:, None]
    d = [f[c] - b[c][:, None] for c in range(3)]
    g = [(i[c] - b[c])[:, None] for c in range(3)]

    def dot(x: list[Tensor], y: list[Tensor]) -> Tensor:
        return x[0] * y[0] + x[1] * y[1] + x[2] * y[2]

    dd, gd, ff, df, gf = dot(d, d) + 1e-6, dot(g, d), dot(f, f), dot(d, f), dot(g, f)
    dff, dfg = df * df, df * gf
    alpha = (gd / dd).clamp_(0, 1)
    for last in range(SHADING_PASSES + 1):
        squared = alpha * alpha
        spread = noise + squared * p.grain_of_f**2  # S
        part = squared * shading
        ratio = part / (spread + part * ff)  # Sherman-Morrison
        power = (dd - ratio * dff).clamp_min_(1e-7)  # S d' Sigma^-1 d
        if last == SHADING_PASSES:
            break
        alpha = ((gd - ratio * dfg) / power).clamp_(0, 1)
    rest = [g[c] - alpha * d[c] for c in range(3)]  # as a difference of squares it would cancel
    misfit = dot(rest, rest) - ratio * dot(rest, f).square()
    volume = spread * (spread + part * ff) * power  # determinants of Sigma and of v, together
    log_weight = torch.log(share / volume.sqrt()) - LOG_2PI - misfit / (2 * spread)

    opaque = noise + p.grain_of_f**2
    rest = [i[c][:, None] - f[c] for c in range(3)]
    ratio = shading / (opaque + shading * ff)
    misfit = dot(rest, rest) - ratio * dot(rest, f).square()
    volume = opaque * opaque * (opaque + shading * ff)
    one = torch.log(share / volume.sqrt()) - misfit / (2 * opaque)
    return _Components(log_weight, alpha, spread / power, torch.logsumexp(one, 1) - 1.5 * LOG_2PI)


def _by_all_sources(
    i: Tensor, b: Tensor, f: list[Tensor], share: Tensor, sigma2: Tensor, p: Parameters
) -> _Components:
    """One Gaussian with the mean and the covariance of all sources.

    In double: highlights spread so far that a determinant in single is anything near 0.
    """
    mean = [(share * x).sum(1) for x in f]
    apart = [x - m[:, None] for x, m in zip(f, mean, strict=True)]
    pairs = ((0, 0), (0, 1), (0, 2), (1, 1), (1, 2), (2, 2))
    own = p.grain_of_f**2
    covariance = [
        (share * apart[r] * apart[c]).sum(1).double() + (own if r == c else 0.0) for r, c in pairs
    ]
    i, b, sigma2 = i.double(), b.double(), sigma2.double()
    d = (mean[0] - b[0], mean[1] - b[1], mean[2] - b[2])
    g = (i[0] - b[0], i[1] - b[1], i[2] - b[2])

    def precision(alpha: Tensor) -> tuple[matrix3.Six, Tensor]:
        squared = alpha * alpha
        xx, xy, xz, yy, yz, zz = (squared * x for x in covariance)
        full = (xx + sigma2, xy, xz, yy + sigma2, yz, zz + sigma2)
        return matrix3.inverse_and_determinant(full)

    alpha = torch.full_like(sigma2, 0.5)
    for _ in range(BROAD_PASSES):
        inverse, _ = precision(alpha)
        power = matrix3.quadratic(inverse, d, d) + 1e-6
        alpha = (matrix3.quadratic(inverse, d, g) / power).clamp(0, 1)
    inverse, determinant = precision(alpha)
    power = matrix3.quadratic(inverse, d, d) + 1e-3
    rest = (g[0] - alpha * d[0], g[1] - alpha * d[1], g[2] - alpha * d[2])
    log_weight = (
        -LOG_2PI
        - 0.5 * torch.log((determinant * power).clamp_min(1e-30))
        - matrix3.quadratic(inverse, rest, rest) / 2
    )
    inverse, determinant = precision(torch.ones_like(alpha))
    rest = (g[0] - d[0], g[1] - d[1], g[2] - d[2])
    one = (
        -1.5 * LOG_2PI
        - 0.5 * torch.log(determinant.clamp_min(1e-30))
        - matrix3.quadratic(inverse, rest, rest) / 2
    )
    kind = f[0].dtype
    columns = [x.to(kind)[:, None] for x in (log_weight, alpha, 1 / power)]
    return _Components(columns[0], columns[1], columns[2], one.to(kind))


def _by_palette(image: Tensor, clean: Tensor, palette: Palette, p: Parameters) -> _Components:
    """F = B + (I - B) / alpha looked up at fixed alphas; density of g there alpha^-3."""
    count = p.palette_alphas
    step = ALPHA_RANGE / count
    alpha = (torch.arange(count, device=image.device) + 0.5) * step + ALPHA_FROM  # (C,)
    difference = (image - clean).T[:, None] / alpha[:, None]  # (n, C, 3)
    density = palette.density(clean.T[:, None] + difference)
    log_weight = density.log() - 3 * alpha.log() + math.log(step)
    return _Components(
        log_weight,
        alpha.expand_as(log_weight),
        torch.full_like(log_weight, step * step / 12),
        palette.density(image.T).log(),
    )


def _least_alpha(pair: Pair, image: Tensor, clean: Tensor, noise: Tensor) -> Tensor:
    """(n,): the least alpha for which F = B + (I - B) / alpha lies in the plates' range."""
    low, high = pair.bounds
    slack = OUTSIDE * noise
    below = (clean - image - slack) / (clean - low).clamp_min(0.02)
    above = (image - clean - slack) / (high - clean).clamp_min(0.02)
    return torch.maximum(below.amax(0), above.amax(0)).clamp(0, 1)
