"""What the sources of evidence report: alpha of a pixel, and how far it can be trusted."""

from __future__ import annotations

from dataclasses import dataclass

from torch import Tensor

REFERENCE_SIDE = 320
GRAINY = 2.0  # roundings that a tolerance of grain is at least


@dataclass(frozen=True)
class Sampled:
    """Per pixel, (1, 1, H, W): alpha in [0, 1] and its confidence, 0 where nothing was sampled."""

    alpha: Tensor
    confidence: Tensor


@dataclass(frozen=True)
class SeenThrough:
    """Per pixel (1, 1, H, W): alpha in [0, 1] by texture, and the variance of its error."""

    alpha: Tensor
    variance: Tensor
