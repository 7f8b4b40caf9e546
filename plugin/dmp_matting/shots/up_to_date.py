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
from enum import Enum
from typing import BinaryIO, Dict, Mapping, Sequence

from ..exr_header import ExrHeader, read_exr_header
from ..job import Frame, Role
from ..settings import Settings
from ..version import __version__


class FrameStatus(Enum):
    """What lies on disk for a frame. The value is what an artist reads."""

    SOLVED = "solved"
    STALE = "stale"  # damaged, or plates, settings or DMP's version have changed since
    MISSING = "missing"


def is_finished(
    path: str, frame: Frame, wanted: Sequence[Settings], context: Sequence[Frame] = ()
) -> bool:
    """True when ``path`` is this frame, solved with one of the ``wanted`` settings.

    ``context`` are the frames that it was solved with: none of them may be newer.
    """
    plates = {plate.path for one in (frame, *context) for plate in one.plates}
    try:
        newest = max(os.stat(plate).st_mtime for plate in plates)
    except OSError:
        return False
    names = {plate.role: plate.path for plate in frame.plates}
    image = frame.plate(Role.IMAGE)
    layer = image.layer if image else ""
    return frame_status(path, names, wanted, newest, layer) is FrameStatus.SOLVED


def frame_status(
    path: str,
    names: Mapping[Role, str],
    wanted: Sequence[Settings],
    newest: float,
    layer: str = "",
) -> FrameStatus:
    """What the EXR ``path`` is for a frame of the plates ``names``.

    ``wanted``: the settings of which one must be the recorded one. ``newest``: the time of change,
    in seconds since the epoch, of the newest file that the frame and its neighbours are made of.
    ``layer``: the plate's layer that was named to be solved.
    """
    try:
        with open(path, "rb") as file:
            made = os.fstat(file.fileno())
            header = read_exr_header(file)
            if header is None or not _is_whole(file, header, made.st_size):
                return FrameStatus.STALE
        recorded = json.loads(header.text("dmp:settings"))
        release = header.text("dmp:version").partition("+")[0]
        made_from, made_from_layer = _plates(header), header.text("dmp:layer")
    except FileNotFoundError:
        return FrameStatus.MISSING
    except (OSError, ValueError, struct.error):
        return FrameStatus.STALE
    current = newest <= made.st_mtime and release == __version__
    current = current and (made_from, made_from_layer) == (dict(names), layer)
    same = current and any(_same(recorded, one) for one in wanted)
    return FrameStatus.SOLVED if same else FrameStatus.STALE


def recorded_plates(path: str) -> Dict[Role, str]:
    """The names of the plates that the EXR ``path`` was made from; empty where DMP made none."""
    try:
        with open(path, "rb") as file:
            header = read_exr_header(file)
        return {} if header is None else _plates(header)
    except (OSError, ValueError):
        return {}


def _plates(header: ExrHeader) -> Dict[Role, str]:
    found = {role: header.text(f"dmp:{role.value}") for role in Role}
    return {role: name for role, name in found.items() if name}


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
