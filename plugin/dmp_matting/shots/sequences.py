"""A numbered sequence of files: its pattern, its frames on disk. Standard library only, Python 3.9.

The four spellings of the field are read: ``plate.####.exr`` and ``plate.@@@@.exr`` (one digit a
sign), ``plate.%04d.exr`` (printf, Nuke) and ``plate.$F4.exr`` (Houdini). Only the file's name is
looked at, never its folder, and the last of several marks counts.
"""

from __future__ import annotations

import os
import re
from dataclasses import dataclass
from typing import Iterable, List, Optional, Tuple

from ..errors import InputError, PlateError

MARK = re.compile(r"#+|@+|%0?(?P<printf>\d*)d|\$F(?P<houdini>\d*)")


@dataclass(frozen=True)
class FilePattern:
    """The files ``head + number + tail``, the number with at least ``digits`` digits."""

    head: str  # with the folder
    digits: int
    tail: str

    @classmethod
    def parse(cls, text: str) -> Optional[FilePattern]:
        """The pattern that ``text`` spells; None when it names one file."""
        folder, name = os.path.split(text)
        marks = list(MARK.finditer(name))
        if not marks:
            return None
        mark = marks[-1]
        if mark.group()[0] in "#@":
            digits = len(mark.group())
        else:
            digits = int(mark.group("printf") or mark.group("houdini") or 1)
        head = os.path.join(folder, name[: mark.start()])
        return cls(head, digits, name[mark.end() :])

    def path(self, frame: int) -> str:
        """The file of that frame, whether it is there or not."""
        return f"{self.head}{frame:0{self.digits}d}{self.tail}"

    def frames(self) -> Tuple[int, ...]:
        """The frames on disk, in order. PlateError when the folder cannot be read."""
        folder, start = os.path.split(self.head)
        wanted = re.compile(re.escape(start) + r"(-?\d+)" + re.escape(self.tail))
        found = set()
        try:
            with os.scandir(folder or ".") as entries:
                for entry in entries:
                    match = wanted.fullmatch(entry.name)
                    # 12 is no frame of ####: its file would be found under no name.
                    if match and os.path.basename(self.path(int(match[1]))) == entry.name:
                        found.add(int(match[1]))
        except OSError as reason:
            raise PlateError(f"The folder {folder} cannot be read ({reason.strerror}).") from None
        return tuple(sorted(found))

    def __str__(self) -> str:
        return f"{self.head}{'#' * self.digits}{self.tail}"


def is_pattern(text: str) -> bool:
    """True for a sequence; a file that has this very name (``plate@2x.exr``) is a still."""
    return FilePattern.parse(text) is not None and not os.path.exists(text)


def file_of(text: str, frame: int) -> str:
    """The file of a frame: a pattern's, or the still itself."""
    pattern = FilePattern.parse(text) if is_pattern(text) else None
    return pattern.path(frame) if pattern else text


def parse_range(text: str) -> Tuple[int, ...]:
    """The frames of ``1001-1100x2,1200``, in the order written, each once. InputError."""
    found: List[int] = []
    for part in filter(None, (part.strip() for part in text.split(","))):
        match = re.fullmatch(r"(-?\d+)(?:-(-?\d+)(?:x(\d+))?)?", part)
        if match is None or match[3] == "0":
            raise InputError(f"'{part}' is no frame range; write 1001-1100, 1001-1100x2 or 7,9.")
        first = int(match[1])
        last = int(match[2]) if match[2] else first
        step = int(match[3] or 1)
        found += range(first, last + 1, step) if first <= last else range(first, last - 1, -step)
    if not found:
        raise InputError("The frame range is empty; write 1001-1100, 1001-1100x2 or 7,9.")
    return tuple(dict.fromkeys(found))


def range_text(frames: Iterable[int]) -> str:
    """Frames as a person writes them: ``1001-1003,1010-1100x10``."""
    left = sorted(set(frames))
    parts: List[str] = []
    while left:
        run = left[:1]
        if len(left) > 1:
            step = left[1] - left[0]
            while len(run) < len(left) and left[len(run)] == run[-1] + step:
                run.append(left[len(run)])
            if len(run) < 3 and step > 1:
                run = run[:1]  # 7,90 reads better than 7-90x83
        left = left[len(run) :]
        if len(run) == 1:
            parts.append(str(run[0]))
        else:
            stride = "" if run[1] - run[0] == 1 else f"x{run[1] - run[0]}"
            parts.append(f"{run[0]}-{run[-1]}{stride}")
    return ",".join(parts)
