"""Is a frame done already? Its EXR records what it was made from.

An output counts as finished when it is whole, was made by this version from plates of these names
with these settings, and is not older than any of them. Nothing is kept beside the outputs: several
machines may write one sequence, and a file that is moved keeps its record. A frame that counts as
unfinished by mistake costs little, since the engine's cache knows it.
"""

from __future__ import annotations

import json
import os
import struct
from typing import BinaryIO, Dict, Sequence

from ..exr_header import ExrHeader, read_exr_header
from ..job import Frame, Role
from ..settings import Settings
from ..version import __version__


def is_finished(
    path: str, frame: Frame, wanted: Sequence[Settings], context: Sequence[Frame] = ()
) -> bool:
    """True when ``path`` is this frame, solved with one of the ``wanted`` settings.

    ``context`` are the frames that it was solved with: none of them may be newer.
    """
    try:
        with open(path, "rb") as file:
            made = os.fstat(file.fileno())
            header = read_exr_header(file)
            if header is None or not _is_whole(file, header, made.st_size):
                return False
        plates = {plate.path for one in (frame, *context) for plate in one.plates}
        if any(os.stat(plate).st_mtime > made.st_mtime for plate in plates):
            return False
        recorded = json.loads(header.text("dmp:settings"))
        release = header.text("dmp:version").partition("+")[0]
        names = {plate.role.value: plate.path for plate in frame.plates}
        made_from = {name: header.text(f"dmp:{name}") for name in names}
        image = frame.plate(Role.IMAGE)
        names["layer"] = image.layer if image else ""
        made_from["layer"] = header.text("dmp:layer")
    except (OSError, ValueError, struct.error):
        return False
    if release != __version__ or made_from != names:
        return False
    return any(_same(recorded, one) for one in wanted)


def _same(recorded: Dict[str, object], settings: Settings) -> bool:
    """Equal but for where it was solved: ``auto`` is recorded as the device that it became."""
    other: Dict[str, object] = dict(settings.to_json())
    return {**recorded, "device": ""} == {**other, "device": ""}


def _is_whole(file: BinaryIO, header: ExrHeader, size: int) -> bool:
    """True when every block of pixels that the table names lies within the file."""
    count = header.blocks()
    table = file.read(8 * count)
    if count < 1 or len(table) != 8 * count:
        return False
    offsets = struct.unpack(f"<{count}Q", table)
    last = max(offsets)
    if min(offsets) == 0 or last + 8 > size:
        return False
    file.seek(last + 4)
    return bool(last + 8 + struct.unpack("<I", file.read(4))[0] <= size)
