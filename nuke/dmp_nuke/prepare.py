"""From a node's knobs and inputs to jobs for the engine, one a view. For GUI and terminal."""

from __future__ import annotations

import bisect
import functools
import shutil
from dataclasses import dataclass
from typing import Dict, Iterator, List, Optional, Sequence, Set, Tuple

import nuke

from dmp_matting.hosts import (
    REACH,
    FileStates,
    Frame,
    InputError,
    Job,
    Resolved,
    Settings,
    SettingsError,
    frames_needed,
    window_numbers,
)

from . import colour, knobs, output, render, results, temporary
from .sources import Sources


@dataclass(frozen=True)
class Part:
    """One view's job, its EXRs, the rendered plates by their names in the job, and their states."""

    view: str
    job: Job
    outputs: Dict[int, str]
    files: Dict[str, str]
    states: FileStates
    ocio: Optional[str]  # the script's configuration; None: that of $OCIO


class Work:
    """The jobs of one press of Matte: first the inputs are rendered, then they are solved.

    Checks everything that can be checked. The neighbours of ``frames`` are rendered as well and
    sent as context, so that a frame comes out the same whether it is solved alone or with the whole
    range. Raises InputError and its kin, OutputError: each a sentence for the artist.

    parts     the jobs, one a view; () until everything is rendered
    folder    of the plates; removed when the work has ended
    """

    def __init__(self, node: nuke.Group, frames: Sequence[int]) -> None:
        knobs.follow_range(node)
        self._node, self._wanted = node, list(frames)
        self._chosen = knobs.settings_of(node, frames)
        space = knobs.colour_space(node)
        if not space:
            raise SettingsError(
                "Name the plates' colour space beside Colour, or choose another one."
            )
        self._ocio = colour.configuration() if knobs.keeps_space(node) else None
        knobs.number_as_printf(node)
        self.files, self.views = output.sequence(node), wanted_views(node)
        self.shared_views = shared_views(node)  # a warning, or ""
        results.check_alone(node, self.files)
        render.check_inputs(node)
        output.ready_folders(self.files, self.views)
        self._sources = Sources(node)
        whole = Windows(node, self.views, self._sources, self._chosen).needed(frames)
        self._states = self._sources.states()
        self._named: Dict[str, List[Frame]] = {}  # the frames as the jobs name their plates
        for view in self.views:
            self._named[view] = [self._sources.frame(number, view, space) for number in whole]
            for frame in self._named[view]:
                self._states.look(frame)  # before it is rendered: what comes later is another file
        self.parts: Tuple[Part, ...] = ()
        self.frames = len(self.views) * len(frames)
        self.folder = temporary.new_folder()
        try:
            self._plates = render.Plates(node, whole, self.views, self.folder, space, self._sources)
        except BaseException:
            self.clean()
            raise
        self.to_render = self._plates.count

    def render(self, by_frame: bool) -> Iterator[int]:
        """Render what has to be, and make ``parts``; yields how many frames are done.

        By frame: Nuke may do other things between two steps. PlateError, CancelledError, and
        InputError when the nodes above were changed meanwhile.
        """
        done = 0
        for frames in self._plates.render(by_frame):
            done += frames
            yield done
        if done and Sources(self._node).digests() != self._sources.digests():
            raise InputError(
                f"The nodes above {self._node.name()} were changed while its inputs were "
                "rendered; press Matte again."
            )
        self.parts = tuple(
            self._part(view, rendered) for view, rendered in self._plates.by_view().items()
        )

    def _part(self, view: str, rendered: Sequence[Frame]) -> Part:
        own: Dict[str, str] = {}
        for frame, named in zip(rendered, self._named[view]):
            for plate, name in zip(frame.plates, named.plates):
                if plate.path != name.path:
                    own.setdefault(name.path, plate.path)
        solved = tuple(frame for frame in self._named[view] if frame.number in self._wanted)
        context = tuple(frame for frame in self._named[view] if frame.number not in self._wanted)
        outputs = {frame.number: self.files.path(frame.number, view) for frame in solved}
        job = Job(solved, *self._chosen, context)
        return Part(view, job, outputs, own, self._states, self._ocio)

    def clean(self) -> None:
        """Remove the plates. Never fails: a leftover stays in the temporary folder."""
        shutil.rmtree(self.folder, ignore_errors=True)


class Windows:
    """Which frames a frame is solved with, by the engine's own rule.

    In the node's range, and beyond it as far as the inputs go: a shorter range makes no frame
    worse. A frame of which a file is missing is nobody's neighbour.
    """

    def __init__(
        self, node: nuke.Group, views: Sequence[str], sources: Sources, chosen: Resolved
    ) -> None:
        self._ways = [one for one in chosen if one is not None]
        self._numbers = sorted({*knobs.own_range(node), *sources.common_range()})
        self._is_there = functools.lru_cache(maxsize=None)(
            lambda number: sources.is_there(number, views)
        )

    def under(self, settings: Settings, number: int) -> Tuple[int, ...]:
        """The frames that a frame is solved with under ``settings``; none where it is alone."""
        near = self._near([number], [settings])
        return window_numbers(number, sorted({*near, number}), settings)

    def needed(self, frames: Sequence[int]) -> Tuple[int, ...]:
        """``frames`` and everything that they are solved with, in order."""
        return frames_needed(frames, self._near(frames, self._ways), self._ways)

    def _near(self, frames: Sequence[int], ways: Sequence[Settings]) -> Set[int]:
        """The frames with plates that may count for ``frames``: no others are looked for on disk.

        The paper's blocks are counted from the first frame on: there all of the shot counts.
        """
        kinds = {one.temporal for one in ways}
        if kinds == {"off"}:
            return set()
        found: Set[int] = set(self._numbers) if "paper" in kinds else set()
        for number in frames:
            first = bisect.bisect_left(self._numbers, number - REACH)
            found.update(self._numbers[first : bisect.bisect_right(self._numbers, number + REACH)])
        return set(filter(self._is_there, found))


def wanted_views(node: nuke.Group) -> Tuple[str, ...]:
    """The views to solve. InputError for one that the script has not, or without a %V."""
    chosen, text = chosen_views(node), str(node["file"].value())
    has_view = output.VIEW in text or output.SHORT_VIEW in text
    letters = {view[:1] for view in chosen}
    if output.VIEW not in text and has_view and len(letters) < len(chosen):
        raise InputError(
            "The output has a %v, which is the first letter of the view, but several views begin "
            "with one letter; put %V into it."
        )
    if len(chosen) > 1 and not has_view:
        raise InputError(
            f"The output has no %V, but there are {len(chosen)} views; "
            "put %V into it, or name one view under Plates."
        )
    if has_view and node["on_error"].value() == "plate":
        raise InputError(
            "Missing frames cannot be 'plate' where the output has a %V; choose another value."
        )
    if node["on_error"].value() == "plate" and output.sequence(node).has_other_percent():
        raise InputError(
            "Missing frames cannot be 'plate' where the output has another % than that of the "
            "frame number; choose another value."
        )
    if node["on_error"].value() == "plate" and output.is_filtered(node):
        raise InputError(
            "Missing frames cannot be 'plate' where a filename filter changes the output; choose "
            "another value."
        )
    return chosen


def shared_views(node: nuke.Group) -> str:
    """A sentence where other views of the script show what a view of the node has; else ""."""
    files, chosen = output.sequence(node), chosen_views(node)
    own = {files.of_view(view): view for view in chosen}
    others = [one for one in nuke.views() if one not in chosen and files.of_view(one) in own]
    if not others:
        return ""
    return (
        f"The output has no place for each view, so {', '.join(others)} shows the matte of "
        f"{own[files.of_view(others[0])]}; put %V into it."
    )


def chosen_views(node: nuke.Group) -> Tuple[str, ...]:
    """The views that the node names, else all of the script. InputError for one that it has not."""
    known = nuke.views()
    chosen = output.named_views(node)
    for view in chosen:
        if view not in known:
            raise InputError(f"The script has no view '{view}', only {', '.join(known)}.")
    return chosen
