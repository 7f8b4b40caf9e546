"""Is a frame done already? Its EXR records what it was made from.

An output counts as finished when it is whole and was made by this version, with these settings,
from plates that held what they hold now, its neighbours' included. Neither dates nor the names of
files decide: plates may be copied, renamed, or lie in a project that was moved. Nothing is kept
beside the outputs: several machines may write one sequence, and a file that is moved keeps its
record. A frame that counts as unfinished by mistake costs little, since the engine's cache knows
it.
"""

from __future__ import annotations

import json
import os
import struct
from enum import Enum
from typing import BinaryIO, Callable, Collection, Dict, Mapping, NamedTuple, Optional, Sequence

from ..client.file_states import FileStates
from ..errors import SettingsError
from ..exr_header import ExrHeader, read_exr_header
from ..frame_window import window_digest
from ..job import Frame, Role
from ..keep import Keep
from ..paths import open_regular
from ..settings import Settings
from ..version import __version__
from .plate_record import recorded_name

WindowOf = Callable[[Settings], Sequence[Frame]]


class FrameStatus(Enum):
    """What lies on disk for a frame. The value is what an artist reads."""

    SOLVED = "solved"
    STALE = "stale"  # damaged, or plates, settings or DMP's version have changed since
    MISSING = "missing"


def frame_status(
    path: str, frame: Frame, wanted: Sequence[Settings], window_of: WindowOf, states: FileStates
) -> FrameStatus:
    """What the EXR ``path`` is for ``frame``.

    ``wanted``: the settings of which one must be the recorded one. ``window_of``: the frames that
    it is solved with under such settings, itself among them; empty where it is alone. ``states``:
    the files as they are now; they are read only where their status on disk has changed.
    """
    try:
        found = _read(path)
    except FileNotFoundError:
        return FrameStatus.MISSING
    if found is None or found.release != __version__ or not found.may_be_of(frame):
        return FrameStatus.STALE
    for one in wanted:
        if _same(found.settings, one, frame.number) and _is_made_from(
            found.inputs, frame, window_of(one), states
        ):
            return FrameStatus.SOLVED
    return FrameStatus.STALE


def holds_same(path: str, frame: Frame, window_of: WindowOf, states: FileStates) -> bool:
    """Whether the EXR ``path`` was made from what the plates of ``frame`` hold now.

    With whatever settings, and whatever the plates were called then.
    """
    try:
        found = _read(path)
        if found is None or not found.may_be_of(frame):
            return False
        settings = Settings.from_json(found.settings)
    except (OSError, SettingsError):
        return False
    return _is_made_from(found.inputs, frame, window_of(settings), states)


class _Recorded(NamedTuple):
    """What the header of a whole EXR of DMP's records."""

    settings: Dict[str, object]
    release: str
    names: Dict[Role, str]
    inputs: str

    def may_be_of(self, frame: Frame) -> bool:
        """Whether these may be the frame's plates, so that their content decides."""
        names = {plate.role: plate.path for plate in frame.plates}
        return (
            bool(self.inputs)
            and self.names.keys() == names.keys()
            and all(_beside_file(self.names[role]) == _beside_file(names[role]) for role in names)
        )


def _read(path: str) -> Optional[_Recorded]:
    """None for a file that is no whole EXR of DMP's. FileNotFoundError."""
    try:
        with open_regular(path) as file:
            size = os.fstat(file.fileno()).st_size
            header = read_exr_header(file)
            if header is None or not _is_whole(file, header, size):
                return None
        settings = json.loads(header.text("dmp:settings"))
        release = header.text("dmp:version").partition("+")[0]
        names, inputs = _plates(header), header.text("dmp:inputs")
    except FileNotFoundError:
        raise
    except (OSError, ValueError, RecursionError, struct.error):
        return None
    return _Recorded(settings, release, names, inputs) if isinstance(settings, dict) else None


def recorded_plates(path: str) -> Dict[Role, str]:
    """The names of the plates that the EXR ``path`` was made from; empty where DMP made none."""
    try:
        with open_regular(path) as file:
            header = read_exr_header(file)
        return {} if header is None else _plates(header)
    except (OSError, ValueError):
        return {}


def made_from(name: str) -> str:
    """The file in a plate's name, without what a host did to it on the way to the engine.

    A host that renders a plate names it ``FILE (WHAT IT DID).exr``: the rendered file is gone when
    somebody reads the name. Beside a plate that was rendered for a farm lies a record of its name.
    """
    name = recorded_name(name)
    return name.rpartition(" (")[0] if name.endswith(").exr") else name


def recorded_image(path: str) -> str:
    """The name of the plate that the EXR ``path`` was made from; empty where DMP made none."""
    return recorded_plates(path).get(Role.IMAGE, "")


def overwrites(
    plates: Mapping[str, Collection[str]],
    origin_of: Callable[[str], str] = recorded_image,
    is_same: Callable[[str], bool] = lambda path: False,
) -> str:
    """A sentence where existing EXRs would be replaced that are another plate's; else "".

    ``plates``: by the path of each EXR, the names that the plate may have that it is to be made
    from; ``origin_of``: the plate that a file there was made from; ``is_same``: whether it was made
    from the same content under another name, as of a project that was moved. A changed clean plate
    or matte makes a frame stale, and no other shot's.
    """
    found = []
    for path, names in plates.items():
        if os.path.isfile(path):
            origin = made_from(origin_of(path))
            if origin not in map(made_from, names):
                found.append((path, origin))
    if found and is_same(found[0][0]):  # that is read: not of a thousand files of another shot
        found = [one for one in found[1:] if not is_same(one[0])]
    if not found:
        return ""
    path, origin = found[0]
    files_are = "1 file" if len(found) == 1 else f"{len(found)} files"
    origin = f"comes from another plate, {origin}" if origin else "was not made by DMP"
    return f"This overwrites {files_are} of something else: {path} {origin}."


def _beside_file(name: str) -> str:
    """What a plate's name has beside its file: what a host did to it. All, where it has no file.

    Nuke's plates have the view there, too: ``FILE, view left (WHAT IT DID).exr``.
    """
    if not os.path.isabs(name):
        return name
    if not name.endswith(").exr"):
        return ""
    host = name.rfind(" (")
    view = name.rfind(", view ", 0, host)
    return name[host if view < 0 else view :]


def _is_made_from(inputs: str, frame: Frame, window: Sequence[Frame], states: FileStates) -> bool:
    """Whether ``inputs``, of a result's header, describes the files as they are now."""
    content, _, status = inputs.partition(" ")
    return (
        window_digest(frame, window, states.status) == status
        or window_digest(frame, window, states.content) == content
    )


def _plates(header: ExrHeader) -> Dict[Role, str]:
    found = {role: header.text(f"dmp:{role.value}") for role in Role}
    return {role: name for role, name in found.items() if name}


def _same(recorded: Dict[str, object], settings: Settings, number: int) -> bool:
    """Equal but for where it was solved: ``auto`` is recorded as the device that it became.

    Of ``keep``, whose text may have a key for every frame, only what counts in this one.
    """
    other: Dict[str, object] = dict(settings.to_json())
    one, two = ({**values, "device": "", "keep": ""} for values in (recorded, other))
    return one == two and _keeps_same(str(recorded.get("keep", "")), settings.keep, number)


def _keeps_same(recorded: str, wanted: str, number: int) -> bool:
    try:
        return Keep.parse(recorded).same_at(number, Keep.parse(wanted))
    except SettingsError:
        return recorded == wanted


def _is_whole(file: BinaryIO, header: ExrHeader, size: int) -> bool:
    """True when every block of pixels that the table names lies within the file."""
    count = header.blocks()
    if 8 * count > size:
        return False
    table = file.read(8 * count)
    if count < 1 or len(table) != 8 * count:
        return False
    offsets = struct.unpack(f"<{count}Q", table)
    last = max(offsets)
    if min(offsets) == 0 or last + 8 > size:
        return False
    file.seek(last + 4)
    return bool(last + 8 + struct.unpack("<I", file.read(4))[0] <= size)
