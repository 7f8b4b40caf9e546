"""What a file asks of this machine, judged by its header before anything is decoded.

A few kilobytes can describe a picture of gigabytes, or a header that takes minutes to read. Such
files are damaged or made to do harm; both get one sentence at once.
"""

from __future__ import annotations

import os
import struct
from pathlib import Path
from typing import BinaryIO

import OpenImageIO as oiio

from dmp_matting.errors import PlateError
from dmp_matting.exr_header import MAGIC, next_attribute

from ...machine.memory import free_memory

LONGEST_SIDE = 1 << 20  # pixels; beyond it a header is damaged, and EXR cannot be written
MOST_PIXELS = 1 << 28  # 16384 x 16384: as large as a plate is ever solved
MOST_ATTRIBUTES = 5000  # of all parts of an EXR; cameras and renderers write some hundreds
MOST_PARTS = 500  # of an EXR
MOST_CHANNELS = 1024  # of a part; OpenImageIO's own limit
MOST_TILES = 1 << 20  # of a part
COPIES = 3  # of the pixels that are read, as 32-bit floats, at one time
MANY_PARTS = 0x1000  # flag of an EXR's version field


def check_file(path: Path) -> None:
    """Raise PlateError for an EXR that OpenImageIO should not even open. Raises OSError."""
    with path.open("rb") as file:
        start = file.read(8)
        if len(start) < 8 or start[:4] != MAGIC:
            return
        size = os.fstat(file.fileno()).st_size
        many = bool(struct.unpack("<I", start[4:])[0] & MANY_PARTS)
        _check_exr_headers(path, file, size, many)


def _check_exr_headers(path: Path, file: BinaryIO, size: int, many: bool) -> None:
    attributes = parts = 0
    window, tiles = (0, 0), (0, 0)
    while True:
        found = next_attribute(file)
        if found is None or found[2] > size - file.tell():
            return  # damaged, which the decoder reports
        name, _, count = found
        if not name:
            if window == (0, 0):
                return  # the end of all headers
            _check_pixels(path, *window, tiles)
            window, tiles = (0, 0), (0, 0)
            parts += 1
            if not many:
                return
            if parts > MOST_PARTS:
                raise PlateError(f"'{path}' has more than {MOST_PARTS} parts; write fewer.")
            continue
        attributes += 1
        if attributes > MOST_ATTRIBUTES:
            raise PlateError(
                f"'{path}' has more than {MOST_ATTRIBUTES} attributes in its header; "
                "write it again without them."
            )
        if name == "dataWindow" and count == 16:
            left, top, right, bottom = struct.unpack("<4i", file.read(16))
            window = right - left + 1, bottom - top + 1
        elif name == "tiles" and count == 9:
            tiles = struct.unpack("<2I", file.read(9)[:8])
        else:
            file.seek(count, os.SEEK_CUR)


def check_spec(path: Path, spec: oiio.ImageSpec) -> None:
    """Raise PlateError for a part whose header asks for more than any plate does."""
    height = spec.height * max(1, spec.depth)
    _check_pixels(path, spec.width, height, (spec.tile_width, spec.tile_height))
    if max(spec.full_width, spec.full_height) > LONGEST_SIDE:
        _refuse_size(path, spec.full_width, spec.full_height)
    if spec.nchannels > MOST_CHANNELS:
        raise PlateError(f"'{path}' has {spec.nchannels} channels; {MOST_CHANNELS} are the most.")


def check_memory(path: Path, spec: oiio.ImageSpec, channels: int) -> None:
    """Raise PlateError where so many channels of the part do not fit into what is free."""
    need = spec.width * spec.height * max(1, spec.depth) * channels * 4 * COPIES
    free = free_memory()
    if free is not None and need > free:
        raise PlateError(
            f"'{path}' says it is {spec.width} x {spec.height} pixels: reading it takes "
            f"{need / 2**30:.1f} GB of memory and {free / 2**30:.1f} GB are free; check the file "
            "or scale it down."
        )


def _check_pixels(path: Path, width: int, height: int, tiles: tuple[int, int]) -> None:
    if max(width, height) > LONGEST_SIDE or width * height > MOST_PIXELS:
        _refuse_size(path, width, height)
    across, down = tiles
    if across > 0 and down > 0 and -(-width // across) * -(-height // down) > MOST_TILES:
        raise PlateError(
            f"'{path}' is cut into more than {MOST_TILES} tiles of {across} x {down} pixels; "
            "write it with larger tiles or none."
        )


def _refuse_size(path: Path, width: int, height: int) -> None:
    raise PlateError(
        f"'{path}' says it is {width} x {height} pixels, more than DMP takes "
        f"({MOST_PIXELS >> 20} million); check the file or scale it down."
    )
