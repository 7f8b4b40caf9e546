"""One frame's plate and clean plate, in the units in which the model compares colours."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from .encoding import Encoding
from .parameters import Parameters

STEP = 0.5 / 255  # encoded, for the slope of the display curve


@dataclass(frozen=True)
class Pair:
    """I and B in the space in which layers add up, and what one encoded unit is there.

    The compositing equation I = alpha F + (1 - alpha) B holds for values as they add up, but
    noise and differences of colour are alike in encoded values. So the model divides all
    differences of a pixel's colours by ``unit``, the slope of the display curve at the pixel's
    brightness: the equation stays linear and standard deviations are in encoded units.
    """

    image: Tensor  # I, (3, H, W)
    clean: Tensor  # B, (3, H, W)
    encoding: Encoding
    unit: Tensor  # (H, W): values that add up, for one encoded unit
    sigma: Tensor  # (H, W): standard deviation of one channel of I - B, encoded
    sigma_tests: Tensor  # the same where the plate shows B: the fit has removed part of its error
    bounds: tuple[Tensor, Tensor]  # least and largest value that F may have

    @classmethod
    def of(
        cls,
        image: Tensor,
        clean: Tensor,
        encoding: Encoding,
        parameters: Parameters,
        sigma: Tensor | None = None,
        sigma_tests: Tensor | None = None,
    ) -> Pair:
        """``image`` and ``clean`` are (1, 3, H, W), ``sigma`` (1, 1, H, W) beyond rounding.

        ``sigma_tests`` is ``sigma`` where it is not given.
        """
        brightness = torch.maximum(image.mean(1), clean.mean(1))
        shown = encoding.encode(brightness)
        unit = (encoding.decode(shown + STEP) - encoding.decode(shown - STEP)) / (2 * STEP)
        rounding = torch.full_like(unit[0], parameters.rounding)

        def with_rounding(x: Tensor | None) -> Tensor:
            return rounding if x is None else (rounding.square() + x[0, 0].square()).sqrt()

        noise = with_rounding(sigma)
        tests = noise if sigma_tests is None else with_rounding(sigma_tests)
        low = torch.minimum(image.min(), clean.min()).clamp_max(0)
        high = torch.maximum(image.max(), clean.max()).clamp_min(1)
        return cls(image[0], clean[0], encoding, unit[0], noise, tests, (low, high))

    @property
    def size(self) -> tuple[int, int]:
        """Height and width."""
        return self.image.shape[-2], self.image.shape[-1]

    @property
    def scale(self) -> float:
        """Pixels of this plate for one px@320."""
        return max(self.size) / 320

    def difference(self) -> Tensor:
        """g = I - B in encoded units, (3, H, W)."""
        return (self.image - self.clean) / self.unit

    def encoded(self) -> Tensor:
        """I as displayed, [0, 1], (3, H, W)."""
        return self.encoding.to_network(self.encoding.encode(self.image))
