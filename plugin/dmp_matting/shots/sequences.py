"""A numbered sequence of files: its pattern, its frames on disk. Standard library only, Python 3.9.

The four spellings of the field are read: ``plate.####.exr`` and ``plate.@@@@.exr`` (one digit a
sign), ``plate.%04d.exr`` (printf, Nuke) and ``plate.$F4.exr`` (Houdini). Only the file's name is
looked at, never its folder, and the last of several marks counts.
"""

from __future__ import annotations

import os
import re
import unicodedata
from dataclasses import dataclass
from typing import Dict, Iterable, Iterator, List, Optional, Sequence, Set, Tuple

from ..errors import InputError, PlateError

MOST_DIGITS = 20  # of a frame's number in a file's name
MOST_FRAMES = 1_000_000  # of a range
MARK = re.compile(r"#+|@+|%0?(?P<printf>\d*)d|\$F(?P<houdini>\d*)")

# A minus belongs to the number at the start of a name and after a separator; else it is one.
NUMBER = re.compile(r"(?:(?:^|(?<=[._ ]))-)?\d+")
VERSION = re.compile(r"(?:^|[^A-Za-z])[vV]$")


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
            written = mark.group("printf") or mark.group("houdini") or "1"
            digits = int(written[-MOST_DIGITS:])
        if digits > MOST_DIGITS:
            return None  # an encoded name, such as plate.%2504d.exr
        head = os.path.join(folder, name[: mark.start()])
        return cls(head, digits, name[mark.end() :])

    def path(self, frame: int) -> str:
        """The file of that frame, whether it is there or not.

        Below zero the minus is one of the digits, as Nuke and printf write it (``-002``), unless
        the file is there with a minus before all digits, as Blender writes it (``-0002``).
        """
        usual, wide = self._names(frame)
        if wide and os.path.exists(wide) and not os.path.exists(usual):
            return wide
        return as_on_disk(usual)

    def _names(self, frame: int) -> Tuple[str, str]:
        """Both spellings of a frame; the second is empty where it is the first."""
        usual = f"{self.head}{frame:0{self.digits}d}{self.tail}"
        wide = f"{self.head}-{-frame:0{self.digits}d}{self.tail}" if frame < 0 else usual
        return usual, "" if wide == usual else wide

    def frames(self) -> Tuple[int, ...]:
        """The frames on disk, in order.

        PlateError when the folder cannot be read, or has one frame below zero in both spellings.
        """
        folder, start = os.path.split(self.head)
        wanted = re.compile(_composed(re.escape(start) + r"(-?\d+)" + re.escape(self.tail)))
        found = set()
        try:
            with os.scandir(folder or ".") as entries:
                for entry in entries:
                    name = _composed(entry.name)
                    match = wanted.fullmatch(name)
                    # 12 is no frame of ####: its file would be found under no name.
                    names = self._names(int(match[1])) if match else ()
                    if name not in [_composed(os.path.basename(one)) for one in names]:
                        continue
                    assert match is not None
                    if int(match[1]) in found:
                        raise PlateError(
                            f"Frame {int(match[1])} is there twice, as {' and as '.join(names)}; "
                            "remove one."
                        )
                    found.add(int(match[1]))
        except OSError as reason:
            raise PlateError(f"The folder {folder} cannot be read ({reason.strerror}).") from None
        return tuple(sorted(found))

    def nearest(self) -> str:
        """The pattern of files that differ in padding or case alone; empty if there is none."""
        folder, start = os.path.split(self.head)
        try:
            names = os.listdir(folder or ".")
        except OSError:
            return ""
        alike = re.compile(re.escape(start) + r"-?\d+" + re.escape(self.tail), re.IGNORECASE)
        groups = group_files(name for name in names if alike.fullmatch(name))
        return os.path.join(folder, groups[0].pattern) if groups else ""

    def __str__(self) -> str:
        return f"{self.head}{'#' * self.digits}{self.tail}"


@dataclass(frozen=True)
class Files:
    """Files of a folder that belong together: a sequence, or one file alone."""

    pattern: str  # ``plate.####.exr``; the file's own name where it has no number
    names: Tuple[str, ...]

    @property
    def still(self) -> str:
        """The file where it is alone, else the pattern."""
        return self.names[0] if len(self.names) == 1 else self.pattern


def group_files(names: Iterable[str]) -> List[Files]:
    """Files of one folder as sequences and stills, in the order of their patterns.

    A frame's number is the last group of digits of a name in which other names differ, of any
    padding and after any separator, or none; else one before the suffix, of two digits at least and
    after a dot or an underscore. A version (``v002``) is no frame.
    """
    places: Dict[Tuple[str, str], Set[str]] = {}  # names by what stands around a number
    candidates: Dict[str, List[Tuple[str, str, str]]] = {}
    for name in sorted(set(names)):
        candidates[name] = list(_numbers(name))
        for head, _, tail in candidates[name]:
            places.setdefault((head, tail), set()).add(name)
    groups: Dict[str, List[str]] = {}
    for name, found in candidates.items():
        chosen = next((one for one in found if len(places[one[0], one[2]]) > 1), None)
        chosen = chosen or next((one for one in found if _is_alone(*one)), None)
        if chosen is None:
            groups.setdefault(name, []).append(name)
            continue
        head, number, tail = chosen
        alike = (_numbers_of(other, head, tail) for other in places[head, tail])
        digits = _padding(number, [text for text in alike if text])
        groups.setdefault(f"{head}{'#' * digits}{tail}", []).append(name)
    return [Files(pattern, tuple(group)) for pattern, group in sorted(groups.items())]


def _numbers(name: str) -> Iterator[Tuple[str, str, str]]:
    """What may be a frame's number in a name, with what stands around it; the last first."""
    stem, suffix = os.path.splitext(name)
    for match in reversed(list(NUMBER.finditer(stem))):
        if not VERSION.search(stem[: match.start()]):
            yield stem[: match.start()], match[0], stem[match.end() :] + suffix


def _is_alone(head: str, number: str, tail: str) -> bool:
    """Whether a number that no other file shares its place with is a frame's all the same."""
    return (
        tail.count(".") == 1
        and tail[0] == "."
        and head[-1:] in ("", ".", "_")
        and (len(number.lstrip("-")) > 1)
    )


def _numbers_of(name: str, head: str, tail: str) -> str:
    return next((text for one, text, other in _numbers(name) if (one, other) == (head, tail)), "")


def _padding(number: str, numbers: Sequence[str]) -> int:
    """Digits of the pattern that writes ``number``, and as many of ``numbers`` as can be."""
    above = [text for text in numbers if text[0] != "-"]
    lengths = {len(text) for text in above if text[0] == "0"}
    own = len(number)
    if number[0] == "-":  # of either spelling, see FilePattern.path
        return max((length for length in lengths if own in (length, length + 1)), default=own)
    if not lengths:
        return min(len(text) for text in above)
    return own if own in lengths else max((one for one in lengths if one < own), default=own)


def is_pattern(text: str) -> bool:
    """True for a sequence; a file that has this very name (``plate@2x.exr``) is a still."""
    return FilePattern.parse(text) is not None and not os.path.exists(text)


def file_of(text: str, frame: int) -> str:
    """The file of a frame: a pattern's, or the still itself."""
    pattern = FilePattern.parse(text) if is_pattern(text) else None
    return pattern.path(frame) if pattern else as_on_disk(text)


def beside(output: str, ending: str) -> str:
    """The absolute path of what lies beside ``output``: its name without number and suffix.

    ``ending`` follows the name: ``.frames`` for ``m.####.exr`` gives ``m.frames``.
    """
    pattern = FilePattern.parse(output)
    stem = pattern.head if pattern else os.path.splitext(output)[0]
    folder, name = os.path.split(os.path.abspath(f"{stem}x"))
    return os.path.join(folder, f"{name[:-1].rstrip('._- ') or 'matte'}{ending}")


def as_on_disk(path: str) -> str:
    """``path``, or the file there whose name has the same letters in another Unicode form.

    A Mac stores the accents of a name apart from its letters.
    """
    if path.isascii() or os.path.exists(path):
        return path
    folder, name = os.path.split(path)
    forms = (os.path.join(folder, unicodedata.normalize(form, name)) for form in ("NFC", "NFD"))
    return next(filter(os.path.exists, forms), path)


def _composed(name: str) -> str:
    return name if name.isascii() else unicodedata.normalize("NFC", name)


def shot_name(path: str) -> str:
    """A shot's name from its plate's: up to the first dot, without the place of a number."""
    name = os.path.basename(path).split(".")[0]
    mark = MARK.search(name)
    if mark is not None and is_pattern(path):
        name = name[: mark.start()].rstrip("._- ")
    return name or os.path.basename(os.path.dirname(os.path.abspath(path))) or "shot"


def check_length(first: int, last: int) -> None:
    """InputError for a range of frames that no shot has."""
    if abs(last - first) >= MOST_FRAMES:
        raise InputError(f"{first}-{last} are more than {MOST_FRAMES:,} frames; name fewer.")


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
