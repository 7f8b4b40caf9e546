"""Grey pictures as PNG, without an image of Blender's that would count as changed."""

from __future__ import annotations

import struct
import zlib
from typing import Any

import numpy as np


def encode(grey: Any) -> bytes:
    """The PNG of ``grey``, (H, W) uint8 with the first row on top."""
    height, width = grey.shape
    rows = np.zeros((height, width + 1), np.uint8)  # each begins with its filter: none
    rows[:, 1:] = grey
    header = struct.pack(">IIBBBBB", width, height, 8, 0, 0, 0, 0)  # 8 bits, grey
    parts = ((b"IHDR", header), (b"IDAT", zlib.compress(rows.tobytes(), 1)), (b"IEND", b""))
    return b"\x89PNG\r\n\x1a\n" + b"".join(_chunk(kind, data) for kind, data in parts)


def _chunk(kind: bytes, data: bytes) -> bytes:
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))
