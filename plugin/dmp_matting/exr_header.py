"""The header of an EXR file, read from its bytes. Standard library only, Python 3.9.

For the questions that need no pixels: what was a result made from, is it whole, where do its
compressed blocks begin. Single-part scanline files only, which is what DMP and the hosts write;
whether a plate may hold several views is asked of any.

Source: "OpenEXR File Layout", openexr.com.
"""

from __future__ import annotations

import shutil
import struct
from dataclasses import dataclass
from typing import BinaryIO, Collection, Iterator, List, Mapping, Optional, Tuple

from .paths import open_regular

MAGIC = b"\x76\x2f\x31\x01"
VERSION = 2
OTHER_KINDS = 0x1A00  # flags of the version field: tiles, deep data, several parts
SEVERAL_PARTS = 0x10  # of the field's second byte
VIEWS = ("multiView", "view")  # attributes that name what a picture is the view of
NAME_LIMIT = 256  # bytes of a name or a type
MOST_BLOCKS = 1 << 20  # of a file; more rows than that are damage
CHANNEL_SIZE = 16  # bytes after a channel's name: its type, its sampling
HEADER_LIMIT = 16 << 20  # bytes; a longer header is damage

# Attributes that name the moment and the script in which a plate was written, not the plate: hosts
# render their inputs again for every job and stamp each file.
VOLATILE = {
    # OpenImageIO, Nuke
    "capDate", "utcOffset", "DateTime", "Software", "ImageHistory", "Exif:ImageHistory",
    # Blender's stamps
    "Date", "Time", "RenderTime", "File", "Hostname", "Memory",
}  # fmt: skip
VOLATILE_PREFIXES = ("nuke/", "input/", "cycles.", "oiio:")

# Image rows in one compressed block, by the number of the compression.
_BLOCK_ROWS = {
    0: 1, 1: 1, 2: 1, 3: 16, 4: 32, 5: 16, 6: 32, 7: 32, 8: 32, 9: 256, 10: 256, 11: 32, 13: 1,
}  # fmt: skip


def is_volatile(name: str) -> bool:
    """Whether the attribute ``name`` does not describe the picture."""
    return name in VOLATILE or name.startswith(VOLATILE_PREFIXES)


@dataclass(frozen=True)
class Attribute:
    """One attribute as stored: ``kind`` is the type's name, ``value`` its bytes, little-endian."""

    name: str
    kind: str
    value: bytes

    def stored(self) -> bytes:
        """The attribute's bytes in the file."""
        names = b"".join(text.encode("latin-1") + b"\0" for text in (self.name, self.kind))
        return names + struct.pack("<i", len(self.value)) + self.value


@dataclass(frozen=True)
class ExrHeader:
    """A whole header; ``size`` in bytes is where the table of the blocks' offsets begins."""

    attributes: Tuple[Attribute, ...]  # in the file's order
    size: int

    def get(self, name: str) -> Optional[bytes]:
        """The value of the attribute ``name``, as stored; None if there is none."""
        return next((one.value for one in self.attributes if one.name == name), None)

    def text(self, name: str) -> str:
        """The value of a string attribute; empty if there is none. UnicodeDecodeError."""
        return (self.get(name) or b"").decode("utf-8")

    def window(self, name: str) -> Optional[Tuple[int, int, int, int]]:
        """x, y, width and height of ``dataWindow`` or ``displayWindow``; None for a damaged one."""
        value = self.get(name)
        if value is None or len(value) != 16:
            return None
        left, top, right, bottom = struct.unpack("<4i", value)
        if right < left or bottom < top:
            return None
        return left, top, right - left + 1, bottom - top + 1

    def channels(self) -> Tuple[str, ...]:
        """The whole names of all channels, in the file's order; up to the first damaged one."""
        return tuple(_channel_names(self.get("channels") or b""))

    def blocks(self) -> int:
        """How many blocks of pixels the file has; 0 where the header does not give it."""
        window, compression = self.window("dataWindow"), self.get("compression")
        rows = _BLOCK_ROWS.get(compression[0]) if compression else None
        if window is None or rows is None:
            return 0
        return -(-window[3] // rows)


def read_exr_header(file: BinaryIO) -> Optional[ExrHeader]:
    """The header of the single-part scanline EXR ``file``; None for any other and a damaged one.

    The file is left at the first byte after the header. Raises OSError.
    """
    start = file.read(8)
    if len(start) < 8 or start[:4] != MAGIC:
        return None
    (version,) = struct.unpack("<I", start[4:])
    if version & 0xFF != VERSION or version & OTHER_KINDS:
        return None
    found: List[Attribute] = []
    size = len(start)
    while True:
        start_of = next_attribute(file)
        if start_of is None:
            return None
        name, kind, count = start_of
        if not name:
            return ExrHeader(tuple(found), size + 1)
        if not kind or count > HEADER_LIMIT - size:
            return None
        one = Attribute(name, kind, file.read(count))
        if len(one.value) < count:
            return None
        found.append(one)
        size += len(name) + len(kind) + 6 + count


def may_hold_views(path: str, views: Collection[str]) -> bool:
    """Whether a host that shows one of ``views`` may find another picture in the EXR for each.

    An attribute of any part names views, or a layer is called like one of them. A file that is not
    there holds nothing; of one that is no whole EXR, all is possible.
    """
    try:
        with open_regular(path) as file:
            return _names_views(file, views)
    except FileNotFoundError:
        return False
    except OSError:
        return True


def _names_views(file: BinaryIO, views: Collection[str]) -> bool:
    """The attributes of all parts: headers one after the other, an empty one ends them."""
    start = file.read(8)
    if len(start) < 8 or start[:4] != MAGIC:
        return True
    several, left, at_start = bool(start[5] & SEVERAL_PARTS), HEADER_LIMIT, True
    while left > 0:
        name, _, count = next_attribute(file) or ("", "", HEADER_LIMIT)
        value = file.read(min(count, HEADER_LIMIT))
        left -= len(name) + count + 1
        if name in VIEWS or len(value) < count:
            return True
        if name == "channels":
            layers = {channel.rpartition(".")[0] for channel in _channel_names(value)}
            if any(part in views for layer in layers for part in layer.split(".")):
                return True
        if not name and (at_start or not several):
            return False
        at_start = not name
    return True


def copy_with_texts(source: BinaryIO, target: BinaryIO, texts: Mapping[str, str]) -> None:
    """Write the EXR ``source`` to ``target`` with the string attributes ``texts`` in its header.

    Pixels and all other attributes stay as they are, and in their order; an attribute that is
    not there is added. ValueError for a file that :func:`read_exr_header` cannot read, OSError.
    """
    source.seek(0)
    start = source.read(8)
    source.seek(0)
    header = read_exr_header(source)
    count = header.blocks() if header is not None else 0
    table = source.read(8 * min(count, MOST_BLOCKS))
    if header is None or count < 1 or len(table) != 8 * count:
        raise ValueError("no whole single-part scanline EXR")
    new = {name: Attribute(name, "string", text.encode("utf-8")) for name, text in texts.items()}
    attributes = [new.pop(one.name, one) for one in header.attributes] + list(new.values())
    written = start + b"".join(one.stored() for one in attributes) + b"\0"
    shift = len(written) - header.size
    offsets = [offset + shift if offset else 0 for offset in struct.unpack(f"<{count}Q", table)]
    target.write(written + struct.pack(f"<{count}Q", *offsets))
    shutil.copyfileobj(source, target)


def _channel_names(left: bytes) -> Iterator[str]:
    """The names in the value of the attribute ``channels``, up to the first damaged one."""
    while True:
        name, end, left = left.partition(b"\0")
        if not name or not end or len(left) < CHANNEL_SIZE:
            return
        yield name.decode("latin-1")
        left = left[CHANNEL_SIZE:]


def next_attribute(file: BinaryIO) -> Optional[Tuple[str, str, int]]:
    """Name, type and size in bytes of the attribute that begins here; the value follows.

    Without a name it is the end of a header. None for what is no attribute. Raises OSError.
    """
    name = _read_name(file)
    if not name:
        return None if name is None else ("", "", 0)
    kind, length = _read_name(file), file.read(4)
    if kind is None or len(length) < 4:
        return None
    (count,) = struct.unpack("<i", length)
    return (name, kind, count) if count >= 0 else None


def _read_name(file: BinaryIO) -> Optional[str]:
    """Letters up to a zero; None if the zero does not come."""
    letters = bytearray()
    while len(letters) < NAME_LIMIT:
        letter = file.read(1)
        if letter == b"\0":
            return letters.decode("latin-1")
        if not letter:
            return None
        letters += letter
    return None
