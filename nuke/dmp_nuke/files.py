"""What a node has on disk, and the deletion of a range of it."""

from __future__ import annotations

import os
from typing import Dict, List, Tuple

import nuke

from dmp_matting.hosts import OutputError

from . import NAME, knobs, output, prepare, results, states

SHOWN, WANTED = "On disk", "Delete frames (such as 1001-1010; empty: none)"


def ask(node: nuke.Group) -> int:
    """Show the files and delete what the artist names; returns how many EXRs were deleted.

    Only those that were made from the node's own plate. InputError and its kin, OutputError.
    """
    found = on_disk(node)
    panel = nuke.Panel(f"{NAME}: files of {node.name()}")
    panel.addMultilineTextInput(SHOWN, listing(node, found))
    panel.addSingleLineInput(WANTED, "")
    if not panel.show():
        return 0
    text = str(panel.value(WANTED)).strip()
    if not text:
        return 0
    wanted = set(knobs.frames_of(text))
    named = [path for (number, _), path in found.items() if number in wanted]
    if not named:
        raise OutputError(f"There is no EXR of the frames {text}.")
    results.check_alone(node, output.sequence(node))
    others = states.others_files(node, sorted(wanted))
    paths = [path for path in named if path not in others]
    if not paths:
        raise OutputError(
            f"No EXR of the frames {text} was made from this node's plate; delete them by hand."
        )
    stay = f" {len(named) - len(paths)} of something else stay." if others else ""
    if not nuke.ask(f"Delete {len(paths)} EXRs, {paths[0]} first?{stay}"):
        return 0
    for path in paths:
        try:
            os.remove(path)
        except OSError as reason:
            raise OutputError(f"{path} cannot be deleted ({reason.strerror}).") from None
    return len(paths)


def on_disk(node: nuke.Group) -> Dict[Tuple[int, str], str]:
    """The EXRs that are there, by frame and view. InputError and its kin."""
    files = output.sequence(node)
    found: Dict[Tuple[int, str], str] = {}
    for view in prepare.wanted_views(node):
        for number in files.on_disk(view):
            if files.path(number, view) not in found.values():
                found[number, view] = files.path(number, view)
    return found


def listing(node: nuke.Group, found: Dict[Tuple[int, str], str]) -> str:
    """The path, the states of the range, and how much lies there of this and of other versions."""
    files = output.sequence(node)
    size = sum(os.path.getsize(path) for path in found.values())
    lines = [files.pattern, f"{len(found)} EXRs, {size / 1e6:.1f} MB"]
    return "\n".join([*lines, *states.listing(node), *_other_versions(files)])


def _other_versions(files: output.Sequence) -> List[str]:
    """One line for each other version in the folder around this one's."""
    folder = os.path.dirname(files.pattern)
    around, own = os.path.split(folder)
    if not output.VERSION.fullmatch(own) or not os.path.isdir(around):
        return []
    lines = []
    for name in sorted(os.listdir(around)):
        there = os.path.join(around, name)
        if name != own and output.VERSION.fullmatch(name) and os.path.isdir(there):
            sizes = [entry.stat().st_size for entry in os.scandir(there) if entry.is_file()]
            lines.append(f"{name}: {len(sizes)} files, {sum(sizes) / 1e6:.1f} MB")
    return lines
