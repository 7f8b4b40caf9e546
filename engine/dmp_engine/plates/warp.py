"""Clean-plate pixels to where the plate sees them, and what to do where there are none.

The linear values are warped, not their encoding: a highlight of 60 keeps its light. Cubic
B-splines interpolate (Unser 1999): sharper than a cubic kernel, and exact to any fraction of
a pixel. Their overshoot beside highlights is cut off at the neighbours' own extremes.
"""

from __future__ import annotations

import cv2
import numpy as np
from scipy import ndimage

from .align import Motion
from .detail import Floats, Mask

OVERSHOOT = 0.25  # of the neighbours' range; peaks between samples are real


def warped(clean: Floats, covered: Mask, motion: Motion) -> tuple[Floats, Mask]:
    """The clean plate (H, W, 3) as the plate sees it, and where it has pixels there (H, W).

    Where it has none, values are those of the nearest pixel that it has.
    """
    height, width = covered.shape
    across, down = motion.places(height, width)
    places = np.stack([down, across])
    low, high = (f(clean, np.ones((3, 3), np.uint8)) for f in (cv2.erode, cv2.dilate))
    nearest = [cv2.remap(x, across, down, cv2.INTER_NEAREST, borderMode=cv2.BORDER_REPLICATE)
               for x in (low, high)]  # fmt: skip
    room = OVERSHOOT * (nearest[1] - nearest[0])
    result = np.stack(
        [ndimage.map_coordinates(clean[..., c], places, order=3, mode="nearest")
         for c in range(3)],
        axis=2,
    )  # fmt: skip
    result = np.clip(result, nearest[0] - room, nearest[1] + room).astype(np.float32)
    inside = (across >= 0) & (across <= width - 1) & (down >= 0) & (down <= height - 1)
    seen = cv2.remap(covered.astype(np.float32), across, down, cv2.INTER_LINEAR) > 0.999
    # the last pixels before the border are half made up by the interpolation
    known = cv2.erode((inside & seen).astype(np.uint8), np.ones((5, 5), np.uint8)) > 0
    return result, known


def filled(image: Floats, clean: Floats, known: Mask, background: Mask) -> Floats:
    """``clean`` completed where it is not ``known``, all (H, W, ...).

    A place without a clean plate goes on as the nearest place with one: where that shows
    background, the plate's own pixels are the clean plate; where it shows the subject, the
    clean plate's nearest pixels are. So a border never prints itself into alpha.
    """
    if known.all() or not known.any():
        return clean
    size = max(5, round(0.03 * max(known.shape)) | 1)
    near = cv2.boxFilter((background & known).astype(np.float32), -1, (size, size))
    share = cv2.boxFilter(known.astype(np.float32), -1, (size, size))
    mostly = near > 0.5 * np.maximum(share, 1e-6)
    rows, columns = ndimage.distance_transform_edt(
        ~known, return_distances=False, return_indices=True
    )
    goes_on = mostly[rows, columns]
    guess = np.where(goes_on[..., None], image, clean[rows, columns])
    result: Floats = np.where(known[..., None], clean, guess)
    return result
