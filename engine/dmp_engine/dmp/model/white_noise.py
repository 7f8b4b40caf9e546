"""Normal numbers that depend on the seed alone: the same on the CPU and on every GPU.

torch's generator of a GPU draws other numbers than that of the CPU, and others again on a GPU
with more processors. A farm mixes them, so the numbers are drawn on the host and copied.
"""

from __future__ import annotations

import torch
from torch import Tensor


class WhiteNoise:
    """Draws of N(0, 1), one after another."""

    def __init__(self, seed: int) -> None:
        self._generator = torch.Generator().manual_seed(seed)

    def draw(self, shape: tuple[int, ...], device: torch.device) -> Tensor:
        """The next numbers, float32, on ``device``."""
        return torch.randn(shape, generator=self._generator).to(device)
