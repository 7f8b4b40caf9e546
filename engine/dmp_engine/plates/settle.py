"""What no fit can reach: where the clean plate explains the plate, it takes its value.

After a motion the clean plate has been sampled on another grid of pixels: along every edge of
the building a little is left over, more than grain. After a change of exposure what was blown
out in the clean plate is not in the plate. Both would print themselves into alpha. So each
pixel has a range of values that its background can have had:

    between the neighbours   a share of the clean plate's 3 x 3 range on either side: as much as
                             is left over where the details of the two agree
    noise                    3 sigma of what is left over on flat background
    blown out                from the clipped value on upwards, from a crushed black downwards

A pixel inside its range, in a neighbourhood that is inside its ranges almost everywhere, is
background, and the clean plate takes the plate's value there. A fine hair lies outside its
range, and keeps its neighbourhood from being settled.
"""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
from scipy import ndimage

from .detail import Floats, Mask, shrunk

RANGE_LEAST, RANGE_MOST, RANGE_QUANTILE = 0.25, 0.8, 0.97
FLAT = 0.02  # encoded range of the neighbours below which only noise is left over
LEAST, MOST = 2.0 / 255, 0.05  # of the tolerance, encoded
SIGMAS = 3.0
SMALL = 320  # long side at which nearby values are looked for
NEARBY = (0.02, 0.06, 0.18)  # of the long side; as far as it takes
SPECK, SPECK_EXCESS = 0.0015, 2.5  # of the frame; times the range
CROWD, SHARE, ALMOST_ALL = 7, 0.8, 0.95


@dataclass(frozen=True, eq=False)
class Blown:
    """Where the clean plate had lost its values before it was relit (H, W, 3)."""

    high: Mask
    low: Mask


def settled(seen: Floats, behind: Floats, known: Mask, agrees: Mask, blown: Blown | None) -> Mask:
    """Where the plate shows the fitted clean plate as far as can be known, (H, W).

    ``seen`` and ``behind`` (H, W, 3) are encoded, ``behind`` fitted and ``known`` (H, W) where it
    has pixels, ``agrees`` where their details agree.
    """
    kernel = np.ones((3, 3), np.uint8)
    low, high = cv2.erode(behind, kernel), cv2.dilate(behind, kernel)
    apart = seen - behind
    flat = ((high - low) < FLAT).all(axis=2) & known
    close = flat & (np.abs(apart) < 3 * MOST).all(axis=2)
    tolerance = LEAST
    if close.sum() > 100:
        deviation = 1.4826 * float(np.median(np.abs(apart[close])))
        tolerance = float(np.clip(SIGMAS * deviation, LEAST, MOST))
    share = RANGE_LEAST
    if (agrees & known).sum() > 100:
        over = (np.abs(apart) - tolerance) / np.maximum(high - low, FLAT)
        most = float(np.quantile(over.max(axis=2)[agrees & known], RANGE_QUANTILE))
        share = float(np.clip(most, RANGE_LEAST, RANGE_MOST))
    above = below = share * (high - low) + tolerance
    if blown is not None:
        above = np.where(blown.high, np.inf, above)
        below = np.where(blown.low, np.inf, below)
    excess = np.maximum(apart / above, -apart / below).max(axis=2)
    explained = (excess <= 1) & known
    size = (CROWD, CROWD)
    crowd = cv2.boxFilter(explained.astype(np.float32), -1, size)
    crowd /= np.maximum(cv2.boxFilter(known.astype(np.float32), -1, size), 1e-6)
    settles = ((explained & (crowd > SHARE)) | (crowd > ALMOST_ALL)) & known
    result: Mask = settles | _specks(settles | ~known, excess)
    return result


def _specks(settles: Mask, excess: Floats) -> Mask:
    """Small islands that are hardly outside their ranges: leftovers, no subject."""
    count, labels = cv2.connectedComponents((~settles).astype(np.uint8), connectivity=8)
    if count < 2:
        return np.zeros_like(settles)
    numbers = np.arange(count)
    area = ndimage.sum_labels(np.ones_like(excess), labels, numbers)
    typical = ndimage.mean(np.minimum(excess, 10), labels, numbers)
    speck = (area < SPECK * settles.size) & (typical < SPECK_EXCESS)
    speck[0] = False
    result: Mask = speck[labels]
    return result


def replenished(image: Floats, clean: Floats, blown: Blown, settles: Mask) -> Floats:
    """``clean`` with its blown-out values replaced by the plate's nearby ones, where any settled.

    Both (H, W, 3); between two leaves the sky is what it is beside them.
    """
    height, width = settles.shape
    result = clean.copy()
    for lost in (blown.high, blown.low):
        for c in range(3):
            told = (lost[..., c] & settles).astype(np.float32)
            missing = lost[..., c] & ~settles
            if not told.any() or not missing.any():
                continue
            small = [shrunk(x, SMALL) for x in (told, image[..., c] * told)]
            for reach in NEARBY:
                sigma = reach * max(small[0].shape)
                weight, nearby = (
                    cv2.resize(cv2.GaussianBlur(x, (0, 0), sigma), (width, height)) for x in small
                )
                use = missing & (weight > 0.01)
                result[..., c][use] = (nearby / np.maximum(weight, 1e-6))[use]
                missing &= ~use
    return result
