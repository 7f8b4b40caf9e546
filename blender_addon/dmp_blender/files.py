"""Names of numbered files, as Blender reads them: the last group of digits before the suffix."""

from __future__ import annotations

import os
import re
from typing import List, NamedTuple, Optional, Sequence


class Numbered(NamedTuple):
    """The parts of ``folder/head1001tail``."""

    folder: str
    head: str
    digits: int
    tail: str

    def path(self, number: int) -> str:
        return os.path.join(self.folder, f"{self.head}{number:0{self.digits}d}{self.tail}")

    def number_in(self, path: str) -> int:
        """The number of a file that has these parts."""
        name = os.path.basename(path)
        return int(name[len(self.head) : len(name) - len(self.tail)])

    def numbers(self) -> List[int]:
        """The numbers of the files that exist, sorted."""
        pattern = re.compile(re.escape(self.head) + r"(\d+)" + re.escape(self.tail))
        try:
            names = os.listdir(self.folder)
        except OSError:
            return []
        found = (pattern.fullmatch(name) for name in names)
        return sorted({int(one.group(1)) for one in found if one})


def numbered(path: str) -> Optional[Numbered]:
    """The parts of a numbered file's path; None when there is no number in its name."""
    folder, name = os.path.split(path)
    stem, suffix = os.path.splitext(name)
    found = re.fullmatch(r"(.*?)(\d+)(\D*)", stem, re.DOTALL)
    if found is None:
        return None
    return Numbered(folder, found.group(1), len(found.group(2)), found.group(3) + suffix)


def first_frame(parts: Numbered) -> int:
    """The lowest number on disk, or 1."""
    return next(iter(parts.numbers()), 1)


def spans(numbers: Sequence[int]) -> str:
    """Frame numbers for a sentence: ``1001-1003, 1005``."""
    runs: List[List[int]] = []  # first and last of each
    for number in sorted(set(numbers)):
        if runs and number == runs[-1][1] + 1:
            runs[-1][1] = number
        else:
            runs.append([number, number])
    return ", ".join(str(low) if low == high else f"{low}-{high}" for low, high in runs)


def stem_of(datablock: str, still: bool) -> str:
    """A file name's stem for what is made of an image called ``datablock``.

    Blender calls the second ``plate.png`` of a file ``plate.png.001``: the two stay apart. The
    number of a sequence's first file is no part of the sequence's name.
    """
    copy = re.fullmatch(r"(.+)\.(\d{3})", datablock)
    name = copy.group(1) if copy else datablock
    stem = re.sub(r"[^\w.-]+", "_", os.path.splitext(name)[0]).strip("._-")
    if not still:
        stem = re.sub(r"[._-]*\d+$", "", stem)
    return (stem or "plate") + (f"_{copy.group(2)}" if copy else "")
