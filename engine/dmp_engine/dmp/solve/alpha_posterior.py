"""The posterior of alpha of one plate at the size at which it is given.

    p(alpha | I, B)  ~  prod_i  p(I_i | alpha_i)                  colour_mixture.py
                              [pi0 d(alpha_i) + pib Beta(b, b) + pi1 d(alpha_i - 1)]
                        exp(-lambda/2 alpha' L alpha)             matting_operator.py
                        prod_w  N(alpha_w; 1 - s_w, v_w)          background_texture.py

d is a point mass. There is no trimap: pixels far from any doubt are decided only to save work, and
each of the three passes decides anew with what the pass before found opaque as sources.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import torch
from torch import Tensor

from ..evidence.background_texture import TextureWindows
from ..evidence.colour_mixture import ColourMixture, colour_mixture, sample_sources
from ..evidence.palette import Palette
from ..evidence.window_veto import BackgroundTest, background_test
from ..model.constraints import Constraints
from ..model.neighbourhood import box_mean, dilate, distance_to, erode, gaussian_blur
from ..model.pair import Pair
from ..model.parameters import Parameters
from ..model.white_noise import WhiteNoise
from .expectation_propagation import GaussianSolve, Sites, Tilted, first_cavity, tilt
from .matting_operator import MattingOperator

BACKGROUND = 0.99  # probability of background above which a pixel is decided
OPAQUE = 0.98  # alpha above which a pixel's colour may be a source
PASSES = (2, 2, 4)  # solves of each pass
QUICK_PASSES = (2,)  # from an alpha that is known roughly
RESAMPLED = (1, 2)  # solves after which sources are sampled again
DOUBT = 10.0  # nat: bound of one pixel's evidence where the core is checked


@dataclass(frozen=True)
class AlphaPosterior:
    """Maps (H, W) of the posterior of alpha."""

    alpha: Tensor  # decided: 0 or 1 where that has more than half the mass
    mean: Tensor
    variance: Tensor  # 0 where alpha is decided
    zero: Tensor  # mass of alpha = 0
    one: Tensor  # mass of alpha = 1
    between: Tensor  # mean of the part between
    undecided: Tensor  # mask: solved pixels

    @property
    def between_variance(self) -> Tensor:
        """Variance of the part between."""
        mass = (1 - self.zero - self.one).clamp_min(1e-3)
        ends = self.zero * self.mean.square() + self.one * (1 - self.mean).square()
        spread = (self.variance - ends) / mass - (self.between - self.mean).square()
        return spread.clamp(1e-5, 0.1)


def steps_of(passes: tuple[int, ...]) -> int:
    """How many posteriors ``alpha_posterior`` yields."""
    return sum(solves + 1 for solves in passes)


def alpha_posterior(
    pair: Pair,
    constraints: Constraints,
    parameters: Parameters,
    noise: WhiteNoise,
    passes: tuple[int, ...] = PASSES,
    before: Tensor | None = None,
) -> Iterator[AlphaPosterior]:
    """Yields the posterior after each solve; the last of ``steps_of(passes)`` is the result.

    ``before`` (H, W) is an alpha that is known roughly, None where nothing is.
    """
    test = _with_constraints(background_test(pair, parameters), constraints)
    windows = TextureWindows.of_pair(pair, parameters)
    for solves in passes:
        for posterior in _solve_pass(
            pair, test, windows, constraints, before, solves, parameters, noise
        ):
            yield posterior
        before = posterior.alpha


def _with_constraints(test: BackgroundTest, constraints: Constraints) -> BackgroundTest:
    """The test where an artist has not decided otherwise."""
    probability = torch.where(constraints.empty, 1.0, test.probability)
    probability = torch.where(constraints.opaque, 0.0, probability)
    probability = torch.where(constraints.undecided, probability.clamp_max(0.5), probability)
    return BackgroundTest(probability, test.veto)


@dataclass(frozen=True)
class Regions:
    """Masks (H, W), and distances from the background in px@320."""

    background: Tensor
    undecided: Tensor
    core: Tensor  # source colours may be taken here
    distance: Tensor


def _regions(
    pair: Pair,
    test: BackgroundTest,
    constraints: Constraints,
    before: Tensor | None,
    p: Parameters,
) -> Regions:
    background = test.probability > BACKGROUND
    distance = distance_to(background) / pair.scale
    farthest = torch.where(background.any(), distance.amax(), torch.inf)
    undecided = ~background & (distance <= (0.6 * farthest).clamp_max(p.band))
    undecided |= dilate((test.probability > 0.5) & ~background, 1)
    core = distance > (0.5 * farthest).clamp_max(p.core_distance)
    if before is not None:
        undecided |= dilate(before < OPAQUE, p.growth) & ~background
        core &= erode(before > OPAQUE, 1)
    undecided |= constraints.undecided
    undecided &= ~(constraints.empty | constraints.opaque)
    core |= constraints.opaque
    return Regions(background, undecided, core, distance)


def _solve_pass(
    pair: Pair,
    test: BackgroundTest,
    windows: TextureWindows | None,
    constraints: Constraints,
    before: Tensor | None,
    solves: int,
    p: Parameters,
    noise: WhiteNoise,
) -> Iterator[AlphaPosterior]:
    regions = _regions(pair, test, constraints, before, p)
    squared = pair.difference().square().mean(0)
    weight = (1 - torch.exp(-squared / (2 * p.likeness**2))).clamp_min(0.01)
    palette = Palette(pair, weight * regions.core, p)
    opened = _holes(pair, test, regions, weight, palette, p, noise)
    seen = torch.zeros_like(weight)
    if windows is not None:
        seen = windows.openings(p)
        opened |= (seen > p.inside_odds) & ~regions.background
    opened &= ~(constraints.empty | constraints.opaque)
    undecided, core = regions.undecided | opened, regions.core & ~opened
    first = weight * core
    if before is not None:  # opaque pixels beside mixed ones are hardly clean enough as sources
        beside = dilate(before < OPAQUE, p.growth) & ~constraints.opaque
        first = torch.where(beside, p.rim_weight * first, first)
        core &= ~beside
    pixels = undecided.flatten().nonzero()[:, 0]
    decided = torch.where(regions.background, 0.0, 1.0)

    def at(x: Tensor) -> Tensor:
        return x.flatten()[pixels]

    def mixture(core: Tensor, weight: Tensor, spread: float) -> ColourMixture:
        sources = sample_sources(core, weight, pixels, p.sources, spread, noise, apart=0.5)
        found = colour_mixture(pair, pixels, sources, palette, p)
        return _with_veto(found, at(test.veto))

    likelihood = mixture(core, first, p.source_spread)
    solver = GaussianSolve(
        MattingOperator.of_pair(pair, undecided, decided, windows, p), undecided, p, noise
    )
    # First masses: a mixture is likely near the background and where its texture is seen through.
    near = at(regions.distance)
    mixed = torch.exp(-near / p.edge_falloff).clamp(p.mass_floor, 0.9)
    mixed = torch.maximum(mixed, at(seen).clamp_max(0.9))
    mixed = torch.where(at(constraints.undecided), mixed.clamp_min(0.5), mixed)
    empty = torch.where((near < 3) | at(constraints.undecided), 0.3, p.mass_floor)
    prior = torch.stack([empty, mixed, (1 - mixed).clamp_min(0.05)]).log()

    masses = torch.stack([1 - decided, torch.zeros_like(decided), decided])
    sites, cavity = Sites(), first_cavity(len(pixels), weight)
    for turn in range(solves):
        tilted = tilt(likelihood, cavity, prior, p)
        yield _posterior(tilted, decided, undecided, pixels)
        masses = _put(masses, pixels, tilted.masses)
        tau, h = sites.update(tilted, cavity, p.damping)
        cavity = solver.cavity(tau, h, tilted.mean)
        if turn in RESAMPLED:
            opaque = masses[2]
            again = torch.where(core & ~undecided, 1.0, opaque)
            found = core | (opaque > 0.5)
            likelihood = mixture(found, again * found, p.later_spread)
        around = gaussian_blur(masses, p.mass_blur * pair.scale).clamp_min(p.mass_floor)
        around = around / around.sum(0, keepdim=True)
        prior = around.flatten(1)[:, pixels].log()
    tilted = tilt(likelihood, cavity, prior, p)
    yield _posterior(tilted, decided, undecided, pixels)


def _holes(
    pair: Pair,
    test: BackgroundTest,
    regions: Regions,
    weight: Tensor,
    palette: Palette,
    p: Parameters,
    noise: WhiteNoise,
) -> Tensor:
    """Mask (H, W): core whose colours a mixture or B explains better than sources farther away."""
    inner = ~regions.undecided & ~regions.background
    pixels = inner.flatten().nonzero()[:, 0]
    sources = sample_sources(
        regions.core,
        weight * regions.core,
        pixels,
        p.inside_sources,
        p.source_spread,
        noise,
        apart=p.inside_distance * pair.scale,
    )
    sources = type(sources)(sources.pixels, sources.weights + 1e-9)
    found = _with_veto(
        colour_mixture(pair, pixels, sources, palette, p), test.veto.flatten()[pixels]
    )
    any_colour = torch.full_like(found.one, p.outlier_weight).log()
    mixed = torch.logaddexp(torch.logsumexp(found.log_weight, 1), any_colour)
    against = torch.maximum(mixed, found.zero) - torch.logaddexp(found.one, any_colour)
    odds = torch.zeros_like(weight).flatten()
    odds[pixels] = against.clamp(-DOUBT, DOUBT)
    odds = box_mean(odds.view(1, *weight.shape), 3)[0] * p.inside_gain
    probability = torch.sigmoid(odds + weight.new_tensor(p.mass_floor).log())
    return dilate((probability > p.inside_odds) & ~regions.background, 2)


def _with_veto(likelihood: ColourMixture, veto: Tensor) -> ColourMixture:
    return ColourMixture(**{**vars(likelihood), "zero": likelihood.zero + veto})


def _put(maps: Tensor, pixels: Tensor, values: Tensor) -> Tensor:
    """``maps`` (C, H, W) with ``values`` (C, N) at ``pixels``."""
    result = maps.flatten(1).clone()
    result[:, pixels] = values
    return result.view(maps.shape)


def _posterior(
    tilted: Tilted, decided: Tensor, undecided: Tensor, pixels: Tensor
) -> AlphaPosterior:
    def map_of(outside: Tensor, values: Tensor) -> Tensor:
        return _put(outside[None], pixels, values[None])[0]

    return AlphaPosterior(
        map_of(decided, tilted.decided),
        map_of(decided, tilted.mean),
        map_of(torch.zeros_like(decided), tilted.variance),
        map_of(1 - decided, tilted.zero),
        map_of(decided, tilted.one),
        map_of(decided, tilted.between),
        undecided,
    )
