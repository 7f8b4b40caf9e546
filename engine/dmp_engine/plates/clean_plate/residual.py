"""Residual that fitting cannot remove: where it explains the plate, the plate is taken.

Resampling leaves an error along edges, larger than grain. A change of exposure leaves clipped
highlights. Both would show in alpha. So each pixel has a range of values that its background
can have had:

    between the neighbours   a share of the clean plate's 3 x 3 range on either side: as much as
                             remains where the details of the two agree
    noise                    3 sigma of the residual on flat background
    blown out                from the clipped value on upwards, from a crushed black downwards;
                             only where the surroundings bear it out

A pixel inside its range, in a neighbourhood that is inside its ranges almost everywhere, is
background, and the clean plate takes the plate's value there, if the mean of the differences
around is next to nothing as well: resampling errs to both sides, a subject of a similar colour
to one. A fine hair lies outside its range, so its neighbourhood keeps the clean plate.
"""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
from scipy import ndimage

from .local_contrast import Floats, Mask, shrunk

RANGE_UNMOVED, RANGE_LEAST, RANGE_MOST = 0.25, 0.6, 0.8
MEAN_LEAST, MEAN_MOST, MEAN_NOISE = 0.07, 0.15, 0.4  # of the range; of the tolerance
BORNE, LARGE, LARGE_BORNE = 0.25, 0.01, 0.06  # of the unexplained; of the frame; as the first
EDGE = 0.03  # encoded; a step of the change between plate and clean plate
SURE, SURELY, QUANTILE = 11, 4.0, 0.9  # side, factor and share: see _most
FLAT = 0.02  # encoded range of the neighbours below which the residual is noise alone
LEAST, MOST = 2.0 / 255, 0.05  # of the tolerance, encoded
SIGMAS = 3.0
WIDE, PATTERN = 7, 0.1  # side, and share of its range: _restriped
WINDOW = 5  # side at which the mean difference is judged
SMALL = 320  # long side at which nearby values are looked for
NEARBY = (0.02, 0.06, 0.18)  # of the long side; as far as it takes
SPECK, SPECK_EXCESS = 0.005, 2.5  # of the frame; times the range
CROWD, SHARE, ALMOST_ALL = 7, 0.8, 0.95


@dataclass(frozen=True, eq=False)
class Blown:
    """Where the clean plate had lost its values before it was relit (H, W, 3)."""

    high: Mask
    low: Mask


def within_residual(
    I_enc: Floats, B_enc: Floats, known: Mask, agrees: Mask, blown: Blown | None, moved: bool
) -> Mask:
    """Where the plate shows the fitted clean plate as far as can be known, (H, W).

    ``I_enc`` and ``B_enc`` (H, W, 3) are encoded, ``B_enc`` fitted and ``known`` (H, W) where it
    has pixels, ``agrees`` where their details agree; ``moved`` is whether it was resampled.
    """
    kernel = np.ones((3, 3), np.uint8)
    low, high = cv2.erode(B_enc, kernel), cv2.dilate(B_enc, kernel)
    span, apart = high - low, I_enc - B_enc
    flat = (span < FLAT).all(axis=2) & known
    close = flat & (np.abs(apart) < 3 * MOST).all(axis=2)
    tolerance = LEAST
    if close.sum() > 100:
        deviation = 1.4826 * float(np.median(np.abs(apart[close])))
        tolerance = float(np.clip(SIGMAS * deviation, LEAST, MOST))
    sure = _surely(agrees & known)
    over = (np.abs(apart) - tolerance) / np.maximum(span, FLAT)
    least = RANGE_LEAST if moved else RANGE_UNMOVED
    share = np.clip(_most(over.max(axis=2), sure), least, RANGE_MOST)
    above = below = limit = share * span + tolerance
    if blown is not None:
        above = np.where(blown.high, np.inf, above)
        below = np.where(blown.low, np.inf, below)
    strict = np.abs(apart / limit).max(axis=2)
    excess = np.maximum(apart / above, -apart / below).max(axis=2)
    free: Mask = np.zeros(known.shape, bool)
    if blown is not None:
        free = np.asarray((blown.high | blown.low).any(axis=2), bool)
    excess = np.maximum(excess, _of_means(apart, span, tolerance, excess <= 1, sure, free))
    explained = excess <= 1
    if blown is not None:
        freed = explained & free  # a value that happens to be the clipped one proves nothing
        explained &= ~freed | _borne_out(I_enc, B_enc, freed, explained & ~freed)
        excess = np.where(freed & ~explained, strict, excess)
    if moved:
        explained |= _restriped(I_enc, B_enc, span, tolerance, sure)
    explained &= known
    size = (CROWD, CROWD)
    crowd = cv2.boxFilter(explained.astype(np.float32), -1, size)
    crowd /= np.maximum(cv2.boxFilter(known.astype(np.float32), -1, size), 1e-6)
    within = ((explained & (crowd > SHARE)) | (crowd > ALMOST_ALL)) & known
    result: Mask = within | _specks(within | ~known, excess)
    return result


def residual_sigma(I_enc: Floats, B_enc: Floats, agrees: Mask, within: Mask) -> Floats | None:
    """Standard deviation of the residual along detail after a motion, encoded (H, W).

    A share of the neighbours' range, measured where the plate shows the clean plate. None where
    too few pixels do. Arguments as in :func:`within_residual`, and its result.
    """
    kernel = np.ones((3, 3), np.uint8)
    span = (cv2.dilate(B_enc, kernel) - cv2.erode(B_enc, kernel)).mean(axis=2)
    sure_pixels = _surely(agrees & within) & within & (span > FLAT)
    if sure_pixels.sum() <= 100:
        return None
    apart = np.square((I_enc - B_enc)[sure_pixels]).mean()
    result: Floats = (np.sqrt(apart / np.square(span[sure_pixels]).mean()) * span).astype(
        np.float32
    )
    return result


def _surely(agrees: Mask) -> Mask:
    """Where all that is near agrees."""
    result: Mask = cv2.erode(agrees.astype(np.uint8), np.ones((SURE, SURE), np.uint8)) > 0
    return result


def _borne_out(I_enc: Floats, B_enc: Floats, freed: Mask, explained: Mask) -> Mask:
    """The ``freed`` pixels that their surroundings bear out as background, (H, W).

    Where the clean plate is blown out anything bright passes, a bright subject too. So what
    was freed is cut where the plate has an edge that the clean plate has not, and a piece is
    believed if a good part of what it borders on is explained strictly, and not unexplained;
    a large piece (a sky, around a subject full of corners) by far less.
    """
    change = I_enc - B_enc
    cut = freed.copy()
    for axis in (0, 1):
        step = np.abs(np.diff(change, axis=axis)).max(axis=2) > EDGE
        before = [slice(None), slice(None)]
        after = [slice(None), slice(None)]
        before[axis], after[axis] = slice(None, -1), slice(1, None)
        cut[tuple(before)] &= ~step
        cut[tuple(after)] &= ~step
    count, pieces = cv2.connectedComponents(cut.astype(np.uint8), connectivity=4)
    # what the cuts took goes to the piece beside it
    rows, columns = ndimage.distance_transform_edt(
        ~cut, return_distances=False, return_indices=True
    )
    nearest = pieces[rows, columns]
    pieces = np.where(freed, nearest, 0)
    good, bad = np.zeros(count), np.zeros(count)
    for axis in (0, 1):
        for direction in (1, -1):
            beside = np.roll(pieces, direction, axis)
            edge = [slice(None), slice(None)]
            edge[axis] = slice(0, 1) if direction == 1 else slice(-1, None)
            beside[tuple(edge)] = 0
            good += np.bincount(beside[explained], minlength=count)
            bad += np.bincount(beside[~explained & ~freed], minlength=count)
    large = np.bincount(pieces.ravel(), minlength=count) > LARGE * freed.size
    believed = (good > BORNE * bad) | (large & (good > LARGE_BORNE * bad))
    believed[0] = False
    result: Mask = believed[pieces]
    return result


def _restriped(I_enc: Floats, B_enc: Floats, span: Floats, tolerance: float, sure: Mask) -> Mask:
    """Where the plate may show the clean plate's fine pattern on another grid of pixels, (H, W).

    Stripes as fine as pixels come out at another phase: their values are those of the
    surroundings, and so is their mean, but no pixel's value is its own neighbours'.
    """
    kernel = np.ones((WIDE, WIDE), np.uint8)
    low, high = cv2.erode(B_enc, kernel), cv2.dilate(B_enc, kernel)
    room = PATTERN * (high - low) + tolerance
    within = ((I_enc >= low - room) & (I_enc <= high + room)).all(axis=2)
    everywhere = np.ones(within.shape, bool)
    means = _of_means(I_enc - B_enc, span, tolerance, everywhere, sure, ~everywhere, WIDE)
    around = cv2.erode((means <= 1).astype(np.uint8), np.ones((3, 3), np.uint8)) > 0
    patterned = cv2.boxFilter(span.mean(axis=2), -1, (WIDE, WIDE)) > FLAT
    result: Mask = within & around & patterned
    return result


def _most(over: Floats, sure: Mask) -> float:
    """What is hardly ever exceeded where the pair surely shows one thing; 0 where nothing does."""
    return SURELY * float(np.quantile(over[sure], QUANTILE)) if sure.sum() > 100 else 0.0


def _of_means(
    apart: Floats,
    span: Floats,
    tolerance: float,
    passed: Mask,
    sure: Mask,
    free: Mask,
    side: int = WINDOW,
) -> Floats:
    """The mean difference around each pixel over what another grid of pixels can leave (H, W).

    Resampling errs to both sides of an edge and hardly in the mean; a subject of about the clean
    plate's colour, or a hair before it, differs to one side. ``passed`` pixels speak, and what is
    blown out (``free``) does not.
    """
    size = (side, side)
    counted = (passed & ~free).astype(np.float32)
    count = np.maximum(cv2.boxFilter(counted, -1, size, normalize=False), 1)
    sums = cv2.boxFilter(apart * counted[..., None], -1, size, normalize=False)
    mean = np.sqrt(np.square(sums / count[..., None]).mean(axis=2))
    spans = cv2.boxFilter(span.mean(axis=2), -1, size)
    left = np.maximum(mean - MEAN_NOISE * tolerance, 0)
    share = np.clip(_most(left / np.maximum(spans, FLAT), sure), MEAN_LEAST, MEAN_MOST)
    # the mean of fewer pixels is less certain
    limit = (share * spans + MEAN_NOISE * tolerance) * np.sqrt(side**2 / count)
    result: Floats = np.where(free, 0, mean / limit).astype(np.float32)
    return result


def _specks(within: Mask, excess: Floats) -> Mask:
    """Small islands that are hardly outside their ranges: residual_sigma, no subject."""
    count, labels = cv2.connectedComponents((~within).astype(np.uint8), connectivity=8)
    if count < 2:
        return np.zeros_like(within)
    numbers = np.arange(count)
    area = ndimage.sum_labels(np.ones_like(excess), labels, numbers)
    typical = ndimage.mean(np.minimum(excess, 10), labels, numbers)
    speck = (area < SPECK * within.size) & (typical < SPECK_EXCESS)
    speck[0] = False
    result: Mask = speck[labels]
    return result


def replenished_alike(I_enc: Floats, B_enc: Floats, blown: Blown, within: Mask) -> Mask:
    """Where the plate shows what its surroundings say of a blown-out clean plate, (H, W).

    ``B_enc`` is encoded and :func:`replenished`.
    """
    lost = (blown.high | blown.low).any(axis=2) & ~within
    apart = cv2.blur(np.abs(I_enc - B_enc).max(axis=2), (3, 3))
    result: Mask = lost & (apart < EDGE)
    return result


def replenished(image: Floats, clean: Floats, blown: Blown, within: Mask) -> Floats:
    """``clean`` with its blown-out values replaced by the plate's nearby ones, where any agrees.

    Both (H, W, 3); between two leaves the sky is what it is beside them.
    """
    height, width = within.shape
    result = clean.copy()
    for lost in (blown.high, blown.low):
        for c in range(3):
            sure_pixels = (lost[..., c] & within).astype(np.float32)
            missing = lost[..., c] & ~within
            if not sure_pixels.any() or not missing.any():
                continue
            small = [shrunk(x, SMALL) for x in (sure_pixels, image[..., c] * sure_pixels)]
            for reach in NEARBY:
                sigma = reach * max(small[0].shape)
                weight, nearby = (
                    cv2.resize(cv2.GaussianBlur(x, (0, 0), sigma), (width, height)) for x in small
                )
                use = missing & (weight > 0.01)
                result[..., c][use] = (nearby / np.maximum(weight, 1e-6))[use]
                missing &= ~use
    return result
