"""Clean-plate pixels to where the plate sees them, and what to do where there are none.

The linear values are warped, not their encoding: a highlight of 60 keeps its light. Cubic
B-splines interpolate (Unser 1999): sharper than a cubic kernel, and exact to any fraction of
a pixel. Their overshoot beside highlights is cut off at the neighbours' own extremes.
"""

from __future__ import annotations

import cv2
import numpy as np
from scipy import ndimage

from .local_contrast import Floats, Mask, shrunk
from .registration import Motion

CUT_SIDE, CUTS = 640, 3  # long side at which subject and background are separated; turns
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
    still_covered = cv2.remap(covered.astype(np.float32), across, down, cv2.INTER_LINEAR) > 0.999
    # the last pixels before the border are half made up by the interpolation
    known = cv2.erode((inside & still_covered).astype(np.uint8), np.ones((5, 5), np.uint8)) > 0
    return result, known


def filled(
    image: Floats,
    clean: Floats,
    known: Mask,
    background: Mask,
    I_enc: Floats,
    hidden: Mask | None = None,
) -> Floats:
    """``clean`` completed where it is not ``known``, all (H, W, ...).

    ``I_enc`` is ``image`` encoded. Where the plate alone looks like background its own pixels are
    the clean plate; where it looks like the subject, the nearest pixels that are known to be
    background. So a border never prints itself into alpha. ``hidden`` is where a subject is likely:
    it is there in every frame of the shot.
    """
    if known.all() or not known.any():
        return clean
    nowhere = np.zeros(known.shape, bool) if hidden is None else hidden & ~known
    goes_on = _goes_on(I_enc, known, background, nowhere)
    available = known | goes_on
    rows, columns = ndimage.distance_transform_edt(
        ~available, return_distances=False, return_indices=True
    )
    completed = np.where(known[..., None], clean, image)
    result: Floats = np.where(available[..., None], completed, completed[rows, columns])
    return result


def moved_mask(mask: Mask, motion: Motion | None) -> Mask:
    """``mask`` (H, W) of the clean plate as the plate sees it."""
    if motion is None:
        return mask
    places = motion.places(*mask.shape)
    result: Mask = cv2.remap(mask.astype(np.uint8), *places, cv2.INTER_NEAREST) > 0
    return result


def _goes_on(I_enc: Floats, known: Mask, background: Mask, hidden: Mask) -> Mask:
    """Where the plate shows background though nothing is ``known`` there, by the plate alone.

    A start from the nearest place that is known, or subject where it is ``hidden``; then GrabCut
    (Rother et al. 2004), which knows the colours of both and cuts where the plate has an edge.
    """
    height, width = known.shape
    size = max(5, round(0.03 * max(known.shape)) | 1)
    near = cv2.boxFilter((background & known).astype(np.float32), -1, (size, size))
    share = cv2.boxFilter(known.astype(np.float32), -1, (size, size))
    mostly = near > 0.5 * np.maximum(share, 1e-6)
    rows, columns = ndimage.distance_transform_edt(
        ~known, return_distances=False, return_indices=True
    )
    start: Mask = mostly[rows, columns] & ~known & ~hidden

    shares = [shrunk(x.astype(np.float32), CUT_SIDE) for x in (known, background & known, start)]
    sure, sure_background, probably = (
        share > least for share, least in zip(shares, (0.999, 0.999, 0.5), strict=True)
    )
    # colours are learnt where no outline mixes them
    sure_background = cv2.erode(sure_background.astype(np.uint8), np.ones((3, 3), np.uint8)) > 0
    sure_subject = sure & ~(shares[1] > 0.001)
    sure_subject = cv2.erode(sure_subject.astype(np.uint8), np.ones((5, 5), np.uint8)) > 0
    if not sure_background.any() or not (sure_subject.any() or hidden.any()):
        return start
    labels = np.where(probably, cv2.GC_PR_BGD, cv2.GC_PR_FGD).astype(np.uint8)
    labels[sure & (shares[1] > 0.5)] = cv2.GC_PR_BGD
    labels[sure_background], labels[sure_subject] = cv2.GC_BGD, cv2.GC_FGD
    shown = (shrunk(I_enc, CUT_SIDE).clip(0, 1) * 255).astype(np.uint8)
    models = np.zeros((1, 65)), np.zeros((1, 65))
    cv2.setRNGSeed(0)
    cv2.grabCut(shown, labels, None, *models, CUTS, cv2.GC_INIT_WITH_MASK)
    cut = ((labels == cv2.GC_BGD) | (labels == cv2.GC_PR_BGD)).astype(np.float32)
    result: Mask = (cv2.resize(cut, (width, height)) > 0.5) & ~known
    return result
