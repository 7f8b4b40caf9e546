"""The networks' view of the plates: an invertible curve from compositing values to [0, 1].

Layers add up in the space the plates are solved in (scene-linear, or ``raw``
values as stored), so the compositing equation is always evaluated there. What
the networks emit, and where colour differences are judged, is the *encoded*
space, in which equal differences look alike:

    raw            e(x) = x
    scene-linear   e(x) = sRGB curve for |x| <= 1, sign(x) (1 + c ln|x|) above,
                   c = 1.055 / 2.4, the slope of the sRGB curve at 1

Both are monotone, continuously differentiable where it matters and invertible
for every finite value, negatives and 60.0 included. The network range [0, 1]
is the affine image of [low, high], the encoded extremes of the pair.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

SLOPE = 1.055 / 2.4  # of the sRGB curve at 1


@dataclass(frozen=True)
class Encoding:
    """``linear``: whether the plates are scene-linear; [low, high] in encoded units."""

    linear: bool
    low: float
    high: float

    @classmethod
    def of_pair(cls, image: Tensor, clean: Tensor, linear: bool) -> Encoding:
        """The encoding whose network range holds both plates, at least encoded [0, 1]."""
        unit = cls(linear, 0.0, 1.0)
        extremes = unit.encode(
            torch.stack([image.min(), clean.min(), image.max(), clean.max()]).view(1, 1, 2, 2)
        )
        return cls(linear, min(0.0, float(extremes.min())), max(1.0, float(extremes.max())))

    def encode(self, values: Tensor) -> Tensor:
        """Compositing values, any shape, to encoded values of the same shape."""
        if not self.linear:
            return values
        size = values.abs()
        curve = torch.where(
            size <= 0.0031308,
            12.92 * size,
            1.055 * size.clamp(0.0031308, 1.0).pow(1 / 2.4) - 0.055,
        )
        return torch.sign(values) * torch.where(
            size > 1, 1 + SLOPE * size.clamp_min(1).log(), curve
        )

    def decode(self, encoded: Tensor) -> Tensor:
        """The inverse of :meth:`encode`; differentiable."""
        if not self.linear:
            return encoded
        size = encoded.abs()
        curve = torch.where(
            size <= 0.04045,
            size / 12.92,
            ((size.clamp(0.04045, 1.0) + 0.055) / 1.055).pow(2.4),
        )
        above = ((size.clamp_min(1.0) - 1) / SLOPE).exp()
        return torch.sign(encoded) * torch.where(size > 1, above, curve)

    def to_network(self, encoded: Tensor) -> Tensor:
        """Encoded values to the networks' [0, 1]."""
        return (encoded - self.low) / (self.high - self.low)

    def from_network(self, values: Tensor) -> Tensor:
        """The networks' [0, 1] to encoded values."""
        return self.low + values * (self.high - self.low)
