"""Where a node's EXRs go: the output knob, resolved as Nuke resolves it.

Tcl, ``%V`` and ``%v``, the project directory and the facility's filename filters are Nuke's own.
What has no value is one sentence, before anything is rendered.
"""

from __future__ import annotations

import os
import re
from dataclasses import dataclass
from pathlib import Path
from typing import Iterable, List, Set, Tuple

import nuke

from dmp_matting.hosts import OutputError

NUMBER = re.compile(r"%0?(\d*)d|#+")
VIEW, SHORT_VIEW = "%V", "%v"  # the view's name, and its first letter
BESIDE = "[file dirname [value root.name]]"
SCOPED = re.compile(r"%\{[^}]*\}")  # of Nuke 16 and later
VARIABLE = re.compile(r"\[getenv\s+(\w+)\s*\]|\$env\((\w+)\)")
VERSION = re.compile(r"(?<![A-Za-z0-9])v(\d+)")
MOST_VERSIONS = 1000


@dataclass(frozen=True)
class Sequence:
    """Files named by a pattern with ``%04d`` (or ``####``) and perhaps ``%V``."""

    pattern: str

    def path(self, frame: int, view: str) -> str:
        """The file of one frame and view."""
        return Sequence(self.at(frame)).of_view(view)

    def at(self, frame: int) -> str:
        """The pattern of one frame: a view's place stays open."""
        return NUMBER.sub(lambda at: f"{frame:0{_digits(at)}d}", self.pattern)

    def of_view(self, view: str) -> str:
        """The pattern of one view."""
        return self.pattern.replace(VIEW, view).replace(SHORT_VIEW, view[:1])

    def has_other_percent(self) -> bool:
        """Whether the path has one more ``%`` than the frame's: Tcl's ``format`` stumbles."""
        folder, name = os.path.split(self.pattern)
        return "%" in folder + NUMBER.sub("", name)

    def places(self, views: Iterable[str]) -> Set[str]:
        """The patterns of the views, however they are spelled; what is equal are the same files.

        Such as ``####`` beside ``%04d``, a link beside its folder, ``%V`` beside the view's name.
        """

        def place(view: str) -> str:
            folder, name = os.path.split(self.of_view(view))
            name = NUMBER.sub(lambda at: f"%0{_digits(at)}d", name)
            return os.path.normcase(os.path.join(os.path.realpath(folder), name))

        return set(map(place, views))

    def on_disk(self, view: str) -> List[int]:
        """The numbers of the frames that are there."""
        path = self.of_view(view)
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


def default_output(name: str) -> str:
    """The output of a new node: beside the script, in a folder of its own and of its version.

    In a script with several views each has files of its own.
    """
    view = f".{VIEW}" if len(nuke.views()) > 1 else ""
    return f"{BESIDE}/dmp/{name}/v001/{name}{view}.%04d.exr"


def sequence(node: nuke.Group) -> Sequence:
    """The output knob's sequence. Raises OutputError when it cannot be used."""
    text = _resolved(node)
    if not text.lower().endswith(".exr"):
        raise OutputError(f"The output '{text}' does not end in .exr; the matte is written as EXR.")
    if len(list(NUMBER.finditer(os.path.basename(text)))) != 1:
        raise OutputError(f"The output '{text}' has no frame number; put %04d into its name.")
    found = as_opened(text)
    if not os.path.isabs(found):
        raise OutputError(
            f"The output '{text}' is no full path; start it at the disk's root, or set the "
            "project directory in the project settings."
        )
    return Sequence(found)


def as_opened(text: str) -> str:
    """A path of the script as Nuke opens it: below the project directory, where it is relative,
    and by the facility's filename filters. As it is where no project directory is set."""
    found = _filtered(text)
    if os.path.isabs(found):
        return found
    folder = nuke.root().knob("project_directory")
    project = str(folder.evaluate() or "") if isinstance(folder, nuke.File_Knob) else ""
    return _filtered(f"{project.rstrip('/')}/{text}") if os.path.isabs(project) else text


def is_filtered(node: nuke.Group) -> bool:
    """True where a filename filter of the facility changes the output: a Tcl test cannot."""
    text = _resolved(node)
    return _filtered(text) != text


def _filtered(text: str) -> str:
    return str(nuke.filenameFilter(text) or text)  # type: ignore[no-untyped-call]


def named_views(node: nuke.Group) -> Tuple[str, ...]:
    """The views that the node names, else all of the script."""
    return tuple(str(node["views"].value()).replace(",", " ").split()) or tuple(nuke.views())


def _resolved(node: nuke.Group) -> str:
    """The output with its Tcl run. OutputError for what has no value."""
    text = written = str(node["file"].value()).replace("\\", "/").strip()
    if not text:
        raise OutputError(f"{node.name()} has no output; name the EXRs, such as matte.%04d.exr.")
    if BESIDE in text and not str(nuke.root().name() or ""):
        raise OutputError(
            "The script is not saved, and the output lies beside it; save it, or name another "
            "output."
        )
    scoped = SCOPED.search(text)
    if scoped:
        raise OutputError(
            f"The output uses the graph scope variable {scoped[0]}, which DMP does not know; "
            "write out its value, and give each shot a node of its own."
        )
    for name in (one or other for one, other in VARIABLE.findall(text)):
        if name not in os.environ:
            raise OutputError(f"The output uses the variable {name}, which is not set.")
    if "[" in text or "$" in text:  # Tcl; evaluate() would put the frame in as well
        try:
            with node:
                text = nuke.tcl("subst", text)
        except (RuntimeError, ValueError) as reason:
            raise OutputError(f"The output '{written}' has no value: {reason}.") from None
    return text


def version_up(node: nuke.Group) -> str:
    """Write the next version into the output that has no files yet; returns it. OutputError.

    The last version in the path counts, wherever it stands in the path. With an error the output
    stays what it was.
    """
    text = str(node["file"].value())
    found = [at[0] for at in VERSION.finditer(text)]
    if not found:
        raise OutputError(f"The output '{text}' has no version; put v001 into it.")
    old = int(found[-1][1:])
    try:
        for number in range(old + 1, old + MOST_VERSIONS):
            new = f"v{number:0{len(found[-1]) - 1}d}"
            node["file"].setValue(VERSION.sub(lambda at: _replaced(at[0], found[-1], new), text))  # noqa: B023
            files = sequence(node)
            if not any(files.on_disk(view) for view in nuke.views()):
                return str(node["file"].value())
    except OutputError:
        node["file"].setValue(text)
        raise
    node["file"].setValue(text)
    raise OutputError(f"There are {MOST_VERSIONS} versions of '{text}'; delete some.")


def _replaced(version: str, old: str, new: str) -> str:
    return new if version == old else version


def ready_folders(files: Sequence, views: Tuple[str, ...]) -> None:
    """Make the output's folders; OutputError when that cannot be.

    The first folder of a path has to be there: it is a disk, and a misspelt one is never made.
    """
    for view in views:
        folder = Path(files.path(1, view)).parent
        disk = Path(*folder.parts[:2])
        if not disk.is_dir():
            raise OutputError(f"The folder {disk.as_posix()} does not exist; make it first.")
        try:
            folder.mkdir(parents=True, exist_ok=True)
        except OSError as reason:
            raise OutputError(
                f"The output folder {folder.as_posix()} cannot be made ({reason.strerror})."
            ) from None
        if not os.access(folder, os.W_OK):
            raise OutputError(f"The output folder {folder.as_posix()} is not writable.")
