"""A movie without a codec, so that its pixels are exact: RIFF AVI with uncompressed BGR frames."""

from __future__ import annotations

import struct
from pathlib import Path

import numpy as np


def write_avi(path: Path, frames: np.ndarray) -> Path:
    """Write (N, H, W, 3) bytes, RGB; the width is a multiple of 4."""
    count, height, width, _ = frames.shape
    size = width * height * 3
    movi = b"".join(
        b"00db" + struct.pack("<I", size) + frame[::-1, :, ::-1].tobytes() for frame in frames
    )
    index = b"".join(
        b"00db" + struct.pack("<III", 0x10, 4 + n * (size + 8), size) for n in range(count)
    )
    main = struct.pack(
        "<14I", 41667, size * 24, 0, 0x10, count, 0, 1, size, width, height, 0, 0, 0, 0
    )
    stream = b"vidsDIB " + struct.pack(
        "<IHHIIIIIIII4H", 0, 0, 0, 0, 1, 24, 0, count, size, 0xFFFFFFFF, 0, 0, 0, width, height
    )
    picture = struct.pack("<IiiHHIIiiII", 40, width, height, 1, 24, 0, size, 0, 0, 0, 0)
    strl = _list(b"strl", _chunk(b"strh", stream) + _chunk(b"strf", picture))
    body = _list(b"hdrl", _chunk(b"avih", main) + strl) + _list(b"movi", movi)
    whole = b"AVI " + body + _chunk(b"idx1", index)
    path.write_bytes(_chunk(b"RIFF", whole))
    return path


def _chunk(name: bytes, data: bytes) -> bytes:
    return name + struct.pack("<I", len(data)) + data


def _list(kind: bytes, data: bytes) -> bytes:
    return _chunk(b"LIST", kind + data)
