"""How much two pictures of the same thing differ, and how much is too much.

Eq. 6 compares I with B. Grain is new in every frame, so the question becomes a test: the
difference of the two, over its standard deviation, beyond what grain reaches once in so many
pixels. Noise depends on the signal (photons, film, a display curve), so it is measured as a
function of brightness, from the pair itself, the subject in it or not.

White noise of sigma leaves sigma / w in the mean of w x w pixels. So a window shows what a
pixel cannot: two surfaces that lie within one pixel's noise but not within the window's are not
the same.

All values are encoded (encoding.py).
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch
from scipy import special  # scipy.stats costs each process another 0.3 CPU s
from torch import Tensor
from torch.nn import functional

from .box_filter import mean_around
from .encoding import Encoding

PIXEL_ALARM = 1e-4  # share of the background's pixels that may fail the pixel's test
WINDOW_ALARM = 1e-3  # and of those that pass, the windows'
ROUNDING = 1.6 / 255  # two 8-bit roundings, RMS over the channels: nothing below is a difference
WINDOWS = (5, 9)  # sides at which means are tested
LIMIT = 0.1  # sigma; more is no noise
ENOUGH, STRIP = 1 << 20, 16  # pixels that are looked at; rows in a piece
LEVELS, TEXTURES = 8, 3  # of brightness, of the clean plate's texture
PRIOR = 0.02  # of the frame: weight of the whole frame's noise in that of a level
QUANTILE = 5  # one in so many windows is background at least
FEWEST = 200  # pixels of a level
GATHERED = 1.8  # times the variance of a level's calmest tenth; grain in windows of 5 x 5: 1.2
SCATTERED, WHITE, CALMER = 8.0, 1.2, 3.0  # the same for compression, and for grain; see _compressed
FAR = 20.0  # times the variance by grain
VANISHING = 0.25  # of a window's mean square; white noise: 0.04
ROUNDED = 2 / 12 / 255**2  # variance of the difference of two roundings to 8 bits


def sigmas(alarm: float) -> float:
    """RMS over the three channels, in sigma, that noise exceeds with probability ``alarm``."""
    chi_squared = 2 * float(special.gammaincinv(3 / 2, 1 - alarm))  # its quantile
    return math.sqrt(chi_squared / 3)


@dataclass(frozen=True)
class Noise:
    """Standard deviation of one channel of I - B where both show the same, (1, 1, H, W)."""

    sigma: Tensor

    @classmethod
    def of_pair(cls, image: Tensor, clean: Tensor) -> Noise:
        """For encoded (1, 3, H, W).

        The smaller of two estimates at each brightness: the 20 % quantile of the local RMS
        difference (right as long as a fifth of what is that bright is background) and what the
        grain of the two frames, each by itself, would make (so that a pair with nothing in
        common is not taken for a very noisy one). Grain after Immerkaer, "Fast Noise Variance
        Estimation" (1996). Where the difference is more than that and yet no subject's it is
        compression's, which spares the finest detail and what is flat: see :func:`_compressed`.
        """
        grey = clean.mean(1, keepdim=True)
        everywhere, textured = mean_around(grey, 5), _texture(grey)
        texture = _strips(textured)
        image, clean = (_strips(x) for x in (image, clean))
        brightness = mean_around(clean.mean(1, keepdim=True), 5)
        apart = mean_around((image - clean).square().mean(1, keepdim=True), 5)
        mean = mean_around(image - clean, 5).square().mean(1, keepdim=True)
        grains = [mean_around(_grain(x), 5) for x in (image, clean)]
        edges = _edges(brightness)
        level = torch.bucketize(brightness, edges)
        of_image = torch.bucketize(mean_around(image.mean(1, keepdim=True), 5), edges)

        def by_grain(here: Tensor, there: Tensor) -> float:
            return 1.2**2 * (_low(grains[0][there]) + _low(grains[1][here]))

        def variance(here: Tensor, there: Tensor) -> float:
            return min(_low(apart[here]), by_grain(here, there), LIMIT**2)

        whole = variance(level >= 0, level >= 0)
        prior = PRIOR * level.numel()
        middle = [float(edges[0]), *((edges[1:] + edges[:-1]) / 2).tolist(), float(edges[-1])]
        measured_at: dict[float, float] = {}  # variance by brightness, where a level shows it
        white: set[float] = set()
        for k, place in enumerate(middle):
            here = level == k
            if _grainy(apart[here], mean[here]):
                count = int(here.sum())
                measured = variance(here, of_image == k)
                measured_at[place] = (count * measured + prior * whole) / (count + prior)
                if measured == _low(apart[here]):
                    white.add(place)
        if len(white) == len(middle):
            return cls(_interpolated(everywhere, measured_at).sqrt())

        bounds = torch.stack([_kth(texture, k / TEXTURES) for k in range(1, TEXTURES)])
        kind, rough = (torch.bucketize(x, bounds) for x in (texture, textured))
        result = torch.zeros_like(everywhere)
        for t in range(TEXTURES):
            mine = dict(measured_at)
            for k, place in enumerate(middle):
                here = (level == k) & (kind == t)
                if place not in white:
                    found = _compressed(apart[here], mean[here], by_grain(here, here))
                    if found is not None:
                        mine[place] = found
            in_order = {place: mine[place] for place in sorted(mine)} or {middle[0]: whole}
            result = torch.where(rough == t, _interpolated(everywhere, in_order), result)
        return cls(result.sqrt())

    def and_also(self, sigma: Tensor | None) -> Noise:
        """Together with an independent deviation (1, 1, H, W), if there is one."""
        if sigma is None:
            return self
        return Noise((self.sigma.square() + sigma.square()).sqrt())

    def tolerance(self) -> Tensor:
        """RMS difference over the channels of one pixel that is still none."""
        return (sigmas(PIXEL_ALARM) * self.sigma).clamp_min(ROUNDING)

    def where_mixed(self, clean: Tensor, encoding: Encoding) -> Tensor:
        """The same deviation in the space that layers add up in, (1, 3, H, W)."""
        shown = encoding.encode(clean)
        return (encoding.decode(shown + self.sigma) - encoding.decode(shown - self.sigma)) / 2


def same(image: Tensor, clean: Tensor, noise: Noise) -> tuple[Tensor, Tensor]:
    """Where a pixel passes its test, and where the windows around it do, (1, 1, H, W) each.

    A window's mean is of the pixels that passed their own: at the subject's edge it stands for
    the background beside it.
    """
    apart = image - clean
    equal = apart.square().mean(1, keepdim=True).sqrt() <= noise.tolerance()
    share = equal.to(image)
    agreed = equal.clone()
    for window in WINDOWS:
        count = _sum(share, window).clamp_min(1)
        mean = _sum(apart * share, window) / count
        deviation = _sum(noise.sigma * share, window) / count / count.sqrt()
        least = (sigmas(WINDOW_ALARM) * deviation).clamp_min(ROUNDING)
        agreed &= mean.square().mean(1, keepdim=True).sqrt() <= least
    return equal, agreed


def _strips(plate: Tensor) -> Tensor:
    """As many rows as the noise needs, in strips all over the plate."""
    height, width = plate.shape[-2:]
    every = height * width // ENOUGH
    if every < 2:
        return plate
    rows = torch.arange(height, device=plate.device)
    return plate[:, :, (rows // STRIP) % every == 0]


def _grain(plate: Tensor) -> Tensor:
    """Squared response of Immerkaer's kernel, whose mean is the noise's variance."""
    kernel = plate.new_tensor([[1.0, -2, 1], [-2, 4, -2], [1, -2, 1]]).div(6).expand(3, 1, 3, 3)
    return functional.conv2d(plate, kernel, groups=3, padding=1).square().mean(1, keepdim=True)


def _edges(brightness: Tensor) -> Tensor:
    """Bounds between the levels, evenly spaced, none narrower than 1 %."""
    low, high = (float(_kth(brightness, q)) for q in (0.02, 0.98))
    return torch.linspace(low, max(high, low + 0.01 * LEVELS), LEVELS + 1)[1:-1].to(brightness)


def _interpolated(x: Tensor, known: dict[float, float]) -> Tensor:
    """Piecewise linear through ``known``, whose places rise, and constant beyond them."""
    at, values = x.new_tensor(list(known)), x.new_tensor(list(known.values()))
    if len(known) == 1:
        return values.expand_as(x).clone()
    upper = torch.bucketize(x, at).clamp(1, len(known) - 1)
    lower = upper - 1
    share = ((x - at[lower]) / (at[upper] - at[lower])).clamp(0, 1)
    return values[lower] * (1 - share) + values[upper] * share


def _kth(x: Tensor, share: float) -> Tensor:
    return x.flatten().kthvalue(max(1, min(x.numel(), round(share * x.numel())))).values


def _grainy(apart: Tensor, mean: Tensor) -> bool:
    """Whether what differs in a level's calmest windows is grain.

    ``apart`` is the local mean of the squared difference, ``mean`` the square of its local mean.
    Grain's variances gather about one value and its means vanish; a subject's do neither.
    """
    return apart.numel() >= FEWEST and _scatter(apart) < GATHERED and _steady(apart, mean)


def _compressed(apart: Tensor, mean: Tensor, by_grain: float) -> float | None:
    """The variance of a level where compression made it more than ``by_grain``; else None.

    It gathers less than grain, so the calmest windows understate the others: their
    scatter shows how much, up to CALMER times. More than FAR times the grain is a subject's edge.
    """
    if apart.numel() < FEWEST or not by_grain < _low(apart) < FAR * (by_grain + ROUNDED):
        return None
    scatter = _scatter(apart)
    if scatter > SCATTERED or not _steady(apart, mean):
        return None
    calmer = min(max(1.0, scatter / WHITE) ** 2, CALMER)
    return min(calmer * _low(apart), LIMIT**2)


def _scatter(apart: Tensor) -> float:
    """The variance of the calmest third of the windows over that of the calmest tenth."""
    low, high = (float(_kth(apart, share)) + ROUNDED for share in (0.1, 0.3))
    return high / low


def _steady(apart: Tensor, mean: Tensor) -> bool:
    """Whether the means of the calmest windows vanish."""
    calm = apart <= _kth(apart, 1 / QUANTILE)
    return float(mean[calm].median()) < VANISHING * (float(apart[calm].median()) + ROUNDED)


def _texture(grey: Tensor) -> Tensor:
    """How much a plate's brightness (1, 1, H, W) varies around each pixel: a variance."""
    return mean_around(grey.square(), 9) - mean_around(grey, 9).square()


def _low(x: Tensor) -> float:
    """The 20 % quantile."""
    if x.numel() == 0:
        return LIMIT**2
    return float(x.flatten().kthvalue(max(1, x.numel() // QUANTILE)).values)


def _sum(x: Tensor, size: int) -> Tensor:
    """Over what lies inside of the frame."""
    half = size // 2
    rows = functional.avg_pool2d(x, (size, 1), 1, (half, 0), divisor_override=1)
    return functional.avg_pool2d(rows, (1, size), 1, (0, half), divisor_override=1)
