"""The inputs as EXR plates, rendered by the node's inner Writes the safe way.

Proxy mode is switched off and put back; the values go out raw, as 32 bit float, with all
channels that count, all metadata, the data window and overscan as they are, for the wanted
views only. Called from a button, a script or a deferred call, never from a callback: Nuke
answers those with "I'm already executing something else".
"""

from __future__ import annotations

import os
import shutil
from pathlib import Path
from typing import Dict, Iterator, List, Optional, Sequence, Set, Tuple

import nuke

from dmp_matting.hosts import (
    CancelledError,
    Frame,
    InputError,
    MismatchError,
    OutputError,
    Plate,
    PlateError,
    Role,
    is_unseen_map,
)

from . import knobs
from .inside import write_name
from .node import INPUTS, inner
from .output import VIEW
from .proxy import full_size
from .sources import Sources, number_at

SAFE = {  # knobs of an inner Write; the order counts, exr brings the last four
    "file_type": "exr",
    "raw": True,
    "premultiplied": False,
    "create_directories": False,
    "use_limit": False,
    "datatype": "32 bit float",
    "compression": "Zip (1 scanline)",
    "autocrop": False,
    "metadata": "all metadata",
}


EVERY = tuple(role for role, _, _ in INPUTS)


def check_inputs(node: nuke.Group, roles: Sequence[Role] = EVERY) -> None:
    """InputError, MismatchError: what can be seen before anything is rendered."""
    sizes = {}
    with full_size():
        for index, (role, _, called) in enumerate(INPUTS):
            if role not in roles:
                continue
            source = node.input(index)
            if source is None:
                if not role.is_matte:
                    other = " or press Build clean plate" if role is Role.CLEAN else ""
                    raise InputError(f"Connect the {called} input of {node.name()}{other}.")
                continue
            window = source.format()
            sizes[called] = (window.width(), window.height(), window.x(), window.y())
    wanted = sizes["plate"]
    for called, own in sizes.items():
        if own != wanted:
            raise MismatchError(
                f"The {called} is {_shown(own)} but the plate is {_shown(wanted)}; "
                f"put a Reformat after the {called}."
            )


def _shown(size: Tuple[int, int, int, int]) -> str:
    width, height, x, y = size
    return f"{width} x {height}" + (f" from {x}, {y}" if x or y else "")


class Plates:
    """The plates of some frames of a node: files as they are, and the rest to be rendered.

    ``roles``: which of the inputs. A plate that a Read hands on unchanged is taken from its file.
    The others are rendered into ``folder``, by ``render`` in steps of one frame, between which Nuke
    is free, or in whole ranges.
    Raises what :func:`check_inputs` does, and OutputError when the disk is too small.
    """

    def __init__(
        self,
        node: nuke.Group,
        frames: Sequence[int],
        views: Tuple[str, ...],
        folder: Path,
        space: str,
        sources: Optional[Sources] = None,
        roles: Sequence[Role] = EVERY,
    ) -> None:
        check_inputs(node, roles)
        self._node, self._frames, self._views = node, list(frames), views
        self.folder, self._space = folder, space
        self._channels: Dict[Role, str] = {}  # what the Write of an input writes
        self._direct: Dict[Role, Dict[Tuple[int, str], str]] = {}
        self._rendered: Dict[Role, List[int]] = {}
        for index, (role, _, _) in enumerate(INPUTS):
            source = node.input(index)
            if source is None or role not in roles:
                continue
            files = {} if sources is None else self._files(role, sources)
            if files:
                self._direct[role] = files
            else:
                self._channels[role] = _channels(node, role, source)
                self._rendered[role] = sorted({number_at(node, role, one) for one in frames})
        _check_room(node, self.count * len(views), folder)

    @property
    def count(self) -> int:
        """Frames to render, of all inputs together."""
        return sum(len(numbers) for numbers in self._rendered.values())

    def render(self, by_frame: bool) -> Iterator[int]:
        """Render what has no file; yields after each step how many frames that were.

        PlateError with Nuke's own reason; CancelledError.
        """
        for role, numbers in self._rendered.items():
            ranges = [(one, one) for one in numbers] if by_frame else runs(numbers)
            for first, last in ranges:
                with full_size():
                    self._execute(role, first, last)
                yield last - first + 1

    def by_view(self) -> Dict[str, Tuple[Frame, ...]]:
        """The frames of a job for each view, when everything is rendered. PlateError."""
        kept = knobs.keeps_space(self._node)
        found = {}
        for view in self._views:
            frames = []
            for number in self._frames:
                plates = []
                for role in (role for role, _, _ in INPUTS if role in self._roles()):
                    space, layer = "raw", ""
                    if not role.is_matte:
                        space, layer = self._space, knobs.layer(self._node)
                    path, keeps = self._path(role, number, view), kept and role is Role.IMAGE
                    plates.append(Plate(path, role, space, layer, keeps_space=keeps))
                frames.append(Frame(number, tuple(plates)))
            found[view] = tuple(frames)
        return found

    def _roles(self) -> Set[Role]:
        return {*self._direct, *self._rendered}

    def _files(self, role: Role, sources: Sources) -> Dict[Tuple[int, str], str]:
        """The EXRs of all frames and views; empty where one of them has to be rendered."""
        found = {}
        for number in () if role.is_matte else self._frames:
            for view in self._views:
                file = sources.direct(role, number, view)
                if not file or not os.path.isfile(file):
                    return {}
                found[number, view] = file
        return found

    def _path(self, role: Role, number: int, view: str) -> str:
        if role in self._direct:
            return self._direct[role][number, view]
        taken = number_at(self._node, role, number)
        path = plate_path(self.folder.as_posix(), role, view, taken)
        if not os.path.exists(path):
            raise PlateError(f"Nuke rendered no file for the {role.called} at frame {taken}.")
        return path

    def _pattern(self, role: Role) -> str:
        return f"{self.folder.as_posix()}/{role.value}.{VIEW}.%04d.exr"

    def _execute(self, role: Role, first: int, last: int) -> None:
        write = inner(self._node, write_name(role))
        for name, value in SAFE.items():
            write[name].setValue(value)
        write["channels"].setValue(self._channels[role])
        if write.knob("views") is not None:  # a render without an argument would take all of them
            write["views"].setValue(" ".join(self._views))
        write["file"].setValue(self._pattern(role))
        write["disable"].setValue(False)
        self._node.begin()
        try:
            nuke.execute(write, first, last, 1, list(self._views))
        except RuntimeError as reason:
            if "cancel" in str(reason).lower():
                raise CancelledError("Cancelled while the inputs were rendered.") from None
            raise PlateError(f"The {role.called} cannot be rendered: {reason}.") from None
        finally:
            self._node.end()
            write["disable"].setValue(True)
            write["file"].setValue("")


def _channels(node: nuke.Group, role: Role, source: nuke.Node) -> str:
    """What is rendered of an input. InputError where the plate has not the layer to matte."""
    if role.is_matte:
        return "rgba"
    layers = _layers_with_colour(source)
    wanted = knobs.layer(node).lower()
    named = next((one for one in layers if one.lower() == wanted), "")
    if role is Role.CLEAN and not named and any(map(is_unseen_map, source.channels())):
        return "all"  # the map of what is made up counts as well
    if named or role is Role.CLEAN:
        return named or "rgb"
    names = ", ".join(layers)
    if wanted:
        raise InputError(
            f"The plate of {node.name()} has no layer '{knobs.layer(node)}' with red, green and "
            f"blue; it has {names or 'none'}."
        )
    if layers and "rgba" not in layers:
        raise InputError(
            f"The plate of {node.name()} has no rgba, only the layers {names}; write the one to "
            "matte into Layer."
        )
    return "rgb"


def _layers_with_colour(source: nuke.Node) -> List[str]:
    """The layers that have red, green and blue, in order."""
    found: Dict[str, Set[str]] = {}
    for name in source.channels():
        layer, _, leaf = name.partition(".")
        found.setdefault(layer, set()).add(leaf)
    return [layer for layer, leaves in found.items() if leaves >= {"red", "green", "blue"}]


def plate_path(folder: str, role: Role, view: str, number: int) -> str:
    """The file of one plate that was rendered into ``folder``."""
    return f"{folder}/{role.value}.{view}.{number:04d}.exr"


def runs(frames: Sequence[int]) -> List[Tuple[int, int]]:
    """Whole ranges, so that a Write is executed as seldom as can be."""
    found: List[Tuple[int, int]] = []
    for number in sorted(frames):
        if found and number == found[-1][1] + 1:
            found[-1] = (found[-1][0], number)
        else:
            found.append((number, number))
    return found


def range_text(frames: Sequence[int]) -> str:
    """``1001-1100,1120``."""
    parts = (f"{first}-{last}" if last > first else f"{first}" for first, last in runs(frames))
    return ",".join(parts)


def _check_room(node: nuke.Group, files: int, folder: Path) -> None:
    """OutputError when the plates cannot fit on the disk of the temporary folder."""
    source = node.input(0)
    size = source.width() * source.height() * 4 * 3 * files if source is not None else 0
    free = shutil.disk_usage(folder).free
    if size > free:
        raise OutputError(
            f"The plates need up to {size / 1e9:.1f} GB in {folder.parent.as_posix()}, which has "
            f"{free / 1e9:.1f} GB free; set NUKE_TEMP_DIR, or matte a shorter range."
        )
