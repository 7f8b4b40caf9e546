"""One subject through a shot: the regions of each frame's matte that Settings.keep means.

    every frame    -> a rough matte, solved small, and its regions           (Look)
    the reference  -> the regions at the point, in the box, or the largest
    frame to frame -> the regions that overlap with them, both ways from there

A region that the subject merges with (somebody it passes in front of) is followed as a whole while
they touch; when they part, the colours decide which part the subject is. The answer is a text for
Settings.keep with a key for each frame, so a frame can then be solved by itself.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import numpy.typing as npt
import OpenImageIO as oiio

from dmp_matting.errors import DmpError
from dmp_matting.generators import finish
from dmp_matting.job import Frame, Job
from dmp_matting.keep import ALL, AT, LARGEST, OUTSIDE, Keep
from dmp_matting.settings import Settings

from ..machine import device
from ..machine.answer import Lines
from ..plates.io import PlateImage
from ..plates.regions import chosen_regions, regions
from ..tensors import array_of
from .pair import FramePlates, make_pair, read_plates, solve_pair
from .stage_cache import StageCache

SIDE = 192  # pixels of the long side of the rough mattes
LEAST = 0.3  # alpha from which a pixel counts
SPECK = 12  # of those pixels; a smaller region is nobody
MOST_POINTS = 3  # of a region
MIXED = 0.2  # of a region's overlap with the last frame; more from others: they have merged
ALIKE = 0.5  # of two histograms' common part; the least for a subject that comes back
BINS = 6  # of each colour

Floats = npt.NDArray[np.float32]
Mask = npt.NDArray[np.bool_]


@dataclass(frozen=True, eq=False)
class Look:
    """The rough matte of one frame. Maps are (h, w); regions are numbered from 1."""

    number: int
    alpha: Floats
    owners: npt.NDArray[np.int32]  # the region of each pixel, 0 where alpha is low
    colours: dict[int, Floats]  # of each region, a histogram that sums to 1
    scale: tuple[float, float]  # pixels of the plate, of one pixel
    origin: tuple[int, int]  # of the first pixel in the display window

    def mask(self, some: set[int]) -> Mask:
        return np.isin(self.owners, list(some))

    def keep_in(self, keep: Keep) -> set[int]:
        """The regions that ``keep`` means in this frame."""
        small = keep.moved(
            lambda x, y: (
                (x - self.origin[0]) / self.scale[0],
                (y - self.origin[1]) / self.scale[1],
            )
        )
        owners = self.owners
        if not owners.any():
            return set()
        found = chosen_regions(self.alpha, owners, int(owners.max()), small, self.number, (0, 0))
        return set(found) & set(self.colours)

    def points(self, some: set[int]) -> tuple[float, ...]:
        """Places well inside of the regions, in pixels of the display window."""
        found: list[float] = []
        for one in sorted(some):
            depth = cv2.distanceTransform((self.owners == one).astype(np.uint8), cv2.DIST_L2, 5)
            deepest = float(depth.max())
            for _ in range(MOST_POINTS):
                row, column = (int(at) for at in np.unravel_index(depth.argmax(), depth.shape))
                if depth[row, column] < max(1.0, deepest / 2):
                    break
                found += [round((column + 0.5) * self.scale[0] + self.origin[0], 1),
                          round((row + 0.5) * self.scale[1] + self.origin[1], 1)]  # fmt: skip
                cv2.circle(depth, (column, row), max(2, round(2 * deepest)), 0.0, -1)
        return tuple(found) or OUTSIDE


def follow_lines(request: Path) -> Lines:
    """Answer ``{"job": Job, "keep": text}``.

    A line for each frame that has been looked at, and ``{"keep": text}``.
    """
    query = json.loads(request.read_text(encoding="utf-8"))
    job = Job.from_json(query["job"])
    looks = []
    for frame in job.frames:
        looks.append(look_at(frame, job.settings))
        yield {"frame": frame.number}
    yield {"keep": followed(looks, Keep.parse(query["keep"])).text()}


def look_at(frame: Frame, settings: Settings) -> Look:
    """The rough matte of a frame; one without any alpha where its plates cannot be solved."""
    where = device.resolve(settings.device)
    device.use_threads(settings.threads, where)
    rough = replace(
        settings, method="model", recompositions=0, temporal="off", solve_size=0, shadows="off",
        clean_layer=False, keep=ALL,
    )  # fmt: skip
    try:
        plates = read_plates(frame)
        spec, height = plates.image.spec, plates.image.rgb.shape[0]
        plates = _small(plates.in_unit(plates.common_unit()))
        pair = make_pair(plates, rough, where, StageCache())
        solution = finish(solve_pair(pair, rough, pair.memo), lambda step: None)
    except DmpError:  # the frame's own job reports it
        nothing = np.zeros((1, 1), np.float32)
        return Look(frame.number, nothing, nothing.astype(np.int32), {}, (1, 1), (0, 0))
    alpha = array_of(solution.alpha, pair.size)[..., 0]
    owners, count = regions(alpha)
    owners = np.where(alpha >= LEAST, owners, 0)
    sizes = np.bincount(owners.ravel(), minlength=count + 1)
    owners = np.where(sizes[owners] >= SPECK, owners, 0).astype(np.int32)
    scale = spec.width / alpha.shape[1], height / alpha.shape[0]
    origin = spec.x - spec.full_x, spec.y - spec.full_y
    shown = np.power(np.clip(plates.image.rgb, 0, 1), 1 / 2.2)
    bins = (np.minimum(shown * BINS, BINS - 1)).astype(int) @ np.array((BINS * BINS, BINS, 1))
    colours = {}
    for one in np.unique(owners[owners > 0]):
        found = np.bincount(bins[owners == one], minlength=BINS**3).astype(np.float32)
        colours[int(one)] = found / found.sum()
    return Look(frame.number, alpha, owners, colours, scale, origin)


def followed(looks: Sequence[Look], keep: Keep) -> Keep:
    """``keep`` with a key for each frame: the places where the subject is."""
    start, chosen = _start(looks, keep)
    found = {start: chosen}
    for places in (range(start + 1, len(looks)), range(start - 1, -1, -1)):
        subject = _Subject(looks[start], chosen)
        for place in places:
            found[place] = subject.step(looks[place])
    keys = ((looks[place].number, looks[place].points(found[place])) for place in sorted(found))
    return Keep(AT, tuple(sorted(keys)), has_frames=True)


def _start(looks: Sequence[Look], keep: Keep) -> tuple[int, set[int]]:
    """Where to start, and with which regions: at the key's frame, else the first that has any."""
    if keep.kind == LARGEST:
        sizes = [max((int((one.owners == n).sum()) for n in one.colours), default=0)
                 for one in looks]  # fmt: skip
        place = int(np.argmax(sizes))
        return place, looks[place].keep_in(keep)
    numbers = [one.number for one in looks]
    if keep.has_frames and keep.keys[0][0] in numbers:
        place = numbers.index(keep.keys[0][0])
        return place, looks[place].keep_in(keep)
    return next(((at, some) for at, one in enumerate(looks) if (some := one.keep_in(keep))),
                (0, set()))  # fmt: skip


class _Subject:
    """What is followed, from one look to the next."""

    def __init__(self, look: Look, some: set[int]) -> None:
        self.mask, self.others = look.mask(some), look.mask(set(look.colours) - some)
        self.own = _mean(look, some)  # its colours while it was alone
        self.other: Floats | None = None  # of what it has merged with
        self._apart = _mean(look, set(look.colours) - some)  # of all others, in the last look

    def step(self, look: Look) -> set[int]:
        """The subject's regions in the next look."""
        if look.owners.shape != self.mask.shape or not look.colours:
            return set()
        whole = max(1, int(self.mask.sum()))
        mine = np.bincount(look.owners[self.mask], minlength=look.owners.max() + 1)
        theirs = np.bincount(look.owners[self.others], minlength=look.owners.max() + 1)
        some = {
            one for one in look.colours
            if mine[one] and (mine[one] >= theirs[one] or mine[one] >= whole / 2)
        }  # fmt: skip
        if not some:
            some = self._again(look, theirs)
        if self.other is not None and len(some) > 1:  # they have parted
            nearer = {
                one for one in some
                if _common(look.colours[one], self.own) >= _common(look.colours[one], self.other)
            }  # fmt: skip
            some = nearer or {max(some, key=lambda one: _common(look.colours[one], self.own))}
            self.other = None
        mixed = any(theirs[one] > MIXED * (mine[one] + theirs[one]) for one in some)
        if mixed and self.other is None:
            self.other = self._apart
        elif not mixed and self.other is None and some:
            self.own = _mean(look, some)
        if some:
            self.mask = look.mask(some)
        self.others = look.mask(set(look.colours) - some)
        self._apart = _mean(look, set(look.colours) - some)
        return some

    def _again(self, look: Look, theirs: npt.NDArray[np.int64]) -> set[int]:
        """The region that looks like the subject, after a leap or an absence; or none."""
        free = [one for one in look.colours if not theirs[one]]
        best = max(free, key=lambda one: _common(look.colours[one], self.own), default=0)
        return {best} if best and _common(look.colours[best], self.own) >= ALIKE else set()


def _mean(look: Look, some: set[int]) -> Floats:
    found = [look.colours[one] for one in some]
    return np.mean(found, axis=0) if found else np.zeros(BINS**3, np.float32)


def _common(one: Floats, other: Floats) -> float:
    """The part that two histograms have in common, 0 to 1."""
    return float(np.minimum(one, other).sum())


def _small(plates: FramePlates) -> FramePlates:
    """The plates and mattes, no larger than SIDE."""
    height, width = plates.image.rgb.shape[:2]
    part = min(1.0, SIDE / max(height, width))
    size = max(1, round(width * part)), max(1, round(height * part))

    def smaller(pixels: Floats) -> Floats:
        return np.asarray(cv2.resize(pixels, size, interpolation=cv2.INTER_AREA), np.float32)

    def small(image: PlateImage) -> PlateImage:
        spec = oiio.ImageSpec(*size, 3, "float")
        return replace(image, rgb=smaller(image.rgb), spec=spec, window=None)

    mattes: dict[Any, Floats] = {role: smaller(one) for role, one in plates.mattes.items()}
    return replace(plates, image=small(plates.image), clean=small(plates.clean), mattes=mattes)
