"""The digest of a plate: what the result cache takes for "the same pixels".

Hosts render their inputs anew for every job, and Nuke and Blender stamp each
EXR with the time, the render time or the state of the script. A digest of the
bytes would therefore never be met twice. So for a single-part scanline EXR the
digest is taken of

- the header's attributes, except those that name the moment and the script
  (plates/volatile.py); timecode, windows, aspect and all other metadata count, because
  they are written into the result;
- the compressed pixel chunks with their coordinates, in file order. The chunk
  offset table is left out: it moves when the header's length does.

Equal chunks hold equal pixels, so a hit is always right, and nothing is decoded in
the server, which damaged files could take along. The same pixels in another
compression are found by the worker's digest of what it read (plates/content.py).
Every other file (tiled, deep or
multi-part EXR, PNG, JPEG, ...) is digested byte for byte.

Source: "OpenEXR File Layout", openexr.com.
"""

from __future__ import annotations

import hashlib
import struct
from pathlib import Path
from typing import BinaryIO

from ..plates.io.volatile_metadata import is_volatile

BLOCK = 1 << 20
HEADER_LIMIT = 4 << 20  # bytes; a longer header is not one that a host writes

_LINES_PER_CHUNK = {0: 1, 1: 1, 2: 1, 3: 16, 4: 32, 5: 16, 6: 32, 7: 32, 8: 32, 9: 256}


def plate_digest(path: Path) -> str:
    """Hex digest of the plate in ``path``; OSError where it cannot be read."""
    with path.open("rb") as file:
        whole = hashlib.sha256()
        start = _hash_exr_header(file, whole)
        if start is None:
            whole = hashlib.sha256(b"bytes")
            start = 0
        file.seek(start)
        while block := file.read(BLOCK):
            whole.update(block)
    return whole.hexdigest()


def _hash_exr_header(file: BinaryIO, into: hashlib._Hash) -> int | None:
    """Hash the attributes; the offset of the first chunk, or None for any other kind of file."""
    head = file.read(HEADER_LIMIT)
    if len(head) < 8 or head[:4] != b"\x76\x2f\x31\x01":
        return None
    version, flags = head[4], int.from_bytes(head[5:8], "little")
    if version != 2 or flags & 0b11010:  # tiled, deep, multi-part
        return None
    into.update(b"exr")
    at = 8
    kept: dict[str, bytes] = {}
    try:
        while head[at] != 0:
            name_end = head.index(0, at)
            kind_end = head.index(0, name_end + 1)
            (size,) = struct.unpack_from("<i", head, kind_end + 1)
            value_end = kind_end + 5 + size
            if size < 0 or value_end > len(head):
                return None
            kept[head[at:name_end].decode("latin-1")] = head[kind_end + 5 : value_end]
            into_name = head[at:name_end].decode("latin-1")
            if not is_volatile(into_name):
                into.update(struct.pack("<i", value_end - at) + head[at:value_end])
            at = value_end
        _, top, _, bottom = struct.unpack("<4i", kept["dataWindow"])
        lines = _LINES_PER_CHUNK[kept["compression"][0]]
    except (IndexError, KeyError, ValueError, struct.error):
        return None
    chunks = -(-(bottom - top + 1) // lines)
    return at + 1 + 8 * chunks if chunks > 0 else None
