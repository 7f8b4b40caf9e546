"""What a plate's header holds, for checks before work starts; pixels only on request."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from dmp_matting.errors import DmpError
from dmp_matting.job import Plate, Role

from ..plates.io import read_plate
from ..plates.io.channels import pick_colour
from ..plates.io.colour_space import RAW
from ..plates.io.image_file import ImageFile
from .contact_sheet import shown

ASPECT = "PixelAspectRatio"
ALIKE = 0.06  # difference as displayed, with grain, that is still the same background


def probe_plate(wanted: Plate, *, pixels: bool = False) -> dict[str, Any]:
    """Sizes, windows (x, y, width, height), pixel aspect, and the colour space it would be read in.

    ``pixels``: decode it too, which finds truncated files, NaN and a colour space that OCIO does
    not know. A file that cannot be used has ``trouble``, the sentence, and its class in ``kind``.
    """
    found: dict[str, Any] = {"path": wanted.path, "trouble": "", "kind": ""}
    path, or_main = Path(wanted.path), wanted.role is Role.CLEAN
    try:
        with ImageFile(path) as file:
            spec = pick_colour(path, file.parts(), wanted.layer, or_main=or_main).part.spec
            found |= {
                "format": file.format,
                "width": spec.width,
                "height": spec.height,
                "data_window": [spec.x, spec.y, spec.width, spec.height],
                "display_window": [spec.full_x, spec.full_y, spec.full_width, spec.full_height],
                "pixel_aspect": spec.get_float_attribute(ASPECT, 1.0),
                "declared_space": spec.get_string_attribute("oiio:ColorSpace"),
            }
        if pixels:
            plate = read_plate(wanted, like=None)
            found |= {"space": plate.space, "brightest": float(np.max(plate.rgb))}
    except DmpError as error:
        found |= {"trouble": str(error), "kind": type(error).__name__}
    return found


def match_plates(image: Plate, clean: Plate) -> dict[str, Any]:
    """How far two plates show the same place. Raises PlateError, MismatchError, ColourSpaceError.

    same      they are the same picture
    alike     share of pixels that differ by less than ``ALIKE`` as displayed, exposure aside
    exposure  median difference, as displayed, of the two pictures
    """
    one = read_plate(image)
    other = read_plate(clean, like=one)
    raw = one.space == RAW
    difference = shown(one.rgb, raw) - shown(other.rgb, raw)
    offset = np.median(difference.reshape(-1, 3), axis=0)
    alike = np.abs(difference - offset).max(axis=2) < ALIKE
    return {
        "same": bool(np.array_equal(one.rgb, other.rgb)),
        "alike": float(alike.mean()),
        "exposure": float(np.abs(offset).max()),
    }
