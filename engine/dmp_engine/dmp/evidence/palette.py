"""The colours of the whole core, as a density over the colour cube.

Sources are taken near an undecided pixel; the palette knows what is farther away, so that an
island of the subject is not read as a mixture.
"""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional

from ..model.pair import Pair
from ..model.parameters import Parameters

LEAST = 1e-9  # density, against log 0
UNITS = 1 << 36  # of a pixel's weight, in which the histogram counts; 2^27 pixels fit 64 bits
MARGIN = 0.01  # of the cube, within which a colour outside of it still counts


class Palette:
    """A smoothed histogram of the core's encoded colours; the cube's mean density is 1."""

    def __init__(self, pair: Pair, weight: Tensor, parameters: Parameters) -> None:
        self.bins = n = parameters.palette_bins
        self.encoding = pair.encoding
        colours = pair.encoded().flatten(1).T  # (H W, 3)
        # Whole numbers add up to the same sum in any order: a GPU adds in another on each run.
        histogram = torch.zeros(n**3, dtype=torch.long, device=colours.device)
        whole = (weight.flatten().double() * UNITS).round().long()
        histogram.index_add_(0, self._bin(colours), whole)
        cube = (histogram / UNITS).view(1, 1, n, n, n)
        kernel = cube.new_tensor([0.054, 0.244, 0.404, 0.244, 0.054])  # a Gaussian of one bin
        kernel = kernel / kernel.sum()
        for axis in range(3):
            shape, pad = [1, 1, 1, 1, 1], [0] * 6
            shape[2 + axis] = 5
            pad[4 - 2 * axis] = pad[5 - 2 * axis] = 2
            padded = functional.pad(cube, pad, mode="replicate")
            cube = functional.conv3d(padded, kernel.view(shape))
        self._density = (cube / cube.sum().clamp_min(LEAST) * n**3).flatten() + LEAST

    def density(self, colours: Tensor) -> Tensor:
        """Density (...) of ``colours`` (..., 3) in the space in which layers add up."""
        shown = self.encoding.to_network(self.encoding.encode(colours))
        outside = ((shown < -MARGIN) | (shown > 1 + MARGIN)).any(-1)
        found = self._density[self._bin(shown.flatten(0, -2))].view(shown.shape[:-1])
        return torch.where(outside, LEAST, found)

    def _bin(self, shown: Tensor) -> Tensor:
        place = (shown * self.bins).long().clamp(0, self.bins - 1)
        return (place[..., 0] * self.bins + place[..., 1]) * self.bins + place[..., 2]
