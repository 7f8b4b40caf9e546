"""What is wrong with a pair, reported before the solve. One sentence each.

Looked at after the clean plate has been fitted, at a small size. What no pair at all is (the same
file twice, nothing in common) is checked in pipeline/frame.py.

    swapped                 the outline of what differs is an edge of the clean plate
    another take            the subject's colours are where the clean plate differs, too
    no subject              what differs is grain
    whole frame             next to no background is seen
    colour space            a display curve between the two explains what light does not
    windows, pixel aspect   the headers disagree
"""

from __future__ import annotations

from collections.abc import Iterator

import cv2
import numpy as np
import numpy.typing as npt
from scipy import ndimage

from ..io.read import PlateImage
from ..io.srgb import srgb_to_linear
from .local_contrast import AGREE, Floats, Mask, agreement, detail, encoded, shrunk

STILLS = "dmp:stills"  # in the header of several stills merged into one: the files, a line each

SIZE = 480  # long side at which a pair is looked at
DIFFERENT = 0.1  # encoded, smoothed; certainly not the same thing
REGION = 0.004  # of the frame: the smallest outline that is looked at
BAND = 0.02  # of the long side: how far to both sides of an outline colours are compared
EDGED, STEP = 1.6, 0.08  # how much stronger an outline has to be in one plate; the least of it
SWAPPED = 0.8  # share of the outline that is the clean plate's
ANOTHER, BINS = 0.2, 10  # share of what differs that looks like the subject in both; per channel
EMPTY = 0.0004  # of the frame; less that differs is no subject
FULL = 0.03  # of the frame; less background is next to none
CURVED, CURVED_LEAST = 0.5, 0.03  # residual a curve must come down to; one worth a word


def header_warnings(image: PlateImage, clean: PlateImage) -> Iterator[str]:
    """What the two files say about themselves."""
    if clean.window is not None:
        share = 100 * (1 - clean.covered().mean())
        yield (
            f"'{clean.path}' has no pixels in {share:.0f} % of the plate's data window; "
            "the clean plate is guessed there."
        )
    aspects = [x.spec.get_float_attribute("PixelAspectRatio", 1.0) for x in (image, clean)]
    if abs(aspects[0] - aspects[1]) > 0.01:
        yield (
            f"'{image.path}' has a pixel aspect of {aspects[0]:g} and '{clean.path}' of "
            f"{aspects[1]:g}; if one is squeezed, write both with one format."
        )
    merged = bool(clean.spec.get_string_attribute(STILLS))  # of whatever format, into scene-linear
    if image.space != clean.space and not merged:
        yield (
            f"'{image.path}' was read as '{image.space}' and '{clean.path}' as '{clean.space}'; "
            "if they come from one camera, name one colour space for both."
        )


def pair_warnings(
    image: Floats, moved: Floats, fitted: Floats, known: Mask, linear: bool
) -> Iterator[str]:
    """What the pixels say. All (H, W, 3) as they composite; ``moved`` is not relit yet."""
    I_enc, B_enc = (_small(encoded(x, linear)) for x in (image, fitted))
    valid = shrunk(known.astype(np.float32), SIZE) > 0.999
    apart = np.sqrt(np.square(cv2.GaussianBlur(I_enc - B_enc, (0, 0), 1.5)).mean(axis=2))
    apart = np.where(valid, apart, 0)
    subject = cv2.morphologyEx(
        (apart > DIFFERENT).astype(np.uint8), cv2.MORPH_OPEN, np.ones((3, 3), np.uint8)
    )
    if not np.array_equal(image, fitted) and _nothing(apart):
        yield (
            "The plate shows nothing that the clean plate does not, grain aside: alpha will be "
            "empty. Check that the plate shows the subject."
        )
        return
    curve = _curve(image, moved, known, linear)
    if curve:
        yield curve
        return
    background = valid & (apart < DIFFERENT / 2)
    if background.mean() < FULL:
        yield (
            "Next to no background is seen in the plate: the subject fills the whole frame, or "
            "the clean plate is of another shot."
        )
        return
    yield from _subject_in_clean(I_enc, B_enc, subject > 0, background, valid)


def _small(shown: Floats) -> Floats:
    return shrunk(shown, SIZE)


def _nothing(apart: Floats) -> bool:
    """Whether what differs is noise: no patch stands out of it."""
    typical = float(np.median(apart))
    standing = (apart > max(4 * typical, 4 / 255)).astype(np.uint8)
    patches = cv2.morphologyEx(standing, cv2.MORPH_OPEN, np.ones((3, 3), np.uint8))
    return float(patches.mean()) < EMPTY and typical < DIFFERENT / 2


def _subject_in_clean(
    I_enc: Floats, B_enc: Floats, subject: Mask, background: Mask, valid: Mask
) -> Iterator[str]:
    """Whether the clean plate shows a subject: besides the plate, or instead of it.

    The background goes on behind the subject, so in the clean plate colours are alike on both
    sides of the outline; in the plate they are not.
    """
    subject_pixels = subject
    _, labels, stats, _ = cv2.connectedComponentsWithStats(subject.astype(np.uint8))
    large = stats[:, cv2.CC_STAT_AREA] > REGION * subject.size
    large[0] = False
    if _seen_twice(I_enc, B_enc, subject_pixels, background) > ANOTHER:
        yield (
            "The clean plate shows the subject, too, in another place: it looks like another "
            "take. Use a frame without it."
        )
        return
    subject = ndimage.binary_fill_holes(large[labels])  # the outline is the outermost one
    if not subject.any():
        return
    reach = max(3, round(BAND * max(subject.shape)))
    window = (2 * reach + 1, 2 * reach + 1)
    outline = (cv2.dilate(subject.astype(np.uint8), np.ones((3, 3))) > 0) & ~subject & valid
    steps = [_step(x, subject, valid & ~subject, window) for x in (I_enc, B_enc)]
    outline &= np.isfinite(steps[0]) & np.isfinite(steps[1])
    plate, clean = (x[outline] for x in steps)
    in_plate = float(((plate > EDGED * clean) & (plate > STEP)).sum())
    in_clean = float(((clean > EDGED * plate) & (clean > STEP)).sum())
    if in_clean / max(in_plate + in_clean, 1.0) > SWAPPED:
        yield (
            "The clean plate shows the subject and the plate does not: the two are swapped. "
            "Exchange them."
        )


def _seen_twice(I_enc: Floats, B_enc: Floats, subject: Mask, background: Mask) -> float:
    """Share of what differs whose colour in the clean plate is the subject's, not the background's.

    The likelihood ratio of the two colour histograms, e times for the subject.
    """
    if not subject.any() or not background.any():
        return 0.0
    places = [
        np.clip((cv2.GaussianBlur(x, (0, 0), 1.0) * BINS).astype(np.int64), 0, BINS - 1)
        for x in (I_enc, B_enc)
    ]
    ratios = []
    for place, where in ((places[0], subject), (places[1], background)):
        counts = np.zeros((BINS, BINS, BINS))
        np.add.at(counts, tuple(place[where].T), 1)
        share = ndimage.gaussian_filter(counts, 0.7) / where.sum() + 1e-4
        ratios.append(np.log(share[tuple(places[1][subject].T)]))
    return float((ratios[0] - ratios[1] > 1).mean())


def _step(
    shown: Floats, inside: Mask, outside: Mask, window: tuple[int, int]
) -> npt.NDArray[np.float32]:
    """How much the mean colour changes across an outline, for each pixel near it (H, W)."""
    means = []
    for mask in (inside, outside):
        share = cv2.boxFilter(mask.astype(np.float32), -1, window)
        total = cv2.boxFilter(shown * mask[..., None], -1, window)
        means.append(np.where(share[..., None] > 0.02, total / (share[..., None] + 1e-9), np.nan))
    result: Floats = np.sqrt(np.square(means[0] - means[1]).mean(axis=2)).astype(np.float32)
    return result


def _curve(image: Floats, moved: Floats, known: Mask, linear: bool) -> str:
    """A display curve between the two, if it explains what a change of exposure does not."""
    small = [shrunk(x, SIZE) for x in (image, moved)]
    valid = shrunk(known.astype(np.float32), SIZE) > 0.999
    shown = [encoded(x, linear) for x in small]
    agrees = (agreement(detail(shown[0]), detail(shown[1], valid)) > AGREE) & valid
    agrees &= (small[0] < 0.98).all(axis=2) & (small[1] < 0.98).all(axis=2)
    if agrees.sum() < 200:
        return ""
    target = small[0][agrees]
    residuals = []
    for curve in (lambda x: x, _to_display, srgb_to_linear):
        source = curve(np.maximum(small[1][agrees], 0))
        gain = np.median(target / np.maximum(source, 0.01), axis=0).astype(np.float32)
        apart = encoded((source * gain)[None], linear) - encoded(target[None], linear)
        residuals.append(float(np.median(np.abs(apart))))
    if min(residuals[1:]) > CURVED * residuals[0] or residuals[0] < CURVED_LEAST:
        return ""
    if residuals[1] < residuals[2]:
        return (
            "The clean plate looks like linear values beside a display-encoded plate; "
            "check the colour space of both."
        )
    return (
        "The clean plate looks display-encoded (sRGB) but was read like the linear plate; "
        "check the colour space of both."
    )


def _to_display(x: Floats) -> Floats:
    result: Floats = encoded(np.ascontiguousarray(x[None], np.float32), True)[0]
    return result
