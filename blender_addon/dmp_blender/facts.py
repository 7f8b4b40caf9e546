"""What the panel shows about a plate: still, sequence or movie, its size and its frames."""

from __future__ import annotations

import functools
import time
from typing import Any, List, Optional, Tuple

from .datablocks import MADE
from .files import Numbered, numbered
from .sizes import file_of

FRESH = 3.0  # seconds that a folder's listing serves


def describe(source: Any) -> List[str]:
    """Lines about a row's datablock, for a narrow panel; none for an empty row and for a mask.

    How many there are depends on what is chosen only, not on what is loaded meanwhile.
    """
    datablock = _datablock(source)
    if datablock is None:
        return []
    width, height = datablock.size
    kind, *more = _kind(source, datablock)
    return [f"{kind}, {width} x {height}" if width and height else kind, *more]


def _kind(source: Any, datablock: Any) -> List[str]:
    if source.kind == "CLIP":
        return ["Movie Clip", f"{datablock.frame_duration} Frames"]
    if datablock.source == "SEQUENCE":
        return ["Sequence", _files(files_of(datablock)[1])]
    if datablock.source == "MOVIE":
        return ["Movie", f"{datablock.frame_duration} Frames"]
    return ["Still"]


def _files(numbers: List[int]) -> str:
    if not numbers:
        return "No Files"
    lost = numbers[-1] - numbers[0] + 1 - len(numbers)
    return f"Files {numbers[0]}-{numbers[-1]}" + (f", {lost} Missing" if lost else "")


def may_be_sequence(source: Any) -> bool:
    """Whether a still's file has a number, by its name alone."""
    image = source.image if source.kind == "IMAGE" else None
    if image is None or image.source != "FILE" or image.packed_file or MADE in image:
        return False
    return numbered(file_of(image)) is not None


def numbered_files(source: Any) -> int:
    """How many files a still has beside it that make a sequence with it; 0 for none."""
    count = len(files_of(source.image)[1]) if may_be_sequence(source) else 0
    return count if count > 1 else 0


def files_of(image: Any) -> Tuple[Optional[Numbered], List[int]]:
    """The name of an image's numbered files, and the numbers that there are."""
    return _listed(file_of(image), int(time.monotonic() / FRESH))


@functools.lru_cache(maxsize=16)
def _listed(path: str, moment: int) -> Tuple[Optional[Numbered], List[int]]:
    parts = numbered(path)
    return parts, parts.numbers() if parts is not None else []


def may_have_layers(source: Any) -> bool:
    """Whether a plate is a kind of file that has layers, by its name: Blender looks later."""
    image = source.image if source.kind == "IMAGE" else None
    return image is not None and image.filepath.lower().endswith(".exr")


def range_of(source: Any) -> Optional[Tuple[int, int]]:
    """The scene frames that a plate has, first and last; None for a still and an empty row."""
    datablock = _datablock(source)
    if datablock is None:
        return None
    if source.kind == "CLIP":
        start, offset = datablock.frame_start, datablock.frame_offset
        return max(start, start - offset), start - offset + datablock.frame_duration - 1
    shift = source.start - source.first
    if datablock.source == "MOVIE":
        return shift + 1, shift + datablock.frame_duration
    if datablock.source == "SEQUENCE":
        numbers = files_of(datablock)[1]
        return (shift + numbers[0], shift + numbers[-1]) if numbers else None
    return None


def _datablock(source: Any) -> Optional[Any]:
    return {"CLIP": source.clip, "IMAGE": source.image}.get(source.kind)
