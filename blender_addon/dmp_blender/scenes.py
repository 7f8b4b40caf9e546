"""A queue over scenes: the frame range of each scene with a plate and a clean plate, in turn.

A scene that fails keeps none of the others from being solved: what kept it is reported at the end.
"""

from __future__ import annotations

from typing import Any, Dict, Iterator, List, Tuple

import bpy

from . import plates
from .core import dmp
from .datablocks import Reference
from .files import spans
from .operators import CHOICES, Matte, show_result
from .run import watched
from .session import Session, Status


def ready() -> List[Any]:
    """The scenes that have both plates chosen."""
    return [
        one
        for one in bpy.data.scenes
        if _is_chosen(one.dmp.plate) and (one.dmp.plate.kind == "NODE" or _is_chosen(one.dmp.clean))
    ]


def _is_chosen(row: Any) -> bool:
    name = {"CLIP": "clip", "NODE": "group"}.get(row.kind, "image")
    return getattr(row, name) is not None


class Queue:
    """One press of Matte All Scenes, step by step; a Session for each scene.

    Raises CancelledError from its steps; every other DmpError is kept in ``failed``.
    """

    def __init__(self, scenes: List[Any], overwrite: bool, skip_missing: bool) -> None:
        self._scenes = [Reference(one) for one in scenes]
        self._overwrite, self._skip_missing = overwrite, skip_missing
        self.done: List[Tuple[str, str]] = []  # the scene's name, and which frames were solved
        self.failed: List[Tuple[str, str]] = []  # the scene's name, and why
        self.warnings: List[str] = []

    def steps(self) -> Iterator[Status]:
        """Status after Status until every scene has had its turn; close it to end the queue."""
        for index, chosen in enumerate(self._scenes):
            scene = chosen.find()
            if scene is None:
                continue  # the artist has deleted it
            name = scene.name
            try:
                session = self._begin(scene)
                steps = watched(session.steps())
                try:
                    for status in steps:
                        share = (index + status.fraction) / len(self._scenes)
                        yield Status(share, f"Scene {name}: {status.text}")
                finally:  # also when the queue is ended: what is finished is shown
                    steps.close()
                    self._show(name, session)
            except dmp.CancelledError:
                raise
            except dmp.DmpError as error:
                self.failed.append((name, str(error)))
            else:
                frames = (
                    "its still" if session.result.still else f"frames {spans(session.finished)}"
                )
                self.done.append((name, frames if session.finished else "nothing to solve"))

    def failures(self) -> str:
        """Why scenes failed, each reason once."""
        scenes: Dict[str, List[str]] = {}
        for name, why in self.failed:
            scenes.setdefault(why, []).append(name)
        return " ".join(
            f"{'Scene' if len(names) == 1 else 'Scenes'} {', '.join(names)}: {why}"
            for why, names in scenes.items()
        )

    def _begin(self, scene: Any) -> Session:
        session = Session(scene, plates.range_of(scene), scene.dmp.solve)
        if self._skip_missing:
            session.leave_out_missing()
        for question in session.questions():
            if not (question.option == "overwrite" and self._overwrite):
                raise dmp.InputError(f"{question.sentence} Matte this scene by itself to decide.")
        return session

    def _show(self, name: str, session: Session) -> None:
        """Put what is finished into the scene's compositor, as after a matte of it alone."""
        self.warnings += [one for one in session.warnings if one not in self.warnings]
        _, error = show_result(session)
        if error is not None:
            self.failed.append((name, str(error)))


class DMP_OT_matte_scenes(Matte):
    """Solve the frame range of every scene that has a plate and a clean plate, one after another"""

    bl_idname = "dmp.matte_scenes"
    bl_label = "Matte All Scenes"
    __annotations__ = CHOICES

    def begin(self, context: Any) -> Queue:
        scenes = ready()
        if not scenes:
            raise dmp.InputError("No scene has a plate and a clean plate; choose them first.")
        return Queue(scenes, self.overwrite, self.skip_missing)

    def _end(self, context: Any, queue: Queue, error: Any) -> Any:
        for name, frames in queue.done:
            self.report({"INFO"}, f"Scene {name}: {frames}.")
        for warning in queue.warnings:
            self.report({"WARNING"}, warning)
        if error is not None:
            self.report({"WARNING"}, f"{error} Finished frames are kept.")
            return {"CANCELLED"}
        if queue.failed:
            self.report({"ERROR"}, queue.failures())
            return {"CANCELLED"}
        return {"FINISHED"}


def register() -> None:
    bpy.utils.register_class(DMP_OT_matte_scenes)


def unregister() -> None:
    bpy.utils.unregister_class(DMP_OT_matte_scenes)
