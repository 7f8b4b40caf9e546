"""The digest of a plate's file, by which the result cache finds equal pixels.

Hosts render their inputs again for every job, and Nuke and Blender stamp each
EXR with the time, the render time or the state of the script. A digest of the
bytes would therefore never occur twice. So for a single-part scanline EXR the
digest is taken of

- the header's attributes, except those that name the moment and the script
  (dmp_matting/exr_header.py); timecode, windows, aspect and all other metadata count, because
  they are written into the result;
- the chunk offset table, by which a decoder finds its chunks. Its offsets count from the first
  chunk on, since all of them move when the header's length does;
- the compressed pixel chunks with their coordinates, in file order.

This is all that a decoder reads, so a hit is always right, and nothing is decoded in
the server, which damaged files could take along. The same pixels in another
compression are found by the worker's digest of what it read (plates/io/pixel_digest.py).
Every other file (tiled, deep or multi-part EXR, PNG, JPEG, ...) is digested byte for byte.
"""

from __future__ import annotations

import hashlib
import os
import struct
from pathlib import Path
from typing import BinaryIO

from dmp_matting.exr_header import is_volatile, read_exr_header

BLOCK = 1 << 20


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
    header = read_exr_header(file)
    if header is None or header.blocks() < 1:
        return None
    count = header.blocks()
    first = header.size + 8 * count
    if first > os.fstat(file.fileno()).st_size:
        return None
    into.update(b"exr")
    for attribute in header.attributes:
        if not is_volatile(attribute.name):
            stored = attribute.stored()
            into.update(struct.pack("<i", len(stored)) + stored)
    offsets = struct.unpack(f"<{count}Q", file.read(8 * count))
    into.update(struct.pack(f"<{count}Q", *((offset - first) % 2**64 for offset in offsets)))
    return first
