"""Where a node's EXRs go, which of them it shows, and its status line.

The internal Read takes its path from the output knob, so that a saved script renders what is on
disk on any machine, without DMP, whoever solved it. Frames that are not there follow the knob
*Missing frames*. A node of an older version has a knob ``has_result`` instead, and its Read is
pointed at the files here.
"""

from __future__ import annotations

import os
import re
from contextlib import contextmanager
from dataclasses import dataclass
from enum import Enum
from pathlib import Path
from typing import Container, Iterator, List, Tuple, cast

import nuke

from dmp_matting.hosts import InputError, OutputError

from .node import all_nodes, inner

NUMBER = re.compile(r"%0?(\d*)d|#+")
VIEW = "%V"


class Severity(Enum):
    """How the node's tile shows a status. The value is the tile's colour, None the artist's own."""

    INFO = None
    WARNING = 0xC88A00FF
    ERROR = 0xB02020FF


@dataclass(frozen=True)
class Sequence:
    """Files named by a pattern with ``%04d`` (or ``####``) and perhaps ``%V``."""

    pattern: str

    def path(self, frame: int, view: str) -> str:
        """The file of one frame and view."""
        return NUMBER.sub(lambda at: f"{frame:0{_digits(at)}d}", self.pattern.replace(VIEW, view))

    def is_same(self, other: Sequence) -> bool:
        """True when both name the same files, such as ``####`` beside ``%04d``."""

        def plain(pattern: str) -> str:
            path = NUMBER.sub(lambda at: f"%0{_digits(at)}d", pattern)
            return os.path.normcase(os.path.normpath(path))

        return plain(self.pattern) == plain(other.pattern)

    def on_disk(self, view: str) -> List[int]:
        """The numbers of the frames that are there."""
        path = self.pattern.replace(VIEW, view)
        folder, name = os.path.split(path)
        parts = NUMBER.split(name)
        found = NUMBER.search(name)
        if found is None or not os.path.isdir(folder):
            return []
        before, after = name[: found.start()], name[found.end() :]
        name_of_frame = re.compile(rf"{re.escape(before)}(-?\d+){re.escape(after)}")
        digits = _digits(found)
        assert len(parts) >= 2
        texts = [at[1] for at in map(name_of_frame.fullmatch, os.listdir(folder)) if at is not None]
        return sorted(int(text) for text in texts if f"{int(text):0{digits}d}" == text)


def _digits(at: re.Match[str]) -> int:
    return len(at[0]) if at[0].startswith("#") else int(at[1] or 1)


def sequence(node: nuke.Group) -> Sequence:
    """The output knob's sequence. Raises OutputError when it cannot be used."""
    text = str(node["file"].value()).replace("\\", "/").strip()
    if "[" in text:  # Tcl; evaluate() would put the frame in as well
        with node:
            text = nuke.tcl("subst", text)
    if not text:
        raise OutputError(f"{node.name()} has no output; name the EXRs, such as matte.%04d.exr.")
    if not text.lower().endswith(".exr"):
        raise OutputError(f"The output '{text}' does not end in .exr; the matte is written as EXR.")
    if len(list(NUMBER.finditer(os.path.basename(text)))) != 1:
        raise OutputError(f"The output '{text}' has no frame number; put %04d into its name.")
    if not os.path.isabs(text):
        raise OutputError(f"The output '{text}' is no full path; start it at the disk's root.")
    return Sequence(text)


def ready_folders(files: Sequence, views: Tuple[str, ...]) -> None:
    """Make the output's folders, the last level only; OutputError when that cannot be."""
    for view in views:
        folder = Path(files.path(1, view)).parent
        try:
            folder.mkdir(exist_ok=True)
        except OSError as reason:
            if isinstance(reason, FileNotFoundError):
                raise OutputError(
                    f"The folder {folder.parent.as_posix()} does not exist; make it first."
                ) from None
            raise OutputError(
                f"The output folder {folder.as_posix()} cannot be made ({reason.strerror})."
            ) from None
        if not os.access(folder, os.W_OK):
            raise OutputError(f"The output folder {folder.as_posix()} is not writable.")


def check_alone(node: nuke.Group, files: Sequence) -> None:
    """InputError when another DMP node writes the same files, as a copied node would."""
    for other in all_nodes():
        if other.fullName() == node.fullName():
            continue
        try:
            same = sequence(other).is_same(files)
        except OutputError:
            continue  # it writes nothing
        if same:
            raise InputError(
                f"{other.fullName()} writes the same files as {node.fullName()}; "
                "give one of them another output."
            )


def show(node: nuke.Group, files: Sequence, views: Tuple[str, ...]) -> List[int]:
    """Read the EXRs again that are on disk; returns their frames."""
    frames = sorted({number for view in views for number in files.on_disk(view)})
    read = inner(node, "result")
    if frames:
        if is_older(node):
            read["file"].setValue(files.pattern)
            for name, value in (("first", frames[0]), ("last", frames[-1])):
                read[name].setValue(value)
                read[f"orig{name}"].setValue(value)
            read["origset"].setValue(True)
        _reload(read)
    if is_older(node):
        node["has_result"].setValue(bool(frames))
    return frames


def is_older(node: nuke.Group) -> bool:
    """True for a saved node of version 0.1.0, which shows the plate until a knob is set."""
    return node.knob("has_result") is not None


def enable(node: nuke.Group) -> None:
    """Take back what Clear did."""
    if node["disable"].value():
        node["disable"].setValue(False)


def show_preview(node: nuke.Group, path: str, frame: int = 1) -> None:
    """Show a PNG in place of the result at one frame; "" ends that."""
    read = inner(node, "preview")
    read["file"].setValue(path)
    for name in ("first", "last", "origfirst", "origlast"):
        read[name].setValue(frame)
    _reload(read)


def _reload(read: nuke.Node) -> None:
    cast(nuke.Script_Knob, read["reload"]).execute()


def show_status(node: nuke.Group, sentence: str, severity: Severity = Severity.INFO) -> None:
    """The status line, and the tile in red or amber; the artist's own colour comes back."""
    with without_undo():
        node["status"].setValue(sentence)
        tile, before = node["tile_color"], node["tile_before"]
        if severity.value is not None:
            if not before.value():
                before.setValue(str(int(tile.value())))
            tile.setValue(severity.value)
        elif before.value():
            tile.setValue(int(before.value()))
            before.setValue("")


def forget_ended_jobs(running: Container[str] = ()) -> None:
    """After a script was opened: end what an earlier session left running. Sets knobs only."""
    with without_undo():
        for node in all_nodes():
            if node["job"].value() and node["job"].value() not in running:
                node["job"].setValue("")
                show_preview(node, "")
                show_status(
                    node, "The script was closed while this was solving; press Matte again."
                )


@contextmanager
def without_undo() -> Iterator[None]:
    """Changes by a running job are no undo steps of the artist's."""
    nuke.Undo.disable()
    try:
        yield
    finally:
        nuke.Undo.enable()
