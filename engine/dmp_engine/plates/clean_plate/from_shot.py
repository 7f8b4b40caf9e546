"""A clean plate from the shot itself: of each pixel the background that its frames show.

    aligned      every frame as the camera of one of them saw it, in its light
    candidates   the two colours that a pixel shows most often, and in how many frames
                 (frequent_colours.py)
    chosen       the colour of most frames; of a subject that stood still for long the other one,
                 where that goes on what is around it
    unseen       where neither is surely background

Nothing here knows what a subject is. It is what moves: what covers a place in all frames leaves a
hole there, and so does what lies within such a hole, however still it is.

Arrays are float32; colours (H, W, 3) as they composite, maps (H, W).
"""

from __future__ import annotations

import tempfile
from dataclasses import dataclass

import cv2
import numpy as np
import numpy.typing as npt
from scipy import ndimage

from .exposure import fit_light
from .frequent_colours import TWICE, Candidates, candidates_of
from .local_contrast import AGREE, Floats, Mask, agreement, detail, encoded, shrunk
from .registration import register
from .warp import warped

COMPARED = 640  # long side at which details are compared
TEXTURED, LEAST_ALIKE = 0.02, 0.1  # of the frame; of that, to agree, else a frame is left out
SURE, LEAST, CLEARLY = 0.6, 0.15, 2.5  # of the frames; the second share of a pixel, times
# Of a place that changes once and for all: a subject has come to stay, or has left.
STEADY = 0.5  # of the other frames that must show one colour before it may be the background
REACH = 8  # pixels around an outline that are compared
CLEAR, LEAST_PLACES, LEAST_PIXELS = 0.02, 20, 50  # encoded; of an outline; of a region
MAJORITY = 0.6  # of the places of an outline
CHANCE = 0.05  # of the frames that may differ where nothing moves
HALF_MAX = 65504.0


@dataclass(frozen=True, eq=False)
class Background:
    """The clean plate, and where it is made up (H, W): no frame showed it."""

    pixels: Floats
    unseen: Mask
    moving: float  # share of the frame where frames differ


class Stack:
    """Aligned frames (N, H, W, 3) in a file of halfs; NaN where one has no pixels.

    The file has no name, so nothing of it is left whatever ends this process. OSError where the
    disk of temporary files is full.
    """

    def __init__(self, height: int, width: int) -> None:
        self.shape, self.count = (height, width), 0
        self._file = tempfile.TemporaryFile(prefix="dmp-")  # noqa: SIM115

    def add(self, pixels: Floats, known: Mask) -> None:
        held = np.clip(pixels, -HALF_MAX, HALF_MAX).astype(np.float16)
        held[~known] = np.nan
        self._file.write(held.tobytes())
        self.count += 1

    def frames(self) -> npt.NDArray[np.float16]:
        """All that were added; the operating system reads what is looked at."""
        self._file.flush()
        return np.memmap(self._file, np.float16, "r", shape=(self.count, *self.shape, 3))

    def __enter__(self) -> Stack:
        return self

    def __exit__(self, *_: object) -> None:
        self._file.close()


def aligned(reference: Floats, frame: Floats, covered: Mask, linear: bool) -> Aligned | None:
    """``frame`` as the camera and the light of ``reference``; None where too little agrees.

    ``covered`` is where ``frame`` has pixels. What moves by itself does not pull.
    """
    here, there = encoded(reference, linear), encoded(frame, linear)
    motion = register(here, there, covered, "homography")
    pixels, known, shift = frame, covered, 0.0
    if motion is not None:
        pixels, known = warped(frame, covered, motion)
        x, y = motion.places(*covered.shape)
        across, down = np.arange(x.shape[1]), np.arange(x.shape[0])[:, None]
        shift = float(np.hypot(x - across, y - down).max())
    small = [shrunk(x, COMPARED) for x in (here, encoded(pixels, linear))]
    valid = shrunk(known.astype(np.float32), COMPARED) > 0.999
    agrees = agreement(detail(small[0]), detail(small[1], valid)) > AGREE
    textured = agreement(*[detail(small[0])] * 2) > AGREE
    if textured.mean() > TEXTURED and agrees.sum() < LEAST_ALIKE * textured.sum():
        return None
    size = (known.shape[1], known.shape[0])
    alike: Mask = cv2.resize(agrees.astype(np.uint8), size) > 0
    light = fit_light(reference, pixels, alike, known, linear)
    return Aligned(pixels if light is None else light.on(pixels), known, shift)


@dataclass(frozen=True, eq=False)
class Aligned:
    """A frame as another's camera saw it, where it has pixels, and how far it was moved."""

    pixels: Floats
    known: Mask
    shift: float  # pixels, at most


def background_of(frames: npt.NDArray[np.float16], linear: bool) -> Background:
    """The background that ``frames`` (N, H, W, 3) show, N at least 2."""
    found = candidates_of(frames, linear)
    pixels, unseen = _chosen(found, linear)
    if unseen.any() and not unseen.all():
        rows, columns = ndimage.distance_transform_edt(
            unseen, return_distances=False, return_indices=True
        )
        pixels = pixels[rows, columns]  # to look at; a matte is completed by its own plate
    others = (1 - found.first_share) * found.frames
    moving = others > np.maximum(0.5, CHANCE * found.frames)
    return Background(pixels, unseen, float(moving.mean()))


# --- which of them is the background -------------------------------------------------------------


def _chosen(found: Candidates, linear: bool) -> tuple[Floats, Mask]:
    pixels, frames = found.first.copy(), np.maximum(found.frames, 1)
    seen = found.first_share * frames >= np.minimum(TWICE, frames)
    seen &= (found.first_share >= SURE) | (
        (found.first_share >= LEAST) & (found.first_share >= CLEARLY * found.second_share)
    )
    once = cv2.morphologyEx(found.once.astype(np.uint8), cv2.MORPH_OPEN, np.ones((3, 3))) > 0
    shown = [encoded(x, linear) for x in (found.first, found.second)]
    steady = found.second_share >= STEADY * (1 - found.first_share)
    labels, _ = ndimage.label(once)
    for number, place in enumerate(ndimage.find_objects(labels), 1):
        around = tuple(slice(max(0, one.start - REACH), one.stop + REACH) for one in place)
        inside = labels[around] == number
        if inside.sum() < LEAST_PIXELS:
            continue
        vote = _vote(shown[0][around], shown[1][around], inside, steady[around])
        if vote > MAJORITY:
            pixels[around][inside] = found.second[around][inside]
            seen[around][inside] = steady[around][inside]
        elif vote >= 1 - MAJORITY:
            seen[around][inside] = False
        else:
            continue
        wide = cv2.dilate(inside.astype(np.uint8), np.ones((REACH + 1, REACH + 1), np.uint8)) > 0
        seen[around][wide & ~inside & (found.first_share[around] < 1)] = False  # a soft outline
    return pixels, ~_trusted(seen)


def _vote(first: Floats, second: Floats, inside: Mask, steady: Mask) -> float:
    """Share of the places along the outline of ``inside`` where ``second`` goes on what is around.

    Elsewhere ``first`` does. 0 where too few places can be compared. Both encoded; a place is
    compared with one as far outside of the outline, since outlines are soft.
    """
    deep, (rows, columns) = ndimage.distance_transform_edt(inside, return_indices=True)
    y, x = np.nonzero(inside & steady & (deep >= REACH - 4) & (deep <= REACH - 2))
    if not y.size:
        return 0.0
    factor = 1 + REACH / 2 / deep[y, x]
    out_y = np.rint(y + (rows[y, x] - y) * factor).astype(int).clip(0, inside.shape[0] - 1)
    out_x = np.rint(x + (columns[y, x] - x) * factor).astype(int).clip(0, inside.shape[1] - 1)
    outside = first[out_y, out_x]
    steps = [np.abs(one[y, x] - outside).max(axis=1) for one in (first, second)]
    clear = (np.abs(steps[0] - steps[1]) > CLEAR) & ~inside[out_y, out_x]
    if clear.sum() < LEAST_PLACES:
        return 0.0
    return float((steps[1] < steps[0])[clear].mean())


def _trusted(seen: Mask) -> Mask:
    """``seen`` without what lies in or at holes: the still inside of a subject looks like a wall.

    Of the regions that holes separate the largest is background, and each that reaches a corner of
    the frame or two of its sides.
    """
    holes = cv2.morphologyEx((~seen).astype(np.uint8), cv2.MORPH_OPEN, np.ones((3, 3), np.uint8))
    seen = cv2.dilate(holes, np.ones((5, 5), np.uint8)) == 0
    labels, count = ndimage.label(seen)
    if count < 2:
        return seen
    sizes = np.bincount(labels.ravel())[1:]
    sides = [labels[0], labels[-1], labels[:, 0], labels[:, -1]]
    touched = np.zeros(count + 1, int)
    for side in sides:
        touched[np.unique(side)] += 1
    kept = touched >= 2
    kept[1 + int(np.argmax(sizes))] = True
    kept[0] = False
    result: Mask = kept[labels]
    return result
