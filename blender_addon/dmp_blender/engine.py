"""The engine's state in the panel, and the button for what can be done about it.

A query uses a socket, so a thread does it, and only while a panel is drawn that shows the answer.
A timer takes the answer on the main thread and redraws the panels when it has changed.
"""

from __future__ import annotations

import textwrap
import threading
import time
from typing import Any, Callable, List, Optional

import bpy

from . import installer
from .chosen import preferences
from .core import dmp
from .session import Session

EVERY = 2.0  # seconds between two queries
TICK = 0.5
READING = 20.0  # for a sentence about what went wrong
SHOWN_IN = ("NODE_EDITOR", "IMAGE_EDITOR", "PREFERENCES")
ICONS = {
    "missing": "ERROR",
    "stopped": "PAUSE",
    "starting": "SORTTIME",
    "ready": "CHECKMARK",
    "busy": "TIME",
    "broken": "ERROR",
}


class _Watch:
    """The latest answer, and the thread that fetches the next."""

    state: Optional[Any] = None
    note = ""  # of the button's work: what went wrong
    noted = 0.0
    queried = 0.0
    drawn = 0.0
    thread: Optional[threading.Thread] = None
    changed = False


def needs_help() -> bool:
    """Whether the artist has to do something before a matte can be made."""
    state = _Watch.state
    bad = (dmp.EngineStatus.MISSING, dmp.EngineStatus.BROKEN)
    return bool(_Watch.note) or (state is not None and state.status in bad)


def draw_state(layout: Any, context: Any) -> None:
    """One line with the state, and the button that fits it."""
    _Watch.drawn = time.monotonic()
    if not bpy.app.background and not bpy.app.timers.is_registered(_tick):
        bpy.app.timers.register(_tick, first_interval=0.01)
    box = layout.box().column(align=True)
    if installer.draw_running(box):
        return
    state = _Watch.state
    if state is None:
        box.label(text="Finding the engine ...", icon="SORTTIME")
        return
    for number, line in enumerate(wrapped(_Watch.note or state.sentence, context)):
        box.label(text=line, icon=ICONS[state.status.value] if not number else "BLANK1")
    place = _queue_place(state)
    if place:
        box.label(text=place, icon="BLANK1")
    if state.status is dmp.EngineStatus.MISSING:
        box.operator("dmp.install_engine", icon="IMPORT")
        box.operator("dmp.choose_engine", icon="FILEBROWSER")
    elif state.status is dmp.EngineStatus.STOPPED:
        box.operator("dmp.start_engine", icon="PLAY")
    elif state.status is dmp.EngineStatus.BROKEN:
        box.operator("dmp.restart_engine", icon="FILE_REFRESH")
    if state.update:
        for line in wrapped(state.update, context):
            box.label(text=line, icon="BLANK1")
        box.operator("dmp.install_engine", text="Update the engine", icon="IMPORT")


def _queue_place(state: Any) -> str:
    """Of this Blender's own job, while others come before it."""
    own = Session.current.job_id if Session.current is not None else ""
    before = [job.get("position") for job in state.jobs if job["id"] == own]
    return f"Your job: {before[0]} before it." if before and before[0] else ""


def wrapped(sentence: str, context: Any) -> List[str]:
    """The lines of a sentence that fit beside an icon and the tabs; Blender does not wrap texts."""
    letters = int((context.region.width / context.preferences.system.ui_scale - 95) / 6.5)
    return textwrap.wrap(sentence, max(letters, 18), break_long_words=False, break_on_hyphens=False)


def _tick() -> Optional[float]:
    """Take the last answer and query again; ends itself when no panel shows it."""
    now = time.monotonic()
    if _Watch.note and now - _Watch.noted > READING:
        _Watch.note, _Watch.changed = "", True
    news = installer.poll()
    if news:
        _Watch.note, _Watch.noted, _Watch.queried = news, now, 0.0
    _Watch.changed = _Watch.changed or news is not None
    if _Watch.changed:
        _Watch.changed = False
        _redraw()
    busy = _Watch.thread is not None and _Watch.thread.is_alive()
    if not busy and now - _Watch.queried > EVERY:
        _in_thread(_query, preferences().engine_python or None)
    if now - _Watch.drawn > 60.0 and not busy and not installer.runs():
        return None
    return TICK


def _in_thread(work: Callable[..., None], *arguments: Any) -> None:
    _Watch.queried = time.monotonic()
    _Watch.thread = threading.Thread(target=work, args=arguments, name="dmp-watch", daemon=True)
    _Watch.thread.start()


def _query(python: Optional[str]) -> None:
    state = dmp.engine_state(python)
    _Watch.changed = _Watch.changed or state != _Watch.state
    _Watch.state = state


def _fix(python: Optional[str], restart: bool, remember: bool) -> None:
    try:
        if remember:
            dmp.choose_engine(python or "")
        if restart:
            dmp.stop_engine(force=True)
        dmp.ensure_engine(python=python)
    except dmp.DmpError as error:
        _Watch.note, _Watch.noted = str(error), time.monotonic()
    _query(python)
    _Watch.changed = True


def _redraw() -> None:
    for window in bpy.context.window_manager.windows:
        for area in window.screen.areas:
            if area.type in SHOWN_IN:
                area.tag_redraw()


class _EngineButton(bpy.types.Operator):
    """Starts the engine on a thread; in the background it waits for it."""

    bl_options = {"INTERNAL"}
    restart = False
    remember = False

    def execute(self, context: Any) -> Any:
        _Watch.note = ""
        python = preferences().engine_python or None
        _in_thread(_fix, python, self.restart, self.remember)
        if bpy.app.background:
            assert _Watch.thread is not None
            _Watch.thread.join()
            if _Watch.note:
                self.report({"ERROR"}, _Watch.note)
                return {"CANCELLED"}
            self.report({"INFO"}, _Watch.state.sentence)
        return {"FINISHED"}


class DMP_OT_start_engine(_EngineButton):
    """Start the engine now, so that the next matte begins at once"""

    bl_idname = "dmp.start_engine"
    bl_label = "Start the Engine"


class DMP_OT_restart_engine(_EngineButton):
    """End the engine that does not answer and start a new one"""

    bl_idname = "dmp.restart_engine"
    bl_label = "Restart the Engine"
    restart = True


class DMP_OT_setup(_EngineButton):
    """Try the engine Python that is set above; when it works, use it in every program"""

    bl_idname = "dmp.setup"
    bl_label = "Try It and Use It Everywhere"
    remember = True


class DMP_OT_choose_engine(bpy.types.Operator):
    """Choose a Python that has the DMP engine, such as the one that your facility installed"""

    bl_idname = "dmp.choose_engine"
    bl_label = "Choose the Engine's Python"
    bl_options = {"INTERNAL"}
    __annotations__ = {"filepath": bpy.props.StringProperty(subtype="FILE_PATH")}

    def invoke(self, context: Any, event: Any) -> Any:
        context.window_manager.fileselect_add(self)
        return {"RUNNING_MODAL"}

    def execute(self, context: Any) -> Any:
        preferences().engine_python = self.filepath
        bpy.context.preferences.is_dirty = True
        _Watch.queried = 0.0
        return bpy.ops.dmp.start_engine()


class DMP_OT_open_log(bpy.types.Operator):
    """Open the engine's log"""

    bl_idname = "dmp.open_log"
    bl_label = "Open the Log"
    bl_options = {"INTERNAL"}

    def execute(self, context: Any) -> Any:
        log = dmp.log_file()
        if not log.exists():
            self.report({"ERROR"}, f"There is no log yet; it will be {log}.")
            return {"CANCELLED"}
        bpy.ops.wm.path_open(filepath=str(log))
        return {"FINISHED"}


CLASSES = (
    DMP_OT_start_engine, DMP_OT_restart_engine, DMP_OT_setup, DMP_OT_choose_engine,
    DMP_OT_open_log,
)  # fmt: skip


def register() -> None:
    for one in CLASSES:
        bpy.utils.register_class(one)


def unregister() -> None:
    if bpy.app.timers.is_registered(_tick):
        bpy.app.timers.unregister(_tick)
    for one in reversed(CLASSES):
        bpy.utils.unregister_class(one)
