"""How much two pictures of the same thing differ, and how much is too much.

Eq. 6 compares I with B. Grain is new in every frame, so the question becomes a test: the
difference of the two, over its standard deviation, beyond what grain reaches once in so many
pixels. Noise depends on the signal (photons, film, a display curve), so it is measured as a
function of brightness (noise_curve.py), from the pair itself, the subject in it or not.

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
from .noise_curve import SIDE, Curve, Windows, brightness, kth

PIXEL_ALARM = 1e-4  # share of the background's pixels that may fail the pixel's test
WINDOW_ALARM = 1e-3  # and of those that pass, the windows'
ROUNDING = 1.6 / 255  # two 8-bit roundings, RMS over the channels: nothing below is a difference
WINDOWS = (5, 9)  # sides at which means are tested
ENOUGH, STRIP = 1 << 18, 16  # pixels that are looked at; rows in a piece
TEXTURES = 3  # kinds of the clean plate's texture


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

        Of each pixel's own brightness, that of the brighter of the two: one dark pixel in a bright
        window has the noise of dark ones. Compression's is that of the window, and of how much it
        is textured.
        """
        windows = Windows.of_pair(_strips(image), _strips(clean))
        grey = clean.mean(1, keepdim=True)
        levels, of_grain = windows.levels(windows.flat())
        textured = _texture(grey)
        texture = _strips(textured)
        bounds = kth(texture, *(k / TEXTURES for k in range(1, TEXTURES)))
        compressed = windows.compression(torch.bucketize(texture, bounds), TEXTURES, of_grain)
        if not any(compressed):
            return cls(windows.grain(levels).at(brightness(image, clean)).sqrt())
        everywhere, rough = mean_around(grey, SIDE), torch.bucketize(textured, bounds)
        result = torch.zeros_like(everywhere)
        for t, found in enumerate(compressed):
            known = {**levels, **found} or windows.flat().known
            curve = Curve({place: known[place] for place in sorted(known)})
            result = torch.where(rough == t, curve.at(everywhere), result)
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


def _texture(grey: Tensor) -> Tensor:
    """How much a plate's brightness (1, 1, H, W) varies around each pixel: a variance."""
    return mean_around(grey.square(), 9) - mean_around(grey, 9).square()


def _sum(x: Tensor, size: int) -> Tensor:
    """Over what lies inside of the frame."""
    half = size // 2
    rows = functional.avg_pool2d(x, (size, 1), 1, (half, 0), divisor_override=1)
    return functional.avg_pool2d(rows, (1, size), 1, (0, half), divisor_override=1)
