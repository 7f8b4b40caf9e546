"""One job from the button to the nodes, step by step; at most one at a time.

``Session.steps`` is a generator of Status: a modal operator takes the next on its timer, a
background operator drains it. Closing it ends the job. Between two steps the artist may undo,
rename or delete anything, so datablocks are found anew each time.
"""

from __future__ import annotations

import os
import shutil
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from typing import Any, Callable, Dict, Iterator, List, NamedTuple, Optional, Sequence, Tuple

import bpy

from . import place, plates, preview, results, subject, temporary
from .chosen import engine_python, preferences
from .core import dmp
from .datablocks import Reference
from .files import spans
from .properties import settings_of

PREPARING = 0.1  # share of the bar for rendering plates, where some are rendered
TO_SOLVE = {  # by the value of scene.dmp.solve
    "ALL": tuple(dmp.FrameStatus),
    "STALE": (dmp.FrameStatus.MISSING, dmp.FrameStatus.STALE),
    "MISSING": (dmp.FrameStatus.MISSING,),
}


@dataclass(frozen=True)
class Status:
    """How far a job is: the fraction of all of it, and a line for the status bar."""

    fraction: float
    text: str


class Question(NamedTuple):
    """What the artist has to decide before a job; ``option`` is the operator's that goes on."""

    sentence: str
    option: str
    label: str


class Work:
    """A scene's inputs, settings and result, as they are now. Raises DmpError."""

    def __init__(self, scene: Any, wanted: Sequence[int]) -> None:
        self.wanted = list(wanted)
        results.check_is_local(scene)
        results.own_node(scene)
        group, chosen = scene.dmp, preferences()
        self.inputs = plates.read_inputs(group)
        self.image = self.inputs[0]
        keep = subject.keep_of(scene, self.image, self.wanted)
        self.settings = settings_of(group, chosen.device or "auto", chosen.threads, keep)
        plate = results.plate_of(scene)
        self.plate = Reference(plate)
        found = results.find_group(scene, plate, self.image.still)
        self.current = results.location(found) if found is not None else None
        self.others = [
            result
            for one in results.all_groups()
            if one != found
            for result in [results.location(one)]
            if result is not None
        ]
        self.shot = plates.shot_of(scene, self.inputs)
        self._in_shot = set(self.shot)
        self._made_of: Dict[str, Tuple[str, ...]] = {}  # the files, by a plate's name in a job
        self._at_first = self.files()
        self.top = place.chosen_folder(scene, bpy.data.filepath)
        self.result = place.choose(
            place.scene_folder(scene, bpy.data.filepath),
            results.plate_stem(plate, self.image.still),
            self.image.still,
            self.current,
            self.others,
            scene.dmp.version,
            lambda result: bool(self.overwritten(result, result.frames())),
        )

    def needed(self, frames: Sequence[int]) -> Tuple[int, ...]:
        """The frames and all that they are solved with."""
        return plates.needed(frames, self.shot, self.settings)

    def overwritten(self, result: place.Result, frames: Sequence[int]) -> str:
        """A sentence where files of other plates would be replaced."""
        name = self.image.job_name
        numbers = {result.path(frame): frame for frame in frames}
        return str(
            dmp.overwrites(
                {path: [name(frame)] for path, frame in numbers.items()},
                is_same=lambda path: self._holds_same(path, numbers[path]),
            )
        )

    def states(
        self, frames: Sequence[int], result: Optional[place.Result] = None
    ) -> Dict[int, Any]:
        """What lies on disk for each frame: FrameStatus, by the rule of the command line."""
        where, on_disk = result or self.result, self.files()
        wanted = [one for one in self.settings if one is not None]
        named = {number: self.frame(number) for number in {*self.shot, *frames}}
        return {
            number: dmp.frame_status(
                where.path(number), named[number], wanted,
                partial(self._window, number, named.__getitem__), on_disk,
            )
            for number in frames
        }  # fmt: skip

    def _window(self, number: int, frame: Callable[[int], Any], settings: Any) -> List[Any]:
        """The frames that one is solved with under such settings."""
        numbers = self.shot if number in self._in_shot else sorted({*self.shot, number})
        return [frame(one) for one in dmp.window_numbers(number, numbers, settings)]

    def _holds_same(self, path: str, number: int) -> bool:
        """Whether an EXR was made from what a frame's plates hold now, whatever their names."""
        window = partial(self._window, number, self.frame)
        return bool(dmp.holds_same(path, self.frame(number), window, self._at_first))

    def frame(self, number: int) -> Any:
        """A frame's plates under the names that the artist knows."""
        named = tuple(one.named(number) for one in self.inputs)
        for one, plate in zip(self.inputs, named):
            self._made_of[plate.path] = one.made_of(number)
        return dmp.Frame(number, named)

    def files(self) -> Any:
        """The files behind the plates of all frames that ``frame`` has given, as they are now."""
        return dmp.FileStates(lambda plate: self._made_of[plate.path])

    def carried(self) -> List[int]:
        """The frames of the current place that move to the new one: those of this plate."""
        old = self.current
        if old is None or old == self.result or old.still != self.result.still:
            return []
        if old.folder.rpartition("_v")[0] == self.result.folder.rpartition("_v")[0]:
            return []  # another version starts empty
        return [frame for frame in old.frames() if self._is_of_this_plate(old.path(frame), frame)]

    def _is_of_this_plate(self, path: str, frame: int) -> bool:
        made = dmp.made_from(dmp.recorded_plates(path).get(dmp.Role.IMAGE, ""))
        # DMP 0.1.0 recorded the temporary file of a plate that it had rendered.
        before = os.path.basename(os.path.dirname(made)).startswith(temporary.PREFIX)
        is_own = before or made == dmp.made_from(self.image.job_name(frame))
        return is_own or self._holds_same(path, frame)


@contextmanager
def under_way(job: Any, kind: str = temporary.PLATES) -> Iterator[str]:
    """Make ``job`` the one that runs; with a temporary folder for its plates. OutputError.

    Whatever ends it: no job runs then, and the folder is removed.
    """
    Session.current = job
    try:
        folder = temporary.make(kind)
        try:
            yield folder
        finally:
            shutil.rmtree(folder, ignore_errors=True)
    finally:
        Session.current = None


class Session:
    """The job of one press of the button.

    scene    the scene with the inputs
    frames   scene frames to solve, in order
    only     which of them, by what lies on disk: a key of TO_SOLVE
    Raises DmpError from the start, or from its steps.
    """

    current: Optional[Any] = None  # the job that runs: a Session, or a twin of it

    def __init__(self, scene: Any, frames: Sequence[int], only: str = "ALL") -> None:
        self._scene = Reference(scene)
        self._python = engine_python()
        self._work = Work(scene, [scene.frame_current, *frames])
        # A still has one matte, which serves all frames.
        self._frames = [scene.frame_current] if self._work.image.still else list(frames)
        self._wanted = list(self._frames)
        self._carried = self._work.carried()
        if only != "ALL" and not self._work.image.still:
            self._frames = self._to_solve(only)
        self.finished: List[int] = []
        self.warnings: List[str] = []
        self.is_new = False  # whether ``show`` has made a node
        self.note = ""  # what was done to the plates of the first frame where anything was
        self._task: Optional[Any] = None

    @property
    def scene(self) -> Optional[Any]:
        """The scene as it is called now; None when it is gone."""
        return self._scene.find()

    @property
    def job_id(self) -> str:
        """The engine's name for the job; "" until it has one."""
        return self._task.job_id if self._task is not None else ""

    @property
    def result(self) -> place.Result:
        return self._work.result

    def _to_solve(self, only: str) -> List[int]:
        states = self._states(self._frames)
        return [frame for frame in self._frames if states[frame] in TO_SOLVE[only]]

    def _states(self, frames: Sequence[int]) -> Dict[int, Any]:
        """What lies on disk for each frame; of one that is yet to be carried, where it lies now."""
        result = self._work.result
        there = set(self._carried).difference(result.frames())
        states = self._work.states([one for one in frames if one not in there])
        if self._work.current is not None:
            late = [one for one in frames if one in there]
            states.update(self._work.states(late, self._work.current))
        return {frame: states[frame] for frame in frames}

    def questions(self) -> List[Question]:
        """What has to be decided first: files of other plates, frames without a plate."""
        found = []
        overwritten = self._work.overwritten(self.result, self._frames)
        if overwritten:
            label = "Overwrite them"
            found.append(Question(overwritten, "overwrite", label))
        there = plates.frames_of(self._work.inputs, self._frames)
        lost = [frame for frame in self._frames if frame not in there]
        if lost and there:
            first = plates.why_not(self._work.inputs, lost[0])
            others = f" There are {len(lost)} such frames: {spans(lost)}." if lost[1:] else ""
            label = "Leave them out and solve the others"
            found.append(Question(first + others, "skip_missing", label))
        return found

    def leave_out_missing(self) -> None:
        """Solve the frames that have all their plates."""
        self._frames = plates.frames_of(self._work.inputs, self._frames)

    def steps(self) -> Iterator[Status]:
        """Status after Status until the nodes show the result; close it to end the job."""
        with under_way(self) as folder:
            yield from self._solve(folder)

    def _solve(self, folder: str) -> Iterator[Status]:
        try:
            place.make_folder(self.result, self._work.top)
            if self._carried and self._work.current is not None:
                place.carry(self._work.current, self.result, self._carried, self._work.top)
            rendered = any(one.socket is not None for one in self._work.inputs)
            share = PREPARING if rendered else 0.0
            solved = set(self._frames)
            files: Dict[str, str] = {}
            found: Dict[bool, List[Any]] = {True: [], False: []}
            needed = self._work.needed(self._frames) if self._frames else ()
            states = self._work.files()
            for frame in needed:  # before they are rendered: what comes later is another file
                states.look(self._work.frame(frame))
            for index, frame in enumerate(self._frames if self._work.image.still else needed):
                if rendered:
                    yield Status(share * index / len(needed), f"Frame {frame}: plates")
                named = self._work.frame(frame)
                for one, plate in zip(self._work.inputs, named.plates):
                    path = one.plate(frame, folder).path
                    if path != plate.path:
                        files[plate.path] = path
                found[frame in solved].append(named)
            if self._frames:
                task = self._task = dmp.BackgroundJob(
                    dmp.Job(tuple(found[True]), *self._work.settings, tuple(found[False])),
                    {frame: self.result.path(frame) for frame in self._frames},
                    preview=os.path.join(folder, "preview.png"),
                    files=files,
                    states=states,
                    connect=partial(dmp.ensure_engine, python=self._python),
                )
                status = Status(share, "Waiting for the engine")
                while not task.done:
                    for event in task.poll():
                        status = self._handle(event, status, share)
                    yield status
                task.result()
        finally:
            if self._task is not None and not self._task.done:
                self._task.cancel()
            place.remove_if_empty(self.result, self._work.top)

    def show(self) -> Optional[Any]:
        """Put what there is into the scene's compositor; the group node, or None."""
        scene, plate = self.scene, self._work.plate.find()
        if scene is None or plate is None or not self.result.frames():
            return None
        node, self.is_new = results.show(scene, plate, self.result)
        return node

    def summary(self) -> str:
        """Which of the wanted frames are solved, stale or missing now; "" where that is unknown."""
        try:
            states = self._states(self._wanted)
        except dmp.DmpError:
            return ""
        counts = {state: [n for n in states if states[n] is state] for state in dmp.FrameStatus}
        parts = [f"{spans(frames)} {state.value}" for state, frames in counts.items() if frames]
        return "; ".join(parts)

    def _handle(self, event: Any, status: Status, share: float) -> Status:
        if isinstance(event, dmp.Notice):
            return Status(status.fraction, str(event))
        if isinstance(event, dmp.Layers):
            self.finished.append(event.frame)
            self.warnings += [one for one in event.warnings if one not in self.warnings]
            self.note = self.note or " ".join(event.notes)
            return status
        if event.preview is not None:
            preview.update(event.preview)
        done = (len(self.finished) + event.fraction) / len(self._frames)
        left = f", {event.eta:.0f} s left" if event.eta is not None else ""
        count = f" ({len(self.finished) + 1} of {len(self._frames)})"
        which = f"Frame {event.frame}{count if len(self._frames) > 1 else ''}"
        return Status(share + (1 - share) * done, f"{which}: {event.stage.called}{left}")
