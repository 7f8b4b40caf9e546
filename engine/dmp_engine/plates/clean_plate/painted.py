"""A clean plate that was painted out of the plate itself: where it shows nothing of the set.

What an inpainting tool invents is smooth, without the grain and the detail of what is around it.
Such a place differs from the plate, subject or not: around the subject lies a ring of background
that would count as subject. So it is no evidence, as what no frame of a shot shows
(clean_plate/fit.py): the plate's own outlines decide.

    equal      the plate is the clean plate, as near as most of the frame is
    different  all else, gaps closed: the subject, or what was painted over
    painted    the clean plate has much less fine detail at the inside of that outline than outside

A painter who clones texture is not found, nor is a plate without any.
"""

from __future__ import annotations

import cv2
import numpy as np

from .local_contrast import Floats, Mask

ROUNDING, CALM = 1.5 / 255, 0.1  # encoded; quantile of the differences that is noise in any pair
NOISE = 6.0  # times that quantile
LEAST_EQUAL = 0.05  # of the frame
NEAR, FAR = 2.0, 8.0  # pixels from the outline that are compared, on both sides
LEAST_PLACES = 100  # pixels on either side
SMOOTH = 0.25  # fine detail at the inside, of that outside
DETAIL = 1.0 / 255  # outside, at least: of a bare wall nothing can be said


def find_painted(I_enc: Floats, B_enc: Floats, covered: Mask) -> Mask | None:
    """Where ``B_enc`` (H, W, 3) was painted, (H, W); None where it was shot."""
    apart = np.abs(I_enc - B_enc).max(axis=2)
    equal = (apart < max(ROUNDING, NOISE * float(np.quantile(apart, CALM)))) & covered
    if equal.mean() < LEAST_EQUAL or not _is_grain((I_enc - B_enc).mean(axis=2), equal):
        return None
    sure = cv2.morphologyEx(equal.astype(np.uint8), cv2.MORPH_OPEN, np.ones((3, 3), np.uint8))
    different = cv2.morphologyEx(1 - sure, cv2.MORPH_CLOSE, np.ones((9, 9), np.uint8))
    inside, outside = (
        cv2.distanceTransform(one, cv2.DIST_L2, 5) for one in (different, 1 - different)
    )
    detail = np.abs(cv2.Laplacian(B_enc.mean(axis=2).astype(np.float32), cv2.CV_32F))
    places = [(x > NEAR) & (x < FAR) & covered for x in (inside, outside)]
    if min(int(x.sum()) for x in places) < LEAST_PLACES:
        return None
    within, around = (float(detail[x].mean()) for x in places)
    if around < DETAIL or within > SMOOTH * around:
        return None
    painted: Mask = different > 0
    return painted


def _is_grain(apart: Floats, equal: Mask) -> bool:
    """Whether what differs where the two are equal is grain, and no other light."""
    smooth = np.abs(cv2.GaussianBlur(np.where(equal, apart, 0), (0, 0), 3.0))[equal]
    return float(np.median(smooth)) <= max(ROUNDING / 3, float(np.median(np.abs(apart[equal]))) / 2)
