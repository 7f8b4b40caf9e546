"""A picture that is known at any place, between pixels too."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float32]


def scene(x: Array, y: Array, seed: int = 0) -> Array:
    """Colours in about [0.1, 0.8] at any place, (H, W, 3): waves from 60 down to 5 pixels."""
    random = np.random.default_rng(seed)
    total = np.zeros((*x.shape, 3))
    for length in np.geomspace(5, 60, 40):
        angle, phase = random.uniform(0, 2 * np.pi, 2)
        wave = np.sin(2 * np.pi * (x * np.cos(angle) + y * np.sin(angle)) / length + phase)
        total += wave[..., None] * random.uniform(0.2, 1, 3) * np.sqrt(length / 60)
    return (0.45 + 0.06 * total).clip(0.02, 0.9).astype(np.float32)
