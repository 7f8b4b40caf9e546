"""The sRGB curve of IEC 61966-2-1 for arrays; dmp/model/encoding.py has it for tensors.

Both are exact to the precision of what they are given. OpenColorIO's own evaluation is off by
2.4e-5, so that white becomes 1.00002.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray


def srgb_to_linear(pixels: NDArray[np.float32]) -> NDArray[np.float32]:
    """Display values to scene-linear, any shape; 1 stays 1, negative values follow the line."""
    low = pixels * np.float32(1 / 12.92)
    base = (np.maximum(pixels, np.float32(0)) + np.float32(0.055)) / np.float32(1.055)
    return np.where(pixels <= np.float32(0.04045), low, base ** np.float32(2.4))


def linear_to_srgb(pixels: NDArray[Any]) -> NDArray[Any]:
    """Scene-linear float values, any shape, as a display wants them; clipped to [0, 1]."""
    clipped = np.clip(pixels, 0, 1)
    bright = 1.055 * clipped ** (1 / 2.4) - 0.055
    shown: NDArray[Any] = np.where(clipped <= 0.0031308, 12.92 * clipped, bright)
    return shown
