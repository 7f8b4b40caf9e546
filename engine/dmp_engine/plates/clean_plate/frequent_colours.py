"""The colours that the pixels of a shot show most often, and in how many of its frames.

What is compared is encoded and blurred a little; two colours are the same within a tolerance that
the grain of their brightness sets. Frames are looked at in bands of rows: the memory depends on
the frame's size, not on their number.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import cv2
import numpy as np
import numpy.typing as npt

from .local_contrast import Floats, Mask, encoded

BAND = 1 << 23  # samples of a band of rows of all frames
HALO = 4  # rows around a band that its blur sees
BLUR = 1.0  # sigma in pixels of what is compared: grain weighs less, and so does resampling
LEVELS = 16  # of brightness at which grain is measured
CALM = 0.3  # quantile of the grain of a level's pixels: most of the others are covered at times
LARGEST_GRAIN = 0.03  # encoded
TOLERANCE = (5.0, 2.5 / 255)  # standard deviations of the grain, and encoded, to the same colour
TWICE = 2  # frames; what is seen less often is chance
BLOCK = 4096  # pixels whose frames are compared with each other at once
STEPS, FARTHEST = 4096, 3.5  # of one encoded unit, and encoded, of what 16 bits hold twice


def candidates_of(frames: npt.NDArray[np.float16], linear: bool) -> Candidates:
    """The candidates of ``frames`` (N, H, W, 3), N at least 2; NaN where one has no pixels."""
    grain = Grain.of(frames, linear)
    found = Candidates.empty(*frames.shape[1:3])
    for rows, inner, band in _bands(frames):
        found.put(rows, _candidates_of(band, inner, linear, grain))
    return found


@dataclass(frozen=True, eq=False)
class Candidates:
    """The two colours that pixels show most often (H, W, 3), and of how many frames' share."""

    first: Floats
    second: Floats
    first_share: Floats
    second_share: Floats
    frames: Floats  # how many have the pixel
    once: Floats  # 1 where the first colour is shown up to some frame or from it on, and never else

    @classmethod
    def empty(cls, height: int, width: int) -> Candidates:
        colours = (np.zeros((height, width, 3), np.float32) for _ in range(2))
        maps = (np.zeros((height, width), np.float32) for _ in range(4))
        return cls(*colours, *maps)

    def put(self, rows: slice, part: Candidates) -> None:
        for name, values in vars(part).items():
            getattr(self, name)[rows] = values


@dataclass(frozen=True, eq=False)
class Grain:
    """Standard deviation of what is compared, encoded, by brightness."""

    levels: Floats
    sigma: Floats

    @classmethod
    def of(cls, frames: npt.NDArray[np.float16], linear: bool) -> Grain:
        """Measured on some bands of rows, where a pixel is the same in most frames."""
        bands = list(_bands(frames, only_places=True))
        some = bands[:: max(1, len(bands) // 8)][:8]
        levels, sigmas = [], []
        for rows, inner, _ in some:
            seen = _compared(_read(frames, rows, inner), linear)[:, inner]
            middle = _median(seen)
            off = _median(np.abs(seen - middle))
            levels.append(middle.mean(axis=2).ravel())
            sigmas.append(1.4826 * off.max(axis=2).ravel())
        level, sigma = np.concatenate(levels), np.concatenate(sigmas)
        known = np.isfinite(level) & np.isfinite(sigma)
        level, sigma = level[known], sigma[known]
        edges = np.quantile(level, np.linspace(0, 1, LEVELS + 1)) if level.size else np.zeros(2)
        at, of = [], []
        for low, high in zip(edges[:-1], edges[1:], strict=True):
            inside = (level >= low) & (level <= high)
            if inside.any():
                at.append(float(level[inside].mean()))
                of.append(min(LARGEST_GRAIN, float(np.quantile(sigma[inside], CALM))))
        if not at:
            at, of = [0.0], [LARGEST_GRAIN]
        return cls(np.array(at, np.float32), np.array(of, np.float32))

    def tolerance(self, colours: Floats) -> Floats:
        """How far the same colour may be off, encoded, for colours (..., 3)."""
        sigma = np.interp(np.nan_to_num(colours.mean(axis=-1)), self.levels, self.sigma)
        result: Floats = (TOLERANCE[0] * sigma + TOLERANCE[1]).astype(np.float32)
        return result


def _bands(
    frames: npt.NDArray[np.float16], only_places: bool = False
) -> Iterator[tuple[slice, slice, Floats]]:
    """Rows of all frames: which they are, where in what was read, and that (N, h, W, 3)."""
    count, height, width = frames.shape[:3]
    step = max(4, BAND // (count * width * 3))
    for top in range(0, height, step):
        rows = slice(top, min(height, top + step))
        start = max(0, top - HALO)
        inner = slice(top - start, top - start + rows.stop - top)
        none = np.zeros(0, np.float32)
        yield rows, inner, none if only_places else _read(frames, rows, inner)


def _read(frames: npt.NDArray[np.float16], rows: slice, inner: slice) -> Floats:
    start = rows.start - inner.start
    return frames[:, start : min(frames.shape[1], rows.stop + HALO)].astype(np.float32)


def _compared(band: Floats, linear: bool) -> Floats:
    """``band`` (N, h, W, 3) encoded and blurred a little; NaN where a frame has no pixels."""
    result = np.empty_like(band)
    for index, one in enumerate(band):
        known = np.isfinite(one[..., 0])
        shown = encoded(np.where(known[..., None], one, np.float32(0)), linear)
        blurred = cv2.GaussianBlur(np.where(known[..., None], shown, 0), (0, 0), BLUR)
        if not known.all():
            weight = cv2.GaussianBlur(known.astype(np.float32), (0, 0), BLUR)
            blurred = blurred / np.maximum(weight, 1e-3)[..., None]
            blurred[~known] = np.nan
        result[index] = blurred
    return result


def _median(x: Floats) -> Floats:
    """Over the first axis, of what is no NaN; NaN where nothing is."""
    if not np.isnan(x).any():
        result: Floats = np.median(x, axis=0)
        return result
    ordered = np.sort(x, axis=0)  # NaN last
    count = np.isfinite(x).sum(axis=0)
    last = np.maximum(count - 1, 0)
    middles = last // 2, np.minimum(count // 2, last)
    low, high = (np.take_along_axis(ordered, at[None], 0)[0] for at in middles)
    half: Floats = (low + high) / 2
    return half


def _candidates_of(band: Floats, inner: slice, linear: bool, grain: Grain) -> Candidates:
    seen, light = _compared(band, linear)[:, inner], band[:, inner]
    shape = seen.shape[1:3]
    there = np.isfinite(seen[..., 0])  # (N, h, W)
    count = there.sum(axis=0).astype(np.float32)
    middle = _median(seen)
    alike = _alike(seen, middle, grain)
    first = alike.copy()
    second = np.zeros_like(first)
    open_ = ((count - alike.sum(axis=0)) >= TWICE).ravel().nonzero()[0]
    if open_.size:
        flat = seen.reshape(len(seen), -1, 3)[:, open_]
        one = _most_frequent(flat, np.ones(flat.shape[:2], bool), grain)
        other = _most_frequent(flat, ~one, grain)
        first.reshape(len(seen), -1)[:, open_] = one
        second.reshape(len(seen), -1)[:, open_] = other
    share = np.maximum(count, 1)
    return Candidates(
        _mean(light, first).reshape(*shape, 3),
        _mean(light, second).reshape(*shape, 3),
        first.sum(axis=0) / share,
        second.sum(axis=0) / share,
        count,
        _changes_once(first, there).astype(np.float32),
    )


def _changes_once(shows: Mask, there: Mask) -> Mask:
    """Where ``shows`` (N, h, w) changes once, but for one frame; of the frames that are ``there``.

    What is covered and comes back is background.
    """
    others = there & ~shows
    last = len(shows) - 1 - np.argmax(shows[::-1], axis=0)
    first = np.argmax(shows, axis=0)
    number = np.arange(len(shows))[:, None, None]
    after, before = (others & (number > last)).sum(axis=0), (others & (number < first)).sum(axis=0)
    total = others.sum(axis=0)
    most = np.maximum(after, before)
    result: Mask = (most >= TWICE) & (total - most < TWICE)
    return result


def _alike(seen: Floats, colours: Floats, grain: Grain) -> Mask:
    """Which frames (N, ...) show ``colours`` (..., 3)."""
    apart = np.abs(seen - colours).max(axis=-1)
    result: Mask = apart < grain.tolerance(colours)  # False for NaN
    return result


def _most_frequent(flat: Floats, among: Mask, grain: Grain) -> Mask:
    """Which frames (N, P) of ``among`` show the colour that most of them show.

    ``flat`` are colours (N, P, 3).
    """
    result = np.zeros(flat.shape[:2], bool)
    for start in range(0, flat.shape[1], BLOCK):
        part = slice(start, start + BLOCK)
        result[:, part] = _most_frequent_of(flat[:, part], among[:, part], grain)
    return result


def _most_frequent_of(flat: Floats, among: Mask, grain: Grain) -> Mask:
    # Whole numbers of 16 bits, a channel at a time: each frame is compared with each other one.
    steps = (np.nan_to_num(flat, nan=2.0 * FARTHEST).clip(-FARTHEST, 2 * FARTHEST) * STEPS).astype(
        np.int16
    )
    channels = [np.ascontiguousarray(steps[..., channel]) for channel in range(3)]
    tolerance = (grain.tolerance(flat) * STEPS).astype(np.int16)
    among = among & np.isfinite(flat[..., 0])
    most, best = np.zeros(flat.shape[1], np.uint8), np.zeros(flat.shape[1], np.intp)
    for number in range(len(flat)):
        alike = among & among[number]
        for channel in channels:
            alike &= np.abs(channel - channel[number]) < tolerance[number]
        votes = alike.sum(axis=0, dtype=np.uint8)
        more = votes > most
        most[more], best[more] = votes[more], number
    colour = np.take_along_axis(flat, best[None, :, None], 0)[0]
    return _alike(flat, colour, grain) & among & (most > 0)


def _mean(light: Floats, members: Mask) -> Floats:
    """The mean colour of the frames that are ``members`` (N, h, W)."""
    total = np.zeros(light.shape[1:], np.float32)
    for one, inside in zip(light, members, strict=True):
        total += np.where(inside[..., None], one, 0)
    result: Floats = total / np.maximum(members.sum(axis=0), 1)[..., None]
    return result
