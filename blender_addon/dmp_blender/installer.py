"""The button *Install Engine*: asks once, installs on a thread, shows how far it is.

engine.py draws it into its line; every decision is made in dmp_matting (client/install).
"""

from __future__ import annotations

import textwrap
from pathlib import Path
from typing import Any, Optional

import bpy

from .chosen import preferences, whole_path
from .core import dmp

OFFLINE = (
    "Blender may not go online: tick Preferences > System > Allow Online Access, or name a folder "
    "of wheels."
)


class _Running:
    """The installation of this session, if one is under way."""

    task: Optional[Any] = None
    sentence = ""
    fraction = 0.0
    worked = False  # how the last one ended


def poll() -> Optional[str]:
    """Take what has happened; a sentence when it has ended, "" when something is new, else None."""
    task = _Running.task
    if task is None:
        return None
    steps = task.poll()
    for step in steps:
        _Running.sentence, _Running.fraction = step.sentence, step.fraction
    if not task.done:
        return "" if steps else None
    _Running.task, _Running.worked = None, False
    try:
        done = task.result()
    except dmp.DmpError as error:
        return str(error)
    _Running.worked = True
    if preferences().engine_python:  # it comes before the configuration
        preferences().engine_python = ""
        bpy.context.preferences.is_dirty = True
    return " ".join(["The engine is installed and has made its first matte.", *done.notes])


def runs() -> bool:
    return _Running.task is not None


def worked() -> bool:
    """Whether the last installation came to its end."""
    return _Running.worked


def title() -> str:
    """How far the installation is, for a narrow panel."""
    return f"Installing: {_Running.fraction:.0%}"


def sentence() -> str:
    """What the installation does now."""
    return _Running.sentence


def _request(folder: Optional[Path]) -> Any:
    return dmp.InstallRequest(source=folder, way=dmp.BUTTON_WITH_FOLDER)


class DMP_OT_install_engine(bpy.types.Operator):
    """Install the engine for all programs of yours, or update it"""

    bl_idname = "dmp.install_engine"
    bl_label = "Install Engine"
    bl_options = {"INTERNAL"}
    __annotations__ = {
        "folder": bpy.props.StringProperty(
            name="Folder of Wheels",
            subtype="DIR_PATH",
            options={"SKIP_SAVE"},
            description="Only without network: what `dmp package wheels` made. Else leave it empty",
        )
    }

    def invoke(self, context: Any, event: Any) -> Any:
        if _Running.task is not None:
            return {"CANCELLED"}
        try:
            self.sentence = dmp.plan_installation(_request(None)).sentence
        except dmp.DmpError as error:
            self.report({"ERROR"}, str(error))
            return {"CANCELLED"}
        return context.window_manager.invoke_props_dialog(self, width=440)

    def draw(self, context: Any) -> None:
        column = self.layout.column(align=True)
        sentence = self.sentence if _may_go_online() else OFFLINE
        for line in textwrap.wrap(sentence, 72, break_on_hyphens=False):
            column.label(text=line)
        self.layout.prop(self, "folder")

    def execute(self, context: Any) -> Any:
        folder = Path(whole_path(self.folder)) if self.folder else None
        if folder is None and not _may_go_online():
            self.report({"ERROR"}, OFFLINE)
            return {"CANCELLED"}
        try:
            plan = dmp.plan_installation(_request(folder))
        except dmp.DmpError as error:
            self.report({"ERROR"}, str(error))
            return {"CANCELLED"}
        _Running.sentence, _Running.fraction = "Starting", 0.0
        _Running.task = dmp.BackgroundInstallation(plan)
        if bpy.app.background:
            _Running.task.wait()
            sentence, worked = poll() or "", _Running.worked
            self.report({"INFO" if worked else "ERROR"}, sentence)
            return {"FINISHED" if worked else "CANCELLED"}
        return {"FINISHED"}


class DMP_OT_cancel_install(bpy.types.Operator):
    """End the installation; nothing of it is kept"""

    bl_idname = "dmp.cancel_install"
    bl_label = "Cancel the Installation"
    bl_options = {"INTERNAL"}

    def execute(self, context: Any) -> Any:
        if _Running.task is not None:
            _Running.task.cancel()
        return {"FINISHED"}


def _may_go_online() -> bool:
    """Blender 4.2 and newer have a preference for it."""
    return bool(getattr(bpy.app, "online_access", True))


CLASSES = (DMP_OT_install_engine, DMP_OT_cancel_install)


def register() -> None:
    for one in CLASSES:
        bpy.utils.register_class(one)


def unregister() -> None:
    task, _Running.task = _Running.task, None
    if task is not None:
        task.cancel()
        task.wait(5.0)
    for one in reversed(CLASSES):
        bpy.utils.unregister_class(one)
