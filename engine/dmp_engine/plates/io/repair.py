"""Values that no picture has: NaN, infinity, fireflies beyond what half can hold.

    too large, infinite    become the largest half: the layers are half, and nothing shines more
    NaN, in a few pixels   are filled from the pixels around them, channel by channel
    NaN, or too large,     a frame that did not render, or another unit of light; PlateError
    in many

All that was done is reported in a sentence for the artist.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from scipy import ndimage

LARGEST = 65504.0  # the largest half
FEW, REACH = 0.005, 8.0  # share of the frame that may be NaN; pixels to the next that is not
BLAZING = 0.05  # share of the frame that may be beyond half: the sun's disc, a lamp


@dataclass(frozen=True, eq=False)
class Repaired:
    """Pixels (H, W, C) that are finite in half, and where they were changed (H, W)."""

    pixels: npt.NDArray[np.float32]
    filled: npt.NDArray[np.bool_]
    clamped: npt.NDArray[np.bool_]

    def note(self, called: str) -> str:
        """For the artist; empty where nothing was done.

        ``called``: what the artist calls it. A file's name has no place in a note: an engine reads
        a copy of it, and the result may be that of another file of the same content.
        """
        done = []
        if self.filled.any():
            done.append(f"{_pixels(self.filled)} without a value (NaN) filled from around")
        if self.clamped.any():
            done.append(f"{_pixels(self.clamped)} clamped to the largest value of half (65504)")
        return f"The {called}: {', '.join(done)}." if done else ""


def repaired(pixels: npt.NDArray[np.float32]) -> Repaired | None:
    """``pixels`` (H, W, C) without NaN and within half; None where too much would be invented."""
    none = np.isnan(pixels)
    large = np.abs(np.where(none, 0, pixels)) > LARGEST
    filled, clamped = _any(none), _any(large)
    if not filled.any() and not clamped.any():
        return Repaired(pixels, filled, clamped)
    if filled.mean() > max(FEW, 1 / filled.size) or clamped.mean() > BLAZING:
        return None
    pixels = np.where(none, np.float32(0), np.clip(pixels, -LARGEST, LARGEST))
    if filled.any():
        far, near = ndimage.distance_transform_edt(filled, return_indices=True)
        if far.max() > REACH:
            return None
        pixels = _filled(pixels, none, near)
    return Repaired(pixels, filled, clamped)


def _filled(
    pixels: npt.NDArray[np.float32], none: npt.NDArray[np.bool_], near: npt.NDArray[np.int32]
) -> npt.NDArray[np.float32]:
    """Each NaN as the median of the values in its window of 3 x 3, else as the nearest pixel."""
    result = pixels.copy()
    for y, x, channel in np.argwhere(none):
        rows, columns = slice(max(0, y - 1), y + 2), slice(max(0, x - 1), x + 2)
        there = ~none[rows, columns, channel]
        around = pixels[rows, columns, channel][there]
        source = near[:, y, x]
        result[y, x, channel] = (
            np.median(around) if around.size else pixels[source[0], source[1], channel]
        )
    return result


def _any(channels: npt.NDArray[np.bool_]) -> npt.NDArray[np.bool_]:
    result: npt.NDArray[np.bool_] = np.asarray(channels.any(axis=2))
    return result


def _pixels(where: npt.NDArray[np.bool_]) -> str:
    count = int(where.sum())
    return f"{count} pixel{'' if count == 1 else 's'}"
