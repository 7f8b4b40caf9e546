"""How a plate and its clean plate are compared before they fit: by detail, whatever the light.

    encoded     equal differences look alike; highlights of a scene-linear plate are bounded
    detail      the luma without its local mean, over its local contrast: gain, offset, vignette
                and slow light drop out
    agreement   normalised correlation of two details: near 1 where both show the same thing

Arrays are float32; colours (H, W, 3), maps (H, W). Lengths in pixels are those of the array
at hand: a comparison at a smaller size sees coarser detail.
"""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
import numpy.typing as npt
import torch

from ...dmp.model.encoding import Encoding

Floats = npt.NDArray[np.float32]
Mask = npt.NDArray[np.bool_]

LOCAL = 6.0  # sigma of the local mean and contrast
FAINT = 0.02  # encoded contrast below which a place counts as flat, about that of grain
WINDOW = 11  # side of the correlated windows
TEXTURE = 0.25  # least RMS detail of a window that can agree at all
AGREE = 0.7  # correlation from which a window shows the same thing


@dataclass(frozen=True, eq=False)
class Detail:
    """One plate's detail and where it was seen; ``valid`` is False where there were no pixels."""

    pixels: Floats  # (H, W), about -3 to 3, RMS near 1 where there is texture
    valid: Mask  # (H, W)


def encoded(rgb: Floats, linear: bool) -> Floats:
    """The plate in encoded units, see dmp/encoding.py."""
    if not linear:
        return rgb
    result: Floats = Encoding(True, 0.0, 1.0).encode(torch.from_numpy(rgb)).numpy()
    return result


def detail(shown: Floats, valid: Mask | None = None) -> Detail:
    """The detail of an encoded plate."""
    luma = shown.mean(axis=2)
    high = luma - cv2.GaussianBlur(luma, (0, 0), LOCAL)
    contrast = np.sqrt(cv2.GaussianBlur(high * high, (0, 0), LOCAL) + FAINT * FAINT)
    return Detail(high / contrast, np.ones(luma.shape, bool) if valid is None else valid)


def agreement(one: Detail, other: Detail) -> Floats:
    """Correlation in [-1, 1] of the windows around each pixel; 0 where one is flat or invalid."""
    size = (WINDOW, WINDOW)
    # a little blur, so that grain weighs less than what both plates show
    a, b = (cv2.GaussianBlur(x.pixels, (0, 0), 1.0) for x in (one, other))
    both = cv2.boxFilter(a * b, -1, size)
    power = [cv2.boxFilter(x * x, -1, size) for x in (a, b)]
    textured = (power[0] > TEXTURE**2) & (power[1] > TEXTURE**2)
    known = cv2.erode((one.valid & other.valid).astype(np.uint8), np.ones(size, np.uint8)) > 0
    correlation = both / np.sqrt(np.maximum(power[0] * power[1], 1e-12))
    result: Floats = np.where(textured & known, correlation, 0).astype(np.float32)
    return result


def shrunk(pixels: Floats, longest: int) -> Floats:
    """``pixels`` with a long side of at most ``longest``, by area filtering."""
    height, width = pixels.shape[:2]
    scale = longest / max(height, width)
    if scale >= 1:
        return pixels
    size = (max(1, round(width * scale)), max(1, round(height * scale)))
    result: Floats = cv2.resize(pixels, size, interpolation=cv2.INTER_AREA)
    return result
