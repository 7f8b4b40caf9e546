"""Which frames of a node are solved, stale or missing, and which files are another shot's."""

from __future__ import annotations

import os
from typing import Dict, List, Sequence, Set

import nuke

from dmp_matting.hosts import (
    Frame,
    FrameStatus,
    Role,
    Settings,
    frame_status,
    overwrites,
)

from . import knobs, output, prepare, render, rendered, results
from .rendered import FarmResults
from .sources import Sources, digest_above

WORST_FIRST = (FrameStatus.MISSING, FrameStatus.STALE, FrameStatus.SOLVED)


def frame_states(node: nuke.Group, frames: Sequence[int]) -> Dict[int, FrameStatus]:
    """The state of each frame, of several views the worst: by the rule of the command line.

    InputError and its kin where the node's knobs cannot be used.
    """
    knobs.follow_range(node)
    files, views = output.sequence(node), prepare.wanted_views(node)
    chosen, sources = knobs.settings_of(node, frames), Sources(node)
    space = knobs.colour_space(node)
    wanted = [one for one in chosen if one is not None]
    windows, on_disk = prepare.Windows(node, views, sources, chosen), sources.states()
    farmed = FarmResults(node, sources, space)

    def status(number: int, view: str) -> FrameStatus:
        def window_of(settings: Settings) -> List[Frame]:
            return [sources.frame(other, view, space) for other in windows.under(settings, number)]

        frame, path = sources.frame(number, view, space), files.path(number, view)
        found = frame_status(path, frame, wanted, window_of, on_disk)
        if found is FrameStatus.STALE:
            return farmed.status(path, number, view, wanted, windows, on_disk)
        return found

    return {
        number: min((status(number, view) for view in views), key=WORST_FIRST.index)
        for number in frames
    }


def choose(node: nuke.Group, frames: Sequence[int], only: Sequence[FrameStatus]) -> List[int]:
    """Those of ``frames`` whose state is one of ``only``."""
    states = frame_states(node, frames)
    return [number for number in frames if states[number] in only]


def show(node: nuke.Group) -> str:
    """Write the states of the node's range into its knob and so onto its tile; returns them.

    InputError and its kin where the node's knobs cannot be used.
    """
    return summary(_shown(node))


def listing(node: nuke.Group) -> List[str]:
    """As :func:`show`; and a line with the frames that are stale, one with those missing."""
    found = _shown(node)
    lines = [summary(found)]
    for state in (FrameStatus.STALE, FrameStatus.MISSING):
        numbers = [number for number, one in found.items() if one is state]
        lines += [f"{state.value}: {render.range_text(numbers)}"] if numbers else []
    return lines


def _shown(node: nuke.Group) -> Dict[int, FrameStatus]:
    """The states of the node's range, which its knob shows."""
    found = frame_states(node, knobs.whole_range(node))
    knob = node.knob("frame_states")
    if knob is not None:  # a node of an older version has none
        with results.without_undo():
            knob.setValue(summary(found))
            recorded = node.knob("states_of")
            if recorded is not None:
                recorded.setValue(digest_above(node))
    return found


def summary(states: Dict[int, FrameStatus]) -> str:
    """``1001-1010: 7 solved, 2 stale, 1 missing``."""
    counts = {state: sum(one is state for one in states.values()) for state in FrameStatus}
    numbers = sorted(states)
    parts = ", ".join(f"{counts[state]} {state.value}" for state in FrameStatus)
    return f"{numbers[0]}-{numbers[-1]}: {parts}" if numbers else ""


def others_frames(node: nuke.Group, frames: Sequence[int]) -> str:
    """A sentence when existing EXRs of ``frames`` were made from other plates; else "".

    A changed clean plate, matte or node above the plate makes a frame stale, and no other shot's.
    """
    if node.input(0) is None:
        return ""
    return overwrites(_plate_names(node, frames))


def others_files(node: nuke.Group, frames: Sequence[int]) -> Set[str]:
    """The existing EXRs of ``frames`` that were made from other plates; without a plate all."""
    names = _plate_names(node, frames)
    return {path for path, own in names.items() if overwrites({path: own})}


def _plate_names(node: nuke.Group, frames: Sequence[int]) -> Dict[str, List[str]]:
    """What the plate may be called of which each EXR on disk is to be made, by the EXR's path.

    A farm's plate in the node's own job folder is its own in any case: it may be gone by now.
    """
    knobs.follow_range(node)
    files, views = output.sequence(node), prepare.wanted_views(node)
    sources = Sources(node)
    own = rendered.plates_of(node).as_posix()
    found = {}
    for path, number, view in (
        (files.path(number, view), number, view) for number in frames for view in views
    ):
        if os.path.isfile(path):
            name = sources.names(number, view).get(Role.IMAGE, "")
            found[path] = [name, render.plate_path(own, Role.IMAGE, view, number)]
    return found
