"""What the network sees of a pixel: 24 maps, in windows of 3 x 3.

The model's own account of the pixel (alpha, masses, spread), differences of I, B and F, and the
same account of the surroundings. Raw colours are not among them: the recompositions share them.
"""

from __future__ import annotations

from dataclasses import dataclass, fields

import torch
from torch import Tensor
from torch.nn import functional

from ..model.neighbourhood import box_mean, gaussian_blur

COUNT = 24
SIDE = 3  # pixels: the network's window
NEAR, FAR = 2.0, 4.0  # pixels: sigma of the surroundings
REACH = 16  # pixels beyond which nothing enters a pixel's features
STRIP = 1 << 18  # pixels whose maps are made at once
DECIDED = 0.99  # mass of alpha = 0 or 1 above which the network does not touch a pixel
WHITE = 1.0  # of a display, in the plates' unit: above it are highlights
LEAST_POWER = 1e-4  # of F - B, where alpha is its projection


@dataclass(frozen=True)
class Estimate:
    """What the model made of a pair: colours (3, H, W), all else (H, W)."""

    image: Tensor
    clean: Tensor
    foreground: Tensor
    unit: Tensor  # see model/pair.py
    alpha: Tensor  # with F together: what is to be corrected
    first_alpha: Tensor  # the posterior's, before
    variance: Tensor
    zero: Tensor  # mass of alpha = 0
    one: Tensor
    mean: Tensor
    between: Tensor  # mean of the part between
    undecided: Tensor  # mask

    def correctable(self) -> Tensor:
        """Flat indices (N,) of the pixels that are the network's: never a decided core.

        Nor a highlight: it is one of a few, and the network would extrapolate to it from the rest.
        """
        open_ = self.undecided & (self.zero < DECIDED) & (self.one < DECIDED)
        open_ &= (self.image <= WHITE).all(0)
        return (open_ & (self.alpha > 0) & (self.alpha < 1)).flatten().nonzero()[:, 0]

    def rows(self, start: int, stop: int) -> Estimate:
        """Some rows of it."""
        return Estimate(*(getattr(self, each.name)[..., start:stop, :] for each in fields(self)))


def windows_of(estimate: Estimate, pixels: Tensor) -> Tensor:
    """The features (N, 24 * 9) in the windows around ``pixels`` (N,), flat indices in order."""
    height, width = estimate.alpha.shape
    rows = max(1, STRIP // width)
    parts = []
    for top in range(0, height, rows):
        here = pixels[(pixels >= top * width) & (pixels < (top + rows) * width)]
        if len(here):
            start = max(0, top - REACH)
            part = estimate.rows(start, min(height, top + rows + REACH))
            parts.append(_windows(_maps(part), here - start * width))
    if not parts:
        return estimate.alpha.new_zeros(0, COUNT * SIDE**2)
    return torch.cat(parts)


def _windows(maps: Tensor, pixels: Tensor) -> Tensor:
    width = maps.shape[-1]
    padded = functional.pad(maps[None], [1] * 4, mode="replicate")[0]
    corner = pixels // width * (width + 2) + pixels % width
    flat = padded.flatten(1)
    shifts = [y * (width + 2) + x for y in range(SIDE) for x in range(SIDE)]
    return torch.stack([flat[:, corner + shift] for shift in shifts]).flatten(0, 1).T.contiguous()


def _maps(e: Estimate) -> Tensor:
    """(24, H, W); colours in encoded units."""
    plate = (e.image - e.clean) / e.unit
    subject = (e.foreground - e.clean) / e.unit
    rest = (e.image - e.foreground) / e.unit
    power = subject.square().sum(0).clamp_min(LEAST_POWER)
    projection = ((plate * subject).sum(0) / power).clamp(0, 1)
    misfit = plate - e.alpha * subject
    spread = box_mean(plate.square(), SIDE) - box_mean(plate, SIDE).square()
    changed = e.alpha - e.first_alpha
    around = torch.stack([e.alpha, e.zero, e.one, changed.abs()])
    return torch.stack(
        [
            e.first_alpha,
            e.alpha,
            e.variance.clamp_min(0).sqrt(),
            e.zero,
            e.one,
            e.mean,
            e.between,
            changed,
            (e.alpha > 0).float(),
            (e.alpha < 1).float(),
            *plate,
            _length(subject),
            _length(plate),
            _length(rest),
            projection,
            _length(misfit),
            spread.clamp_min(0).sum(0).sqrt(),
            *gaussian_blur(around, NEAR),
            gaussian_blur(e.alpha[None], FAR)[0],
        ]
    )


def _length(x: Tensor) -> Tensor:
    return x.square().sum(0).sqrt()
