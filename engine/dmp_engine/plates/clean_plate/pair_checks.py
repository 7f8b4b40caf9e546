"""What is wrong with a pair, reported before the solve. One sentence each.

Looked at after the clean plate has been fitted, at a small size. What no pair at all is (the same
file twice, nothing in common) is checked in pipeline/frame.py. What cannot be solved is refused
before the fit: a clean plate beside the plate's data window, and a grey picture with a coloured
one.

    swapped                 the outline of what differs is an edge of the clean plate
    another take            the subject's colours are where the clean plate differs, too
    no subject              what differs is grain
    whole frame             next to no background is seen
    channels                the plate is the clean plate with red and blue exchanged
    colour space            a display curve between the two explains what light does not
    windows, pixel aspect   the headers disagree
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from pathlib import Path

import cv2
import numpy as np
import numpy.typing as npt
from scipy import ndimage

from dmp_matting.errors import MismatchError

from ..io.colour_space import RAW
from ..io.read import PlateImage
from ..io.srgb import srgb_to_linear
from .local_contrast import AGREE, Floats, Mask, agreement, detail, encoded, shrunk

STILLS = "dmp:stills"  # in the header of several stills merged into one: the files, a line each
STILLS_CONTENT = "dmp:stills_content"  # digests of what these files held, a line each

SIZE = 480  # long side at which a pair is looked at
DIFFERENT = 0.1  # encoded, smoothed; certainly not the same thing
REGION = 0.004  # of the frame: the smallest outline that is looked at
BAND = 0.02  # of the long side: how far to both sides of an outline colours are compared
EDGED, STEP = 1.6, 0.08  # how much stronger an outline has to be in one plate; the least of it
SWAPPED = 0.8  # share of the outline that is the clean plate's
FAINT, OUTLINE = 0.035, 0.4  # encoded: what still differs; share of an outline that must be an edge
VEIL, VEIL_SIGMA = 0.5, 4.0  # correlation of what is seen through smoke; its fine detail, pixels
ANOTHER, BINS = 0.3, 10  # size of the second subject against the first; of a histogram's channel
EMPTY = 0.0004  # of the frame; less that differs is no subject
FULL = 0.03  # of the frame; less background is next to none
COLOURED = 0.03  # encoded, largest channel over the least
FEW_COLOURED, MOST_COLOURED = 0.02, 0.5  # shares of what is compared
EQUAL, EXCHANGED = 0.02, 0.2  # encoded; share that is equal with red and blue exchanged
MORE, MORE_THAN_RELIT = 4.0, 1.2  # than as it is, and in the best light
CURVED, CURVED_LEAST = 0.5, 0.03  # residual a curve must come down to; one worth a word


def content_of(path: Path) -> str:
    """A digest of what a file holds; empty where it cannot be read."""
    try:
        with path.open("rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest()
    except OSError:
        return ""


def is_of_older_frame(image: PlateImage, name: str, clean: PlateImage) -> bool:
    """Whether the clean plate was made of the plate ``name`` when that held something else."""
    stated = [clean.spec.get_string_attribute(one).split("\n") for one in (STILLS, STILLS_CONTENT)]
    if len(stated[0]) != len(stated[1]):
        return False
    content = dict(zip(*stated, strict=True)).get(name)
    return bool(content) and content_of(image.path) not in (content, "")


def check_pair(image: PlateImage, clean: PlateImage) -> None:
    """Raise MismatchError for two plates that no solve can make a matte of."""
    if clean.window is not None and not clean.covered().any() and clean.unseen is None:
        raise MismatchError(
            f"'{clean.path}' has no pixels where '{image.path}' has some: their data windows do "
            "not meet; write the clean plate over the whole frame."
        )
    grey = [_is_grey(one.rgb) for one in (image, clean)]
    if grey[0] == grey[1]:
        return
    I_enc, B_enc = (_small(encoded(one.rgb, one.space != RAW)) for one in (image, clean))
    coloured = np.ptp(B_enc if grey[0] else I_enc, axis=2) > COLOURED
    if grey[1]:  # a grey wall is a clean plate, too: what of it is seen in the plate is grey then
        alike = agreement(detail(I_enc), detail(B_enc)) > AGREE
        alone = coloured[alike].mean() > MOST_COLOURED if alike.any() else False
    else:
        alone = coloured.mean() > FEW_COLOURED
    if alone:
        without, other = (image, clean) if grey[0] else (clean, image)
        raise MismatchError(
            f"'{without.path}' is grey and '{other.path}' has colours; give both as they were shot."
        )


def _is_grey(rgb: Floats) -> bool:
    """Whether a picture (H, W, 3) that is not of one value has no colour, to the last digit."""
    some = rgb[:: max(1, len(rgb) // 16)]
    return all(
        bool(np.array_equal(x[..., 0], x[..., 1]) and np.array_equal(x[..., 0], x[..., 2]))
        for x in (some, rgb)
    ) and bool(np.ptp(rgb) > 0)


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
    if image.space != clean.space and not merged and not (image.named and clean.named):
        yield (
            f"'{image.path}' was read as '{image.space}' and '{clean.path}' as '{clean.space}'; "
            "if they come from one camera, name one colour space for both."
        )


def pair_warnings(
    image: Floats,
    moved: Floats,
    fitted: Floats,
    known: Mask,
    linear: bool,
    made_up: bool = False,
) -> Iterator[str]:
    """What the pixels say. All (H, W, 3) as they composite; ``moved`` is not relit yet.

    ``made_up``: what is not ``known`` was covered by the subject, so the colours of a subject that
    is cut there say nothing of another take.
    """
    I_enc, B_enc = (_small(encoded(x, linear)) for x in (image, fitted))
    valid = shrunk(known.astype(np.float32), SIZE) > 0.999
    apart = np.sqrt(np.square(cv2.GaussianBlur(I_enc - B_enc, (0, 0), 1.5)).mean(axis=2))
    apart = np.where(valid, apart, 0)
    seen = known.mean() > 1 - EMPTY  # else the subject may be where the clean plate has nothing
    if seen and not np.array_equal(image, fitted) and _nothing(apart):
        yield (
            "The plate shows nothing that the clean plate does not, grain aside: alpha will be "
            "empty. Check that the plate shows the subject."
        )
        return
    if _exchanged(I_enc, B_enc, _small(encoded(moved, linear)), valid):
        yield (
            "Red and blue are exchanged in one of the two plates: with them exchanged, the clean "
            "plate is the plate's background. Write it again as R, G, B."
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
    cut = cv2.dilate((~valid).astype(np.uint8), np.ones((5, 5), np.uint8)) > 0
    if not (made_up and (cut & (apart > DIFFERENT)).any()):
        yield from _subject_in_clean(I_enc, B_enc, apart, background, valid)


def _small(shown: Floats) -> Floats:
    return shrunk(shown, SIZE)


def _exchanged(I_enc: Floats, B_enc: Floats, moved_enc: Floats, valid: Mask) -> bool:
    """Whether the plate shows the clean plate with red and blue exchanged, and not as it is.

    Nor as it was relit: a warm and a cool light may look exchanged.
    """
    relit, as_is, other = (
        float(((np.abs(I_enc - one).max(axis=2) < EQUAL) & valid).mean())
        for one in (B_enc, moved_enc, moved_enc[..., ::-1])
    )
    return other > max(EXCHANGED, MORE * as_is, MORE_THAN_RELIT * relit)


def _nothing(apart: Floats) -> bool:
    """Whether what differs is noise: no patch stands out of it."""
    typical = float(np.median(apart))
    standing = (apart > max(4 * typical, 4 / 255)).astype(np.uint8)
    patches = cv2.morphologyEx(standing, cv2.MORPH_OPEN, np.ones((3, 3), np.uint8))
    return float(patches.mean()) < EMPTY and typical < DIFFERENT / 2


def _subject_in_clean(
    I_enc: Floats, B_enc: Floats, apart: Floats, background: Mask, valid: Mask
) -> Iterator[str]:
    """Whether the clean plate shows a subject: besides the plate, or instead of it.

    The background goes on behind the subject, so in the clean plate colours are alike on both
    sides of the outline; in the plate they are not. Smoke, glass and blur have no such outline:
    what differs ends where the wall has the smoke's colour. They are known by the background that
    is seen through them, weaker than it is.
    """
    subject = cv2.morphologyEx(
        (apart > DIFFERENT).astype(np.uint8), cv2.MORPH_OPEN, np.ones((3, 3), np.uint8)
    )
    if _veiled(I_enc, B_enc, subject > 0):
        return
    if _is_swapped(I_enc, B_enc, apart, subject > 0, valid):
        yield (
            "The clean plate shows the subject and the plate does not: the two are swapped. "
            "Exchange them."
        )
    elif _seen_twice(I_enc, B_enc, subject > 0, background):
        yield (
            "The clean plate shows the subject, too, in another place: it looks like another "
            "take. Use a frame without it."
        )


def _veiled(I_enc: Floats, B_enc: Floats, subject: Mask) -> bool:
    """Whether the clean plate is seen through what differs, with less contrast."""
    if not subject.any():
        return False
    seen, behind = (
        (x - cv2.GaussianBlur(x, (0, 0), VEIL_SIGMA)).mean(axis=2)[subject] for x in (I_enc, B_enc)
    )
    power = float(np.square(seen).mean()), float(np.square(behind).mean())
    both = float((seen * behind).mean()) / max(1e-12, np.sqrt(power[0] * power[1]))
    return both > VEIL and power[0] < power[1]


def _is_swapped(I_enc: Floats, B_enc: Floats, apart: Floats, subject: Mask, valid: Mask) -> bool:
    """Whether most of the outline of what differs is an edge of the clean plate alone."""
    faint = max(FAINT, 4 * float(np.median(apart)))
    _, labels = cv2.connectedComponents(((apart > faint) | subject).astype(np.uint8))
    counts = np.bincount(labels[subject], minlength=labels.max() + 1)
    large = counts > REGION * subject.size
    large[0] = False
    region = ndimage.binary_fill_holes(large[labels])  # the outline is the outermost one
    if not region.any():
        return False
    reach = max(3, round(BAND * max(region.shape)))
    window = (2 * reach + 1, 2 * reach + 1)
    outline = (cv2.dilate(region.astype(np.uint8), np.ones((3, 3))) > 0) & ~region & valid
    steps = [_step(x, region, valid & ~region, window) for x in (I_enc, B_enc)]
    outline &= np.isfinite(steps[0]) & np.isfinite(steps[1])
    plate, clean = (x[outline] for x in steps)
    in_plate = float(((plate > EDGED * clean) & (plate > STEP)).sum())
    in_clean = float(((clean > EDGED * plate) & (clean > STEP)).sum())
    return in_clean > max(SWAPPED * (in_plate + in_clean), OUTLINE * float(outline.sum()))


def _seen_twice(I_enc: Floats, B_enc: Floats, subject: Mask, background: Mask) -> bool:
    """Whether the subject's colours are in the clean plate where the plate has the background's.

    By the likelihood ratio of two colour histograms, the subject's from where it covers the
    background of the clean plate.
    """
    if not subject.any() or not background.any():
        return False
    places = [
        np.clip((cv2.GaussianBlur(x, (0, 0), 1.0) * BINS).astype(np.int64), 0, BINS - 1)
        for x in (I_enc, B_enc)
    ]
    behind = _colours(places[0][background])
    here = subject
    for _ in range(2):
        own = _colours(places[0][here])
        in_plate, in_clean = (own[tuple(x.T)] - behind[tuple(x.T)] for x in
                              (places[0].reshape(-1, 3), places[1].reshape(-1, 3)))  # fmt: skip
        in_plate, in_clean = (x.reshape(subject.shape) for x in (in_plate, in_clean))
        here = _opened(subject & (in_plate > 1) & (in_clean < 0))
        there = _opened(subject & (in_clean > 1) & (in_plate < 0))
        if here.sum() < REGION * subject.size:
            return False
    return bool(there.sum() > max(REGION * subject.size, ANOTHER * here.sum()))


def _colours(places: npt.NDArray[np.int64]) -> npt.NDArray[np.float64]:
    """Log of how often each colour occurs among ``places`` (N, 3)."""
    counts = np.zeros((BINS, BINS, BINS))
    np.add.at(counts, tuple(places.T), 1)
    result: npt.NDArray[np.float64] = np.log(
        ndimage.gaussian_filter(counts, 0.7) / len(places) + 1e-4
    )
    return result


def _opened(mask: Mask) -> Mask:
    result: Mask = cv2.morphologyEx(
        mask.astype(np.uint8), cv2.MORPH_OPEN, np.ones((5, 5), np.uint8)
    ) > 0  # fmt: skip
    return result


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
