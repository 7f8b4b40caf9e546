"""One job from the button to the nodes, step by step; at most one at a time.

``Session.steps`` is a generator of Status: a modal operator takes the next on its timer, a
background operator drains it. Closing it ends the job. Between two steps the artist may undo,
rename or delete anything, so datablocks are found by name each time.
"""

from __future__ import annotations

import os
import shutil
import tempfile
from dataclasses import dataclass
from functools import partial
from typing import Any, Iterator, List, Optional, Sequence

import bpy

from . import plates, preview, results
from .chosen import preferences
from .core import dmp
from .properties import MATTES, settings_of

PREPARING = 0.1  # share of the bar for rendering plates, where some are rendered


@dataclass(frozen=True)
class Status:
    """How far a job is: the fraction of all of it, and a line for the status bar."""

    fraction: float
    text: str


class Session:
    """The job of one press of the button.

    scene    the scene with the inputs
    frames   scene frames to solve, in order
    Raises DmpError from the start, or from its steps.
    """

    current: Optional[Session] = None

    def __init__(self, scene: Any, frames: Sequence[int]) -> None:
        group, chosen = scene.dmp, preferences()
        self._scene = scene.name
        self._settings = settings_of(group, chosen.device or "auto", chosen.threads)
        self._python = chosen.engine_python or None
        image = plates.read_input(group.plate, dmp.Role.IMAGE)
        clean = plates.read_input(group.clean, dmp.Role.CLEAN)
        if image is None:
            raise dmp.InputError("Choose a plate first, the picture with the subject.")
        if clean is None:
            raise dmp.InputError("Choose a clean plate first, the view without the subject.")
        mattes = [
            plates.read_input(row, role, image)
            for row, role in ((getattr(group, role.value), role) for role in MATTES)
        ]
        self._inputs = [image, clean, *(matte for matte in mattes if matte is not None)]
        # A still has one matte, which serves all frames.
        self._frames = [scene.frame_current] if image.still else list(frames)
        self._result = results.result_of(scene, image.name, image.still)
        self.finished: List[int] = []
        self.warnings: List[str] = []
        self.note = ""  # what was done to the plates of the first frame where anything was

    @property
    def result(self) -> results.Result:
        return self._result

    def steps(self) -> Iterator[Status]:
        """Status after Status until the nodes show the result; close it to end the job."""
        Session.current = self
        folder = tempfile.mkdtemp(prefix="dmp-plates-")
        task: Optional[Any] = None
        try:
            found = []
            rendered = any(one.socket is not None for one in self._inputs)
            share = PREPARING if rendered else 0.0
            for index, frame in enumerate(self._frames):
                if rendered:
                    yield Status(share * index / len(self._frames), f"Frame {frame}: plates")
                found.append(
                    dmp.Frame(frame, tuple(one.plate(frame, folder) for one in self._inputs))
                )
            task = dmp.BackgroundJob(
                dmp.Job(tuple(found), *self._settings),
                {frame: self._result.path(frame) for frame in self._frames},
                preview=os.path.join(folder, "preview.png"),
                connect=partial(dmp.ensure_engine, python=self._python),
            )
            status = Status(share, "Waiting for the engine")
            while not task.done:
                for event in task.poll():
                    status = self._handle(event, status, share)
                yield status
            task.result()
        finally:
            Session.current = None
            if task is not None and not task.done:
                task.cancel()
            shutil.rmtree(folder, ignore_errors=True)

    def show(self) -> Optional[Any]:
        """Put what is finished into the scene's compositor; the group node, or None."""
        scene = bpy.data.scenes.get(self._scene)
        if scene is None or not self.finished:
            return None
        return results.show(scene, self._result)

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
