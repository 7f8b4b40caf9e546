"""Which frames of a node are solved, stale or missing, and which files are another shot's."""

from __future__ import annotations

import os
from typing import Dict, List, Sequence

import nuke

from dmp_matting.hosts import (
    Frame,
    FrameStatus,
    Role,
    Settings,
    frame_status,
    overwrites,
)

from . import knobs, output, prepare, render, results
from .sources import Sources

WORST_FIRST = (FrameStatus.MISSING, FrameStatus.STALE, FrameStatus.SOLVED)


def frame_states(node: nuke.Group, frames: Sequence[int]) -> Dict[int, FrameStatus]:
    """The state of each frame, of several views the worst: by the rule of the command line.

    InputError and its kin where the node's knobs cannot be used.
    """
    files, views = output.sequence(node), prepare.wanted_views(node)
    chosen, sources = knobs.settings_of(node), Sources(node)
    space = knobs.colour_space(node)
    wanted = [one for one in chosen if one is not None]
    windows, on_disk = prepare.Windows(node, frames, views, sources), sources.states()

    def status(number: int, view: str) -> FrameStatus:
        def window_of(settings: Settings) -> List[Frame]:
            near = windows.under(settings, number)
            return [sources.frame(other, view, space) for other in near]

        frame, path = sources.frame(number, view, space), files.path(number, view)
        return frame_status(path, frame, wanted, window_of, on_disk)

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
    found = summary(frame_states(node, knobs.whole_range(node)))
    knob = node.knob("frame_states")
    if knob is not None:  # a node of an older version has none
        with results.without_undo():
            knob.setValue(found)
    return found


def summary(states: Dict[int, FrameStatus]) -> str:
    """``1001-1010: 7 solved, 2 stale, 1 missing``."""
    counts = {state: sum(one is state for one in states.values()) for state in FrameStatus}
    numbers = sorted(states)
    parts = ", ".join(f"{counts[state]} {state.value}" for state in FrameStatus)
    return f"{numbers[0]}-{numbers[-1]}: {parts}" if numbers else ""


def others_frames(node: nuke.Group, frames: Sequence[int], rendered: Sequence[str] = ()) -> str:
    """A sentence when existing EXRs of ``frames`` were made from other plates; else "".

    A changed clean plate, matte or node above the plate makes a frame stale, and no other shot's.
    ``rendered``: the folders into which the node's plates are rendered for a farm.
    """
    if node.input(0) is None:
        return ""
    files, views = output.sequence(node), prepare.wanted_views(node)
    sources = Sources(node)
    paths = [(files.path(number, view), number, view) for number in frames for view in views]
    return overwrites(
        {
            path: [
                sources.names(number, view).get(Role.IMAGE, ""),
                *(render.plate_path(folder, Role.IMAGE, view, number) for folder in rendered),
            ]
            for path, number, view in paths
            if os.path.isfile(path)
        }
    )
