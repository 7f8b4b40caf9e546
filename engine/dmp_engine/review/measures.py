"""Measures of finished frames that need no truth: numbers for a summary.

One frame at a time, with only its predecessor kept. Colours are compared as a display shows them
(sRGB curve, clipped to [0, 1]), so that a number means the same in a dark and in a bright shot;
those of a ``raw`` job as they are.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
from scipy import ndimage

from dmp_matting.job import Role

from ..plates.io import read_plate
from ..plates.io.channels import Pick
from ..plates.io.colour_space import RAW
from ..plates.io.header import stored_names
from ..plates.io.image_file import ImageFile
from ..plates.io.write import uncropped
from .contact_sheet import Result, read_result, shown

Pixels = npt.NDArray[np.float32]

BACKGROUND, CORE = 0.02, 0.98  # alpha below and above which a pixel is decided
LEAST_BACKGROUND = 0.01  # share of the frame without which drift cannot be measured
VISIBLE = 0.02  # alpha that an eye finds on black
SPECK = 2e-4  # share of the frame: a smaller island of alpha is grain
HOLE = 5e-4  # share of the frame: a smaller gap in the core that shows the subject is a hole
DIFFERENT = 0.1  # from the clean plate, as displayed: no background shows here
AROUND = 9  # pixels a side of the neighbourhood in which the plate must stand still
LEAST_STILL = 32  # pixels without which flicker cannot be measured
STILL = 0.012  # change of the plate, as displayed, that is noise


@dataclass(frozen=True)
class Measure:
    """One frame in numbers; None where a number makes no sense."""

    frame: int
    pixels: int  # of the frame
    coverage: float  # mean alpha, [0, 1]
    undecided: float  # share of pixels with 0.02 < alpha < 0.98
    residual: float  # mean |alpha F + (1 - alpha) B - I| of undecided pixels, as displayed
    drift: float | None  # median difference of plate and clean plate where alpha is 0
    specks: int  # pixels of small islands of alpha: grain outside the subject
    holes: int  # pixels of small gaps in the core that do not show the clean plate
    clipped: int  # core pixels brighter than 1 that have lost their brightness
    flicker: float | None  # mean change of undecided alpha where the plate stands still
    confidence: float | None  # mean of the layer confidence.A over undecided pixels
    warnings: tuple[str, ...]  # what the engine recorded

    def to_json(self) -> dict[str, Any]:
        return dataclasses.asdict(self)


def measure_frames(frames: Iterable[dict[str, Any]]) -> Iterator[Measure]:
    """Measure results in order.

    Each entry holds ``number`` and ``result``, the path of an EXR that ``dmp matte`` wrote, and
    ``image`` and ``clean`` where the plates are not those of its header. Raises PlateError and
    MismatchError for files that are not there or do not fit.
    """
    before: tuple[int, Pixels, Pixels] | None = None
    for entry in frames:
        number, path = int(entry["number"]), Path(entry["result"])
        result = read_result(path)
        image = read_plate(result.plate(Role.IMAGE, entry.get("image")))
        clean = read_plate(result.plate(Role.CLEAN, entry.get("clean")), like=image)
        confidence, warnings = _extras(path)
        image_shown = shown(image.rgb, result.space == RAW)
        consecutive = before is not None and number - before[0] == 1
        measure = _measure(
            number, result, image.rgb, clean.rgb, before[1:] if before and consecutive else None
        )
        open_ = _open(result.alpha)
        yield dataclasses.replace(
            measure,
            confidence=_mean(confidence[open_]) if confidence is not None else None,
            warnings=warnings,
        )
        before = (number, result.alpha, image_shown)


def _measure(
    number: int, result: Result, image: Pixels, clean: Pixels, before: tuple[Pixels, Pixels] | None
) -> Measure:
    raw = result.space == RAW
    alpha, open_ = result.alpha, _open(result.alpha)
    image_shown, clean_shown = shown(image, raw), shown(clean, raw)
    composite = shown(result.premultiplied + (1 - alpha[..., None]) * clean, raw)
    outside = alpha <= BACKGROUND
    drift = None
    if outside.mean() >= LEAST_BACKGROUND:
        drift = float(np.abs(np.median((image_shown - clean_shown)[outside], axis=0)).max())
    bright = (alpha >= CORE) & (image.max(axis=2) > 1.0)
    lost = result.premultiplied.max(axis=2) < 0.9 * image.max(axis=2)
    return Measure(
        number,
        alpha.size,
        float(alpha.mean()),
        float(open_.mean()),
        _mean(np.abs(composite - image_shown)[open_]) or 0.0,
        drift,
        _specks(alpha),
        _holes(alpha, np.abs(image_shown - clean_shown).max(axis=2)),
        int((bright & lost).sum()),
        _flicker(alpha, image_shown, before),
        None,
        (),
    )


def _open(alpha: Pixels) -> npt.NDArray[np.bool_]:
    undecided: npt.NDArray[np.bool_] = (alpha > BACKGROUND) & (alpha < CORE)
    return undecided


def _mean(values: Pixels) -> float | None:
    return float(values.mean()) if values.size else None


def _islands(mask: npt.NDArray[np.bool_]) -> tuple[npt.NDArray[np.int32], npt.NDArray[np.int64]]:
    """Islands numbered from 1 (8-connected), and the pixels of each; entry 0 is the sea."""
    islands, _ = ndimage.label(mask, np.ones((3, 3)))
    return islands, np.bincount(islands.ravel())


def _specks(alpha: Pixels) -> int:
    islands, sizes = _islands(alpha > VISIBLE)
    small = sizes < max(4.0, SPECK * alpha.size)
    small[0] = False
    return int(sizes[small].sum())


def _holes(alpha: Pixels, difference: Pixels) -> int:
    """Small gaps that the core encloses, where the plate is not the clean plate."""
    islands, sizes = _islands(alpha < CORE)
    small = sizes < max(4.0, HOLE * alpha.size)
    small[0] = False
    rim = np.concatenate([islands[0], islands[-1], islands[:, 0], islands[:, -1]])
    small[rim] = False  # what touches the frame's edge is not enclosed
    return int((small[islands] & (difference > DIFFERENT)).sum())


def _flicker(
    alpha: Pixels, image_shown: Pixels, before: tuple[Pixels, Pixels] | None
) -> float | None:
    if before is None or before[0].shape != alpha.shape:
        return None
    # Over a neighbourhood: in moving fur some pixels keep their colour by chance.
    change = ndimage.uniform_filter(np.abs(image_shown - before[1]).max(axis=2), AROUND)
    counts = (change < STILL) & (_open(alpha) | _open(before[0]))
    if counts.sum() < LEAST_STILL:
        return None
    return _mean(np.abs(alpha - before[0])[counts])


def _extras(path: Path) -> tuple[Pixels | None, tuple[str, ...]]:
    """The layer confidence.A where the result has one, and the recorded warnings."""
    with ImageFile(path) as file:
        part = file.parts()[0]
        names = list(part.spec.channelnames)
        text = part.spec.get_string_attribute("dmp:warnings")
        warnings = tuple(line for line in text.splitlines() if line)
        (confidence,) = stored_names(part.spec, ("confidence.A",))
        if confidence not in names:
            return None, warnings
        pick = Pick(part, (names.index(confidence),))
        return uncropped(file.read(pick).pixels[..., 0], part.spec), warnings
