"""Rotation flags: a file's pixels as every viewer shows them, and the header that goes with them.

A phone stores what its sensor sees and a number for how to turn it (Exif, TIFF 6.0):

    1 as stored    2 mirrored       3 upside down    4 upside down, mirrored
    5 transposed   6 turned right   7 transversed    8 turned left
"""

from __future__ import annotations

from typing import TypeVar

import numpy as np
import numpy.typing as npt
import OpenImageIO as oiio

FLAG = "Orientation"
TRANSPOSED, MIRRORED, FLIPPED = (5, 6, 7, 8), (2, 3, 6, 7), (3, 4, 7, 8)  # in this order

Value = TypeVar("Value", bound=np.generic)


def orientation_of(spec: oiio.ImageSpec) -> int:
    """The flag of a header, 1 to 8; 1 where there is none or a wrong one."""
    flag = int(spec.get_int_attribute(FLAG, 1))
    return flag if 1 <= flag <= 8 else 1


def upright_spec(spec: oiio.ImageSpec) -> oiio.ImageSpec:
    """The header of the same picture stored upright, without the flag; windows turn along."""
    flag = orientation_of(spec)
    turned = oiio.ImageSpec(spec)
    turned.erase_attribute(FLAG)
    if flag == 1:
        return turned
    left, top = spec.x - spec.full_x, spec.y - spec.full_y
    width, height = spec.width, spec.height
    whole_width, whole_height = spec.full_width, spec.full_height
    if flag in TRANSPOSED:
        left, top, width, height = top, left, height, width
        whole_width, whole_height = whole_height, whole_width
        aspect = spec.get_float_attribute("PixelAspectRatio", 1.0)
        if aspect > 0 and aspect != 1:
            turned.attribute("PixelAspectRatio", 1 / aspect)
    if flag in MIRRORED:
        left = whole_width - left - width
    if flag in FLIPPED:
        top = whole_height - top - height
    turned.x, turned.y = spec.full_x + left, spec.full_y + top
    turned.width, turned.height = width, height
    turned.full_width, turned.full_height = whole_width, whole_height
    return turned


def upright(pixels: npt.NDArray[Value], flag: int) -> npt.NDArray[Value]:
    """Pixels (H, W, C) as stored, turned by the flag: (H, W, C) or (W, H, C)."""
    if flag in TRANSPOSED:
        pixels = pixels.transpose(1, 0, 2)
    if flag in MIRRORED:
        pixels = pixels[:, ::-1]
    if flag in FLIPPED:
        pixels = pixels[::-1]
    return pixels
