"""Plates and mattes from files to arrays, over the image plate's data window.

Rules: an array always spans a whole data window, and ``spec`` holds where that
lies in the display window. The plate's alpha is not looked at: an EXR's colours
are premultiplied by convention, and the plate is what it is.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

import numpy as np
import numpy.typing as npt
import OpenImageIO as oiio

from dmp_matting.errors import MismatchError, PlateError
from dmp_matting.job import Plate, Role

from . import colour_space
from .channels import Pick, pick_alpha, pick_colour, pick_unseen
from .header import place
from .image_file import Decoded, ImageFile
from .primaries import Primaries, declared_primaries, in_primaries_of
from .repair import BLAZING, LARGEST, repaired

Sample = TypeVar("Sample", np.float32, np.bool_)

HALF = 0.5  # of the map of what was never seen, from which a place counts as such
LUMA = np.array([0.2126, 0.7152, 0.0722], np.float32)  # Rec. 709


@dataclass(frozen=True, eq=False)
class PlateImage:
    """One plate in memory.

    ``rgb`` is (H, W, 3) float32 over ``spec``'s data window: scene-linear and
    unbounded, or as stored when ``space`` is ``raw``.
    """

    rgb: npt.NDArray[np.float32]
    spec: oiio.ImageSpec  # windows, pixel aspect, timecode, metadata
    path: Path
    space: str  # what the file was read as: scene_linear, raw, or a name of the configuration
    # Left, top, right, bottom of the part of the array that the file has; None is all of it.
    window: tuple[int, int, int, int] | None = None
    notes: tuple[str, ...] = ()  # what was repaired or converted, for the artist
    named: bool = False  # the artist named its colour space
    primaries: Primaries | None = None  # as the file declares them, where no space was named
    unseen: npt.NDArray[np.bool_] | None = None  # (H, W), by the clean plate's own map of it

    def covered(self) -> npt.NDArray[np.bool_]:
        """Where the file has pixels (H, W) that are no invention; without any they are black."""
        covered = np.ones(self.rgb.shape[:2], bool)
        if self.window is not None:
            left, top, right, bottom = self.window
            covered[:] = False
            covered[top:bottom, left:right] = True
        return covered if self.unseen is None else covered & ~self.unseen


def read_plate(plate: Plate, like: PlateImage | None = None) -> PlateImage:
    """The plate in the working space of :mod:`.colour`.

    With ``like`` (the image plate, when ``plate`` is the clean plate) the pixels
    are returned over ``like``'s data window; those that the file does not have
    are black. Raises PlateError (missing, damaged, no colours, much of it NaN), MismatchError
    (display windows differ), ColourSpaceError. Colours that are declared to be of other primaries
    than ``like``'s are converted, see primaries.py.
    """
    path = Path(plate.path)
    with ImageFile(path) as file:
        pick = pick_colour(path, file.parts(), plate.layer, or_main=plate.role is Role.CLEAN)
        decoded = file.read(pick)
        map_ = pick_unseen(pick.part) if plate.role is Role.CLEAN else None
        unseen = None if map_ is None else file.read(map_).pixels[..., 0] > HALF
    if like is not None:
        _check_windows(path, decoded.spec, like)
    pixels, note = _repaired(plate, decoded)
    space, primaries = plate.colour_space, None
    named = space.lower() != colour_space.AUTO
    if not named:
        primaries = declared_primaries(decoded.spec)
        space = colour_space.auto_space(path, decoded.spec, decoded.format, decoded.floats)
    rgb, name, chromaticities = colour_space.to_working(pixels, space)
    if primaries is not None:
        primaries = primaries.as_read(*colour_space.reading_of(space))
    again = repaired(rgb)  # a log curve makes light without end of a firefly
    if again is None:
        raise PlateError(f"'{path}' has values that '{name}' cannot hold; check its colour space.")
    rgb, notes = again.pixels, [note or again.note(plate.role.called)]
    if pick.alone:
        notes.append(f"The {plate.role.called} is the file's only layer, '{pick.alone}'.")
    if like is not None:
        rgb, changed = in_primaries_of(rgb, primaries, like.primaries, str(path), str(like.path))
        notes.append(changed)
    spec = oiio.ImageSpec(decoded.spec)
    if chromaticities and not plate.keeps_space:  # else the layers go back to the file's own
        spec.erase_attribute("colorInteropID")
        spec.attribute("chromaticities", "float[8]", chromaticities)
    window = None
    if like is not None:
        window = _within(spec, like.spec)
        rgb = _over(rgb, spec, like.spec)
        unseen = None if unseen is None else _over(unseen, spec, like.spec)
        place(spec, like.spec)
    notes = list(filter(None, notes))
    return PlateImage(rgb, spec, path, name, window, tuple(notes), named, primaries, unseen)


def read_matte(plate: Plate, like: PlateImage) -> npt.NDArray[np.float32]:
    """A matte of the artist's, (H, W) in [0, 1] over ``like``'s data window.

    The file's alpha where it has one that is not the same everywhere, else its
    colours' luminance, else its first channel. Values are taken as stored
    (a matte is data), clamped, and 0 outside the file's data window. Raises
    PlateError and MismatchError like :func:`read_plate`.
    """
    path = Path(plate.path)
    with ImageFile(path) as file:
        parts = file.parts()
        _check_windows(path, parts[0].spec, like)
        alpha = pick_alpha(parts)
        decoded = file.read(alpha) if alpha else None
        if decoded is None or np.ptp(decoded.pixels) == 0:
            try:
                decoded = file.read(pick_colour(path, parts))
            except PlateError:
                if decoded is None:
                    decoded = file.read(Pick(parts[0], (0,)))
    pixels, _ = _repaired(plate, decoded)
    matte = pixels @ LUMA if pixels.shape[2] == 3 else pixels[..., 0]
    return np.clip(_over(matte, decoded.spec, like.spec), 0.0, 1.0)


def _check_windows(path: Path, spec: oiio.ImageSpec, like: PlateImage) -> None:
    own = (spec.full_width, spec.full_height, spec.full_x, spec.full_y)
    other = like.spec
    wanted = (other.full_width, other.full_height, other.full_x, other.full_y)
    if own == wanted:
        return
    if own[:2] == wanted[:2]:
        raise MismatchError(
            f"'{path}' and '{like.path}' are both {own[0]} x {own[1]}, but their display windows "
            f"start at {own[2:]} and {wanted[2:]}; write both with one format."
        )
    raise MismatchError(
        f"'{path}' is {own[0]} x {own[1]} but '{like.path}' is {wanted[0]} x {wanted[1]}; "
        "give plates of one size."
    )


def _repaired(plate: Plate, decoded: Decoded) -> tuple[npt.NDArray[np.float32], str]:
    """The pixels as they can be solved, and what was done; PlateError where that is too much."""
    found = repaired(decoded.pixels)
    if found is not None:
        return found.pixels, found.note(plate.role.called)
    bad = ~np.isfinite(decoded.pixels).all(axis=2)
    spec = decoded.spec
    beyond = np.abs(np.nan_to_num(decoded.pixels, nan=0)).max(axis=2) > LARGEST
    if beyond.mean() > BLAZING and not bad.any():
        raise PlateError(
            f"'{plate.path}' has {int(beyond.sum())} pixels above {LARGEST:g}, the largest value "
            "that half holds; write it in a unit in which white is near 1."
        )
    row, column = divmod(int(np.argmax(bad)), spec.width)
    x, y = column + spec.x - spec.full_x, row + spec.y - spec.full_y
    raise PlateError(
        f"'{plate.path}' has {int(bad.sum())} pixels that are NaN or infinite, too many to fill, "
        f"the first {x} from the left and {y} from the top; render it again."
    )


def _within(spec: oiio.ImageSpec, like: oiio.ImageSpec) -> tuple[int, int, int, int] | None:
    """The part of ``like``'s data window that ``spec``'s covers; None if all of it."""
    left, top = max(spec.x - like.x, 0), max(spec.y - like.y, 0)
    right = min(spec.x + spec.width - like.x, like.width)
    bottom = min(spec.y + spec.height - like.y, like.height)
    if (left, top, right, bottom) == (0, 0, like.width, like.height):
        return None
    return left, top, max(left, right), max(top, bottom)


def _over(
    pixels: npt.NDArray[Sample], spec: oiio.ImageSpec, like: oiio.ImageSpec
) -> npt.NDArray[Sample]:
    """``pixels`` of ``spec``'s data window over ``like``'s; 0 where there are none."""
    if (spec.x, spec.y, spec.width, spec.height) == (like.x, like.y, like.width, like.height):
        return pixels
    result = np.zeros((like.height, like.width, *pixels.shape[2:]), pixels.dtype)
    left, top = max(spec.x, like.x), max(spec.y, like.y)
    right = min(spec.x + spec.width, like.x + like.width)
    bottom = min(spec.y + spec.height, like.y + like.height)
    if left < right and top < bottom:
        result[top - like.y : bottom - like.y, left - like.x : right - like.x] = pixels[
            top - spec.y : bottom - spec.y, left - spec.x : right - spec.x
        ]
    return result
