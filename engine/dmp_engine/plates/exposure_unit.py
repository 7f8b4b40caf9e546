"""The unit in which a pair is solved: a plate five stops under is the same plate in another unit.

Light has no unit. A camera's log decoded by another curve, a renderer that counts in candela, a
lamp that was dimmed: all are the same picture times a factor. What is judged in encoded values
(dmp/model/encoding.py) assumes that white is near 1, so a pair far from that is multiplied by a
power of two, which changes no digit of a float, and the layers are multiplied back.

A pair whose brightness lies within the limits is not touched, to the bit. Plates of 8 bits are
never touched: they have no shadows that could be made brighter. Both plates and all frames that
are solved together get one factor, that of the frame they are solved for.
"""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np

from .io.colour_space import RAW
from .io.read import PlateImage

WHITE = 0.99  # quantile of the brightest channel that counts as the white of a pair
DARK, WHITE_AIM = 2.0**-4, 1.0  # of that; below the first it is brought to within a stop of this
BRIGHT, MIDDLE_AIM = 2.0, 0.25  # of the median; a window in the sun is not the whole picture
LARGEST = 2.0**40  # of a factor either way, so that no float leaves its range


def unit_of(image: PlateImage, clean: PlateImage) -> float:
    """What to multiply the scene-linear pair by before it is solved: a power of two, mostly 1."""
    if RAW in (image.space, clean.space):
        return 1.0
    if "uint8" in (str(image.spec.format), str(clean.spec.format)):
        return 1.0
    peaks = [plate.rgb.max(axis=2)[plate.covered()] for plate in (image, clean)]
    if not all(peak.size for peak in peaks):
        return 1.0
    white = max(float(np.quantile(peak, WHITE)) for peak in peaks)
    middle = max(float(np.median(peak)) for peak in peaks)
    if middle > BRIGHT:
        return _power(MIDDLE_AIM / middle)
    if 0 < white < DARK:
        return _power(WHITE_AIM / white)
    return 1.0


def in_unit(plate: PlateImage, unit: float) -> PlateImage:
    """``plate`` times ``unit``; itself where that is 1."""
    return plate if unit == 1 else replace(plate, rgb=plate.rgb * np.float32(unit))


def unit_notes(unit: float) -> tuple[str, ...]:
    """What was done, for the artist."""
    stops = round(math.log2(unit))
    if not stops:
        return ()
    way = "brighter" if stops > 0 else "darker"
    return (f"The plates were solved {abs(stops)} stops {way}; the layers are as exposed.",)


def _power(factor: float) -> float:
    """The power of two just below ``factor``."""
    return float(2.0 ** math.floor(math.log2(min(max(factor, 1 / LARGEST), LARGEST))))
