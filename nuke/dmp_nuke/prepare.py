"""From a node's knobs and inputs to jobs for the engine, one a view. For GUI and terminal."""

from __future__ import annotations

import os
import shutil
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import Dict, List, Sequence, Set, Tuple

import nuke

from dmp_matting.hosts import (
    FileStates,
    Frame,
    InputError,
    Job,
    Resolved,
    Settings,
    SettingsError,
    window_of,
)

from . import knobs, render, results
from .sources import Sources


@dataclass(frozen=True)
class Part:
    """One view's job, its EXRs, the rendered plates by their names in the job, and their states."""

    view: str
    job: Job
    outputs: Dict[int, str]
    files: Dict[str, str]
    states: FileStates


@dataclass(frozen=True)
class Work:
    """The jobs of one press of Matte, the inputs rendered."""

    parts: Tuple[Part, ...]
    files: results.Sequence
    views: Tuple[str, ...]
    folder: Path  # of the plates; removed when the work has ended

    @property
    def frames(self) -> int:
        return sum(len(part.job.frames) for part in self.parts)

    def clean(self) -> None:
        """Remove the plates. Never fails: a leftover stays in the temporary folder."""
        shutil.rmtree(self.folder, ignore_errors=True)


def prepare(node: nuke.Group, frames: Sequence[int]) -> Work:
    """Check everything that can be checked, then render the inputs of ``frames``.

    The neighbours of ``frames`` in the node's range are rendered as well and sent as context, so
    that a frame comes out the same whether it is solved alone or with the whole range.

    Raises InputError and its kin, OutputError, CancelledError: each a sentence for the artist.
    """
    chosen = knobs.settings_of(node)
    space = knobs.colour_space(node)
    if not space:
        raise SettingsError("Name the plates' colour space beside Colour, or choose another one.")
    knobs.number_as_printf(node)
    files, views = results.sequence(node), wanted_views(node)
    results.check_alone(node, files)
    render.check_inputs(node)
    results.ready_folders(files, views)
    folder = Path(tempfile.mkdtemp(prefix="dmp-", dir=os.environ.get("NUKE_TEMP_DIR") or None))
    try:
        sources = Sources(node)
        whole = Windows(node, frames, views, sources).all_of(frames)
        states = sources.states()
        for frame in (sources.frame(number, view, space) for view in views for number in whole):
            states.look(frame)  # before they are rendered: what comes later is another file
        plates = render.render_plates(node, whole, views, folder, space)
    except BaseException:
        shutil.rmtree(folder, ignore_errors=True)
        raise
    parts = []
    for view in views:
        named = [sources.frame(frame.number, view, space) for frame in plates[view]]
        parts.append(_part(view, plates[view], named, frames, chosen, files, states))
    return Work(tuple(parts), files, views, folder)


def _part(
    view: str,
    rendered: Sequence[Frame],
    frames: Sequence[Frame],
    wanted: Sequence[int],
    chosen: Resolved,
    files: results.Sequence,
    states: FileStates,
) -> Part:
    own: Dict[str, str] = {}
    for frame, named in zip(rendered, frames):
        for plate, name in zip(frame.plates, named.plates):
            own.setdefault(name.path, plate.path)
    solved = tuple(frame for frame in frames if frame.number in wanted)
    context = tuple(frame for frame in frames if frame.number not in wanted)
    outputs = {frame.number: files.path(frame.number, view) for frame in solved}
    return Part(view, Job(solved, *chosen, context), outputs, own, states)


class Windows:
    """Which frames a frame is solved with: by the engine's own rule, in the node's range.

    A frame of which a file is missing is nobody's neighbour.
    """

    def __init__(
        self, node: nuke.Group, frames: Sequence[int], views: Sequence[str], sources: Sources
    ) -> None:
        chosen = knobs.settings_of(node)
        self._ways = {one.temporal: one for one in chosen if one is not None}
        shot = range(int(node["first"].value()), int(node["last"].value()) + 1)
        there = {number for number in shot if sources.is_there(number, views)}
        numbers = sorted(there.union(frames))
        self._shot = Job(tuple(Frame(number, ()) for number in numbers))

    def of(self, number: int) -> Set[int]:
        """The frames that a frame's pixels depend on, itself included."""
        return {number}.union(*(self.under(settings, number) for settings in self._ways.values()))

    def under(self, settings: Settings, number: int) -> List[int]:
        """The frames that a frame is solved with under ``settings``; none where it is alone."""
        window = window_of(Frame(number, ()), self._shot, settings)
        return [frame.number for frame in window]

    def all_of(self, frames: Sequence[int]) -> List[int]:
        """``frames`` and everything that they depend on, in order."""
        return sorted(set().union(*map(self.of, frames)))


def wanted_views(node: nuke.Group) -> Tuple[str, ...]:
    """The views to solve. InputError for one that the script has not, or without a %V."""
    chosen = chosen_views(node)
    if len(chosen) > 1 and results.VIEW not in str(node["file"].value()):
        raise InputError(
            f"The output has no %V, but there are {len(chosen)} views; "
            "put %V into it, or name one view under Advanced."
        )
    if results.VIEW in str(node["file"].value()) and node["on_error"].value() == "plate":
        raise InputError(
            "Missing frames cannot be 'plate' where the output has a %V; choose another value."
        )
    return chosen


def chosen_views(node: nuke.Group) -> Tuple[str, ...]:
    """The views that the node names, else all of the script. InputError for one that it has not."""
    known = nuke.views()
    chosen = tuple(str(node["views"].value()).replace(",", " ").split()) or tuple(known)
    for view in chosen:
        if view not in known:
            raise InputError(f"The script has no view '{view}', only {', '.join(known)}.")
    return chosen


def whole_range(node: nuke.Group) -> List[int]:
    """The frames of Matte range. InputError when there are none."""
    first, last = int(node["first"].value()), int(node["last"].value())
    if last < first:
        raise InputError(f"The frame range ends at {last}, before it starts at {first}.")
    return list(range(first, last + 1))
