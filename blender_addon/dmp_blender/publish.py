"""The Publish button: the facility's pyblish window where there is one, else a publish that is
watched as a matte is. What failed stays in the panel, each failure with the repairs that it offers.
"""

from __future__ import annotations

import atexit
import shutil
from typing import Any, Dict, Iterator, List, Optional, Tuple

import bpy

from . import collect, plates, temporary
from .chosen import engine_python
from .core import dmp
from .datablocks import Reference
from .operators import Matte
from .run import bugs_reported, is_busy
from .session import Status, under_way

SEPARATOR = "\n"  # between check, shot and label in the operator's property
COLLECTED = 0.1  # share of the bar for rendering plates


class Outcome:
    """The last publish, for the panel: of which .blend and scene, what failed, what is repaired."""

    place: Tuple[str, str] = ("", "")
    failures: Tuple[Any, ...] = ()
    repairs: List[Tuple[str, str, str]] = []

    @classmethod
    def of(cls, scene: Any) -> Tuple[Any, ...]:
        """The failures of this scene's last publish."""
        return cls.failures if cls.place == _place(scene) else ()


def _place(scene: Any) -> Tuple[str, str]:
    return (bpy.data.filepath, scene.name)


class Publication:
    """One press of Publish, step by step; the twin of Session.

    Raises DmpError from its steps.
    """

    job_id = ""  # its jobs are another process's

    def __init__(self, scene: Any, repairs: List[Tuple[str, str, str]]) -> None:
        self._scene, self._frames = Reference(scene), plates.range_of(scene)
        self._repairs = repairs
        self._python = engine_python()
        self.report: Optional[Any] = None

    def steps(self) -> Iterator[Status]:
        """Status after Status until the report is there; close it to end the publish."""
        with under_way(self, temporary.PUBLISH) as folder:
            scene = self._scene.find()
            if scene is None:
                raise dmp.InputError("The scene to publish is gone.")
            gathering = collect.collect(scene, self._frames, folder)
            request = yield from dmp.mapped(gathering, _first_part)
            for repair in self._repairs:
                request = request.repaired(*repair)
            yield from self._publish(dmp.BackgroundPublish(request, python=self._python))

    def _publish(self, task: Any) -> Iterator[Status]:
        try:
            status = Status(COLLECTED, "Checking the plates")
            while not task.done:
                for event in task.poll():
                    status = Status(COLLECTED + (1 - COLLECTED) * event.fraction, event.text)
                yield status
            self.report = task.result()
        finally:
            if not task.done:
                task.cancel()
                task.wait(5.0)


def _first_part(status: Status) -> Status:
    """A status of the collector, in the first part of the bar."""
    return Status(COLLECTED * status.fraction, status.text)


class DMP_OT_publish(Matte):
    """Check the plates, matte the scene's frame range, check the mattes, publish all or nothing"""

    bl_idname = "dmp.publish"
    bl_label = "Publish"
    bl_options = set()
    __annotations__ = {"repair": bpy.props.StringProperty(options={"HIDDEN", "SKIP_SAVE"})}

    def invoke(self, context: Any, event: Any) -> Any:
        try:
            with bugs_reported():
                if not (bpy.app.background or is_busy()) and _open_window(context.scene):
                    return {"FINISHED"}
        except dmp.DmpError as error:
            self.report({"ERROR"}, str(error))
            return {"CANCELLED"}
        return super().invoke(context, event)

    def begin(self, context: Any) -> Publication:
        repairs: List[Tuple[str, str, str]] = []
        if self.repair:
            check, shot, label = self.repair.split(SEPARATOR)
            repairs = [*Outcome.repairs, (check, shot, label)]
        Outcome.place, Outcome.failures, Outcome.repairs = _place(context.scene), (), repairs
        return Publication(context.scene, repairs)

    def _end(self, context: Any, session: Any, error: Optional[Any]) -> Any:
        if error is not None:
            kind = "WARNING" if isinstance(error, dmp.CancelledError) else "ERROR"
            self.report({kind}, str(error))
            return {"CANCELLED"}
        report = session.report
        Outcome.failures = report.failures
        for warning in report.warnings:
            self.report({"WARNING"}, warning)
        for folder in report.published.values():
            self.report({"INFO"}, f"Published {folder}.")
        for failure in report.failures:
            self.report({"ERROR"}, str(failure))
        return {"CANCELLED"} if report.failures else {"FINISHED"}


_window_plates: Dict[str, str] = {}  # the folder of what was rendered for a pyblish window


def _open_window(scene: Any) -> bool:
    """Show the pyblish window of the facility; it collects each time that it is reset."""

    def gather() -> Any:
        _forget()
        _window_plates["folder"] = temporary.make(temporary.PUBLISH)
        now = bpy.context.scene
        return dmp.finish(collect.collect(now, plates.range_of(now), _window_plates["folder"]))

    return bool(dmp.open_publish_window(gather, engine_python()))


@atexit.register
def _forget() -> None:
    shutil.rmtree(_window_plates.pop("folder", ""), ignore_errors=True)


def register() -> None:
    bpy.utils.register_class(DMP_OT_publish)


def unregister() -> None:
    bpy.utils.unregister_class(DMP_OT_publish)
