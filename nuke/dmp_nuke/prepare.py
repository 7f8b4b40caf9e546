"""From a node's knobs and inputs to jobs for the engine, one a view. For GUI and terminal."""

from __future__ import annotations

import os
import shutil
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import Dict, List, Sequence, Tuple

import nuke

from dmp_matting.hosts import Frame, InputError, Job, Resolved, SettingsError

from . import knobs, render, results


@dataclass(frozen=True)
class Part:
    """One view's job and its EXRs."""

    view: str
    job: Job
    outputs: Dict[int, str]


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
        plates = render.render_plates(node, frames, views, folder, space)
    except BaseException:
        shutil.rmtree(folder, ignore_errors=True)
        raise
    parts = tuple(_part(view, plates[view], chosen, files) for view in views)
    return Work(parts, files, views, folder)


def _part(view: str, frames: Tuple[Frame, ...], chosen: Resolved, files: results.Sequence) -> Part:
    outputs = {frame.number: files.path(frame.number, view) for frame in frames}
    return Part(view, Job(frames, *chosen), outputs)


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
