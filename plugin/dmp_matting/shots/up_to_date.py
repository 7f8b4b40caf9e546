"""Is a frame done already? Its EXR says what it was made from. Standard library only, Python 3.9.

An output counts as finished when it is whole, was made by this version from plates of these names
with these settings, and is not older than any of them. Nothing is kept beside the outputs: several
machines may write one sequence, and a file that is moved keeps its record. A frame that counts as
unfinished by mistake costs little, since the engine's cache knows it.
"""

from __future__ import annotations

import json
import os
import struct
from typing import BinaryIO, Dict, Optional, Sequence

from ..job import Frame
from ..settings import Settings
from ..version import __version__

MAGIC = b"\x76\x2f\x31\x01"
NAME_LIMIT = 256  # bytes of a name in an EXR header
VALUE_LIMIT = 1 << 24  # bytes of one attribute


def is_finished(
    path: str, frame: Frame, wanted: Sequence[Settings], context: Sequence[Frame] = ()
) -> bool:
    """True when ``path`` is this frame, solved with one of the ``wanted`` settings.

    ``context`` are the frames that it was solved with: none of them may be newer.
    """
    try:
        with open(path, "rb") as file:
            made = os.fstat(file.fileno())
            header = read_header(file)
            if header is None or not _is_whole(file, header, made.st_size):
                return False
        plates = {plate.path for one in (frame, *context) for plate in one.plates}
        if any(os.stat(plate).st_mtime > made.st_mtime for plate in plates):
            return False
        recorded = json.loads(header["dmp:settings"])
        release = header["dmp:version"].decode().partition("+")[0]
        names = {plate.role.value: plate.path for plate in frame.plates}
        told = {name: header.get(f"dmp:{name}", b"").decode() for name in names}
    except (OSError, ValueError, KeyError, struct.error):
        return False
    return release == __version__ and told == names and any(_same(recorded, one) for one in wanted)


def _same(recorded: Dict[str, object], settings: Settings) -> bool:
    """Equal but for where it was solved: ``auto`` is recorded as the device that it became."""
    other: Dict[str, object] = dict(settings.to_json())
    return {**recorded, "device": ""} == {**other, "device": ""}


def read_header(file: BinaryIO) -> Optional[Dict[str, bytes]]:
    """The attributes of a single-part EXR, as stored; None for any other file.

    The file is left at the first byte after the header.
    """
    if file.read(4) != MAGIC:
        return None
    version = struct.unpack("<I", file.read(4))[0]
    if version & 0x1A00:  # tiles, deep data, several parts: not ours
        return None
    found: Dict[str, bytes] = {}
    while True:
        name = _text(file)
        if not name:
            return found
        kind = _text(file)
        (size,) = struct.unpack("<I", file.read(4))
        if size > VALUE_LIMIT:
            return None
        value = file.read(size)
        found[name] = value
        if kind == "":
            return None


def _text(file: BinaryIO) -> str:
    """A name of the header; an endless one is no name, but damage."""
    letters = bytearray()
    while len(letters) < NAME_LIMIT:
        letter = file.read(1)
        if letter in (b"", b"\0"):
            break
        letters += letter
    return letters.decode("latin-1")


def _is_whole(file: BinaryIO, header: Dict[str, bytes], size: int) -> bool:
    """True when every block of pixels that the table names lies within the file."""
    left, top, right, bottom = struct.unpack("<4i", header["dataWindow"])
    rows = {0: 1, 1: 1, 2: 1, 3: 16, 4: 32, 5: 16}.get(header["compression"][0], 32)
    count = -(-(bottom - top + 1) // rows)
    table = file.read(8 * count)
    if right < left or count < 1 or len(table) != 8 * count:
        return False
    last = max(struct.unpack(f"<{count}Q", table))
    if min(struct.unpack(f"<{count}Q", table)) == 0 or last + 8 > size:
        return False
    file.seek(last + 4)
    return bool(last + 8 + struct.unpack("<I", file.read(4))[0] <= size)
