"""The inputs as EXR plates, rendered by the node's inner Writes the safe way.

Proxy mode is switched off and put back; the values go out raw, as 32 bit float, with all
channels that count, all metadata, the data window and overscan as they are, for the wanted
views only. Called from a button, a script or a deferred call, never from a callback: Nuke
answers those with "I'm already executing something else".
"""

from __future__ import annotations

import os
import shutil
from contextlib import contextmanager
from pathlib import Path
from typing import Dict, Iterator, List, Sequence, Tuple

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
)

from .node import INPUTS, inner, write_name
from .sources import still_frame

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


def check_inputs(node: nuke.Group) -> None:
    """InputError, MismatchError: what can be seen before anything is rendered."""
    sizes = {}
    with full_size():
        for index, (role, _, called) in enumerate(INPUTS):
            source = node.input(index)
            if source is None:
                if not role.is_matte:
                    raise InputError(f"Connect the {called} input of {node.name()}.")
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


def render_plates(
    node: nuke.Group, frames: Sequence[int], views: Tuple[str, ...], folder: Path, space: str
) -> Dict[str, Tuple[Frame, ...]]:
    """Render every connected input into ``folder``; the frames of a job for each view.

    Raises what :func:`check_inputs` does, PlateError with Nuke's own reason, OutputError
    when the disk is too small, CancelledError.
    """
    check_inputs(node)
    connected = [
        (role, called) for index, (role, _, called) in enumerate(INPUTS) if node.input(index)
    ]
    _check_room(node, len(frames) * len(views) * len(connected), folder)
    still = bool(node["clean_still"].value())
    patterns = {}
    with full_size():
        for role, called in connected:
            once = role is Role.CLEAN and still
            wanted = [still_frame(node)] if once else frames
            patterns[role] = _render(node, role, called, wanted, views, folder)
    found: Dict[str, List[Frame]] = {view: [] for view in views}
    for view in views:
        for number in frames:
            plates = []
            for role, called in connected:
                taken = still_frame(node) if role is Role.CLEAN and still else number
                path = patterns[role].replace("%V", view).replace("%04d", f"{taken:04d}")
                if not os.path.exists(path):
                    raise PlateError(f"Nuke rendered no file for the {called} at frame {taken}.")
                plates.append(Plate(path, role, "raw" if role.is_matte else space))
            found[view].append(Frame(number, tuple(plates)))
    return {view: tuple(frames) for view, frames in found.items()}


def _render(
    node: nuke.Group,
    role: Role,
    called: str,
    frames: Sequence[int],
    views: Tuple[str, ...],
    folder: Path,
) -> str:
    """One input's files; returns their pattern."""
    pattern = f"{folder.as_posix()}/{role.value}.%V.%04d.exr"
    write = inner(node, write_name(role))
    for name, value in SAFE.items():
        write[name].setValue(value)
    write["channels"].setValue("rgba" if role.is_matte else "rgb")
    write["file"].setValue(pattern)
    write["disable"].setValue(False)
    node.begin()
    try:
        for first, last in runs(frames):
            nuke.execute(write, first, last, 1, list(views))
    except RuntimeError as reason:
        if "cancel" in str(reason).lower():
            raise CancelledError("Cancelled while the inputs were rendered.") from None
        raise PlateError(f"The {called} cannot be rendered: {reason}.") from None
    finally:
        node.end()
        write["disable"].setValue(True)
        write["file"].setValue("")
    return pattern


def runs(frames: Sequence[int]) -> List[Tuple[int, int]]:
    """Whole ranges, so that a Write is executed as seldom as can be."""
    found: List[Tuple[int, int]] = []
    for number in sorted(frames):
        if found and number == found[-1][1] + 1:
            found[-1] = (found[-1][0], number)
        else:
            found.append((number, number))
    return found


@contextmanager
def full_size() -> Iterator[None]:
    """Proxy mode off, and back on afterwards: a Write renders at the proxy's size."""
    proxy = nuke.root()["proxy"]
    was_on = bool(proxy.value())
    if was_on:
        proxy.setValue(False)
    try:
        yield
    finally:
        if was_on:
            proxy.setValue(True)


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
