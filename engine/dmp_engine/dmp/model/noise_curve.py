"""The variance of I - B by brightness where both show the same, measured in a pair's windows.

At each brightness it is the smaller of two estimates: the 20 % quantile of the local mean square
difference (right as long as a fifth of what is that bright is background) and what the grain of
the two frames, each by itself, would make (so that a pair with nothing in common is not taken for
a very noisy one). Grain after Immerkaer, "Fast Noise Variance Estimation" (1996).

A window holds darker and brighter pixels, and noise that is one number in linear values is ten
times as strong in the shadows of a display curve. So the estimates are repeated with each window
divided by what the last curve expects of its pixels.

All values are encoded (encoding.py).
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn import functional

from .box_filter import mean_around

SIDE = 5  # pixels of a window's side
LIMIT = 0.1  # sigma; more is no noise
LEVELS = 8  # of brightness
PRIOR = 0.02  # of the frame: weight of all levels' noise in that of one
QUANTILE = 5  # one in so many windows is background at least
FEWEST = 200  # pixels of a level
MORE_THAN_GRAIN = 1.44  # times the grain's variance, that the difference may have
GATHERED = 1.8  # times the variance of a level's calmest tenth; grain in windows of 5 x 5: 1.2
SCATTERED, WHITE, CALMER = 8.0, 1.2, 3.0  # the same for compression, and for grain
FAR = 20.0  # times the variance by grain
VANISHING = 0.25  # of a window's mean square; white noise: 0.04
ROUNDED = 2 / 12 / 255**2  # variance of the difference of two roundings to 8 bits
TURNS, SETTLED = 3, 0.1  # of the estimates; ended when no level changes by more than this share
TOE, STEEPEST = 0.04, 2.8  # of the sRGB curve: its straight part; variance there ~ brightness^-2.8


@dataclass(frozen=True)
class Curve:
    """Variance by brightness through ``known``, whose places rise; constant above the brightest.

    Without ``power`` it is piecewise linear, and constant below the darkest place. With it, it
    grows below as brightness^-power, and is straight between two places where both have logarithms.
    """

    known: dict[float, float]
    power: float = 0.0

    def at(self, x: Tensor) -> Tensor:
        """The variance at each brightness ``x``, any shape."""
        at, values = x.new_tensor(list(self.known)), x.new_tensor(list(self.known.values()))
        if len(self.known) == 1:
            return values.expand_as(x).clone()
        upper = torch.bucketize(x, at).clamp(1, len(self.known) - 1)
        lower = upper - 1
        if not self.power:
            share = ((x - at[lower]) / (at[upper] - at[lower])).clamp(0, 1)
            return values[lower] * (1 - share) + values[upper] * share
        x, at, values = x.clamp_min(TOE).log(), at.clamp_min(TOE).log(), (values + ROUNDED).log()
        share = ((x - at[lower]) / (at[upper] - at[lower]).clamp_min(1e-6)).clamp(0, 1)
        darker = self.power * (at[0] - x).clamp_min(0)
        between = values[lower] * (1 - share) + values[upper] * share + darker
        return (between.exp() - ROUNDED).clamp(0, LIMIT**2)

    def is_like(self, other: Curve) -> bool:
        """Whether both have the same places, and no level differs by more than SETTLED."""
        return self.known.keys() == other.known.keys() and all(
            abs(self.known[place] - value) <= SETTLED * (value + ROUNDED)
            for place, value in other.known.items()
        )


@dataclass(frozen=True)
class Partition:
    """Pixels in groups, those of a group together."""

    order: Tensor
    counts: list[int]

    @classmethod
    def of(cls, group: Tensor, number: int) -> Partition:
        """Into ``number`` groups; ``group`` is each pixel's, any shape."""
        group = group.flatten()
        counts = torch.bincount(group, minlength=number).tolist()
        return cls(group.argsort(stable=True), counts)

    def split(self, x: Tensor) -> Sequence[Tensor]:
        """The values ``x`` of each group, (N,)."""
        return torch.split(x.flatten()[self.order], self.counts)


@dataclass(frozen=True)
class Group:
    """What the calmest of some windows show."""

    count: int
    tenth: float  # quantiles of the local mean square difference: 10 %
    fifth: float  # 20 %
    third: float  # 30 %
    calm: float  # median of the calmest fifth
    calm_mean: float  # and of the square of their mean difference
    grain_of_image: float
    grain_of_clean: float

    @property
    def by_grain(self) -> float:
        """The variance that the grain of the two frames, each by itself, would make."""
        return MORE_THAN_GRAIN * (self.grain_of_image + self.grain_of_clean)

    @property
    def variance(self) -> float:
        return min(self.fifth, self.by_grain)

    @property
    def scatter(self) -> float:
        """The variance of the calmest third of the windows over that of the calmest tenth."""
        return (self.third + ROUNDED) / (self.tenth + ROUNDED)

    @property
    def is_grain(self) -> bool:
        """Whether what differs in the calmest windows is grain.

        Grain's variances gather about one value and its means vanish; a subject's do neither.
        """
        return self.count >= FEWEST and self.scatter < GATHERED and self.is_steady

    @property
    def is_steady(self) -> bool:
        """Whether the means of the calmest windows vanish."""
        return self.calm_mean < VANISHING * (self.calm + ROUNDED)

    def compression(self) -> float | None:
        """The variance where compression made it more than the grain.

        It gathers less than grain, so the calmest windows understate the others: their scatter
        shows how much, up to CALMER times. More than FAR times the grain is a subject's edge.
        """
        grain = self.by_grain
        if self.count < FEWEST or not grain < self.fifth < FAR * (grain + ROUNDED):
            return None
        if self.scatter > SCATTERED or not self.is_steady:
            return None
        calmer = min(max(1.0, self.scatter / WHITE) ** 2, CALMER)
        return min(calmer * self.fifth, LIMIT**2)


@dataclass(frozen=True)
class Windows:
    """What the windows around the pixels of a pair show, (1, 1, H, W) each."""

    pixel: Tensor  # brightness of the pixel in the middle
    level: Tensor  # of the window's brightness in the clean plate, 0 to LEVELS - 1
    of_clean: Partition  # into these levels
    of_image: Partition  # into those of the plate's brightness
    apart: Tensor  # local mean of the squared difference
    mean: Tensor  # square of the local mean difference
    grain_of_image: Tensor
    grain_of_clean: Tensor
    places: tuple[float, ...]  # brightness in the middle of each level

    @classmethod
    def of_pair(cls, image: Tensor, clean: Tensor) -> Windows:
        """For encoded (1, 3, H, W)."""
        bright = mean_around(clean.mean(1, keepdim=True), SIDE)
        low, high = kth(bright, 0.02, 0.98).tolist()
        # Evenly spaced, none narrower than 1 %.
        step = max(high - low, 0.01 * LEVELS) / LEVELS
        bounds = bright.new_tensor([low + k * step for k in range(1, LEVELS)])
        level, of_image = (
            torch.bucketize(x, bounds)
            for x in (bright, mean_around(image.mean(1, keepdim=True), SIDE))
        )
        apart = image - clean
        return cls(
            brightness(image, clean),
            level,
            Partition.of(level, LEVELS),
            Partition.of(of_image, LEVELS),
            mean_around(apart.square().mean(1, keepdim=True), SIDE),
            mean_around(apart, SIDE).square().mean(1, keepdim=True),
            mean_around(_grain(image), SIDE),
            mean_around(_grain(clean), SIDE),
            tuple(low + (k + 0.5) * step for k in range(LEVELS)),
        )

    def grain(self, levels: dict[float, float]) -> Curve:
        """The noise where all of it is grain; ``levels`` are those of the flat curve."""
        curve = self.curve(levels)
        for _ in range(TURNS - 1):
            before, curve = curve, self.curve(self.levels(curve)[0])
            if curve.is_like(before):
                break
        return curve

    def flat(self) -> Curve:
        """One number for all."""
        return Curve({self.places[0]: min(self._variance_of_all(), LIMIT**2)})

    def curve(self, levels: dict[float, float]) -> Curve:
        """Through the variance by brightness ``levels``; where a subject hides darker ones, theirs.

        That is what the frames' own grain shows there, as far as the noise grows towards black:
        grain cannot be told from fine texture.
        """
        if not levels:
            return self.flat()
        darkest, variance = next(iter(levels.items()))
        power, known = _power(levels), {}
        grows = STEEPEST if power is None else power
        if self.places[0] < darkest:
            for place, group in zip(self.places, self._groups(), strict=True):
                if TOE < place < darkest:
                    known[place] = min(group.by_grain, variance * (darkest / place) ** grows)
        known |= levels
        return Curve(known, _power(known) or 0.0)

    def compression(
        self, kind: Tensor, kinds: int, grain: dict[float, int]
    ) -> list[dict[float, float]]:
        """Variance by brightness of each ``kind`` of windows, where it is compression's.

        ``grain`` is how many windows show nothing else, by brightness. A pair is compressed or is
        not: where these are more, a few others look like compression by chance.
        """
        parts = Partition.of(kind * LEVELS + self.level, kinds * LEVELS)
        groups = _measured(*(parts.split(x) for x in self._maps()))
        found: list[dict[float, float]] = [{} for _ in range(kinds)]
        windows = 0
        for number, group in enumerate(groups):
            place, variance = self.places[number % LEVELS], group.compression()
            if place not in grain and variance is not None:
                found[number // LEVELS][place] = variance
                windows += group.count
        return found if windows > sum(grain.values()) else []

    def levels(self, curve: Curve) -> tuple[dict[float, float], dict[float, int]]:
        """Variance by brightness where a level shows grain, and those that show nothing else.

        The latter are how many windows have more than rounding, by brightness.

        Each window is taken as if its pixels were as bright as the middle of its level;
        ``curve`` is how the noise of brighter and darker pixels compares.
        """
        expected = mean_around(curve.at(self.pixel), SIDE) + ROUNDED
        of_levels = curve.at(self.apart.new_tensor(self.places)) + ROUNDED
        share = self._variance_of_all(expected)
        groups = self._groups(of_levels[self.level] / expected)
        found, alone = {}, {}
        for place, group, here in zip(self.places, groups, of_levels.tolist(), strict=True):
            if group.is_grain:
                prior = PRIOR * self.level.numel()
                together = group.count * group.variance + prior * share * here
                found[place] = min(together / (group.count + prior), LIMIT**2)
                if group.variance == group.fifth:
                    alone[place] = group.count if found[place] > ROUNDED else 0
        return found, alone

    def _maps(self) -> tuple[Tensor, Tensor, Tensor, Tensor]:
        return self.apart, self.mean, self.grain_of_image, self.grain_of_clean

    def _groups(self, factor: Tensor | float = 1.0) -> list[Group]:
        """Each level, the variances times ``factor``; the plate's grain where that is as bright."""
        apart, mean, image, clean = (x * factor for x in self._maps())
        return _measured(
            self.of_clean.split(apart),
            self.of_clean.split(mean),
            self.of_image.split(image),
            self.of_clean.split(clean),
        )

    def _variance_of_all(self, divisor: Tensor | float = 1.0) -> float:
        maps = (self.apart, self.grain_of_image, self.grain_of_clean)
        lows: list[float] = torch.stack([_low(x / divisor) for x in maps]).tolist()
        apart, image, clean = lows
        return min(apart, MORE_THAN_GRAIN * (image + clean))


def _measured(
    apart: Sequence[Tensor],
    mean: Sequence[Tensor],
    image: Sequence[Tensor],
    clean: Sequence[Tensor],
) -> list[Group]:
    """The groups whose values these are; the host waits once."""
    columns = []
    for a, m, of_image, of_clean in zip(apart, mean, image, clean, strict=True):
        tenth, calm, third = kth(a, 0.1, 1 / QUANTILE, 0.3)
        medians = [torch.where(a <= calm, x, torch.nan).nanmedian() for x in (a, m)]
        columns.append(torch.stack([tenth, calm, third, *medians, _low(of_image), _low(of_clean)]))
    counts = [a.numel() for a in apart]
    found = torch.stack(columns).tolist()
    return [Group(count, *column) for count, column in zip(counts, found, strict=True)]


def brightness(image: Tensor, clean: Tensor) -> Tensor:
    """Of the brighter of the two at each pixel, (1, 1, H, W)."""
    return torch.maximum(image.mean(1, keepdim=True), clean.mean(1, keepdim=True))


def kth(x: Tensor, *shares: float) -> Tensor:
    """The values (S,) that these shares of ``x`` do not exceed; LIMIT's variance if it is empty."""
    if x.numel() == 0:
        return x.new_full((len(shares),), LIMIT**2)
    x = x.flatten()
    places = [max(1, min(len(x), round(share * len(x)))) for share in shares]
    if x.device.type == "cpu":
        return torch.stack([x.kthvalue(place).values for place in places])
    ordered = x.sort().values  # a GPU selects with few of its threads, and sorts with all
    return torch.stack([ordered[place - 1] for place in places])


def _power(known: dict[float, float]) -> float | None:
    """By which the variance grows towards black, of the best line through all places.

    At most as constant linear noise does under the sRGB curve; None where too few places show it.
    """
    seen = [(math.log(x), math.log(v + ROUNDED)) for x, v in known.items() if x > TOE]
    if len(seen) < 3:
        return None
    middle = math.fsum(x for x, _ in seen) / len(seen)
    slope = math.fsum((x - middle) * v for x, v in seen)
    slope /= math.fsum((x - middle) ** 2 for x, _ in seen)
    return min(max(-slope, 0.0), STEEPEST)


def _grain(plate: Tensor) -> Tensor:
    """Squared response of Immerkaer's kernel, whose mean is the noise's variance."""
    kernel = plate.new_tensor([[1.0, -2, 1], [-2, 4, -2], [1, -2, 1]]).div(6).expand(3, 1, 3, 3)
    return functional.conv2d(plate, kernel, groups=3, padding=1).square().mean(1, keepdim=True)


def _low(x: Tensor) -> Tensor:
    return kth(x, 1 / QUANTILE)[0]
