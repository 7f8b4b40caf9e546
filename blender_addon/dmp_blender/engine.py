"""The engine's state in the panel, and the button for what can be done about it.

On top of the panel it has two rows in every state, so that no button below them moves when the
state changes by itself; the sentence, whose length varies, is in the part Engine, below all else.

A query uses a socket, so the package's Watcher does it on a thread, and only while a panel is drawn
that shows the answer. A timer takes what threads have found on the main thread and redraws the
panels when anything has changed.
"""

from __future__ import annotations

import textwrap
import time
from functools import partial
from typing import Any, Callable, List, Optional

import bpy

from . import installer
from .chosen import engine_python, preferences, whole_path
from .core import dmp
from .run import Progress
from .session import Session

EVERY = 2.0  # seconds between two queries
TICK = 0.5
UNSEEN = 60.0  # without a panel that shows the state
READING = 20.0  # for a sentence about what went wrong; that of an installation stays
SHOWN_IN = ("NODE_EDITOR", "IMAGE_EDITOR", "PREFERENCES")
TITLES = {  # short, for the narrowest sidebar
    "missing": "No Engine Found",
    "stopped": "Engine Not Running",
    "starting": "Engine Is Starting",
    "ready": "Engine Is Ready",
    "busy": "Engine Is Busy",
    "broken": "Engine Does Not Answer",
}
FAILED = "Installation Failed"
BUTTONS = {  # operator and icon; the other states need none
    "missing": ("dmp.install_engine", "IMPORT"),
    "stopped": ("dmp.start_engine", "PLAY"),
    "broken": ("dmp.restart_engine", "FILE_REFRESH"),
}
ICONS = {
    "missing": "ERROR",
    "stopped": "PAUSE",
    "starting": "SORTTIME",
    "ready": "CHECKMARK",
    "busy": "TIME",
    "broken": "ERROR",
}


class _Watch:
    """The latest state, and what a button has started."""

    watcher = dmp.Watcher(EVERY, previews=False)
    state: Optional[Any] = None
    drawn = 0.0
    at_rest = True  # whether the panel's repairs may be pressed
    note = ""  # of the button's work: what went wrong
    noted = 0.0
    failed = False  # an installation: an artist who comes back later still reads the note
    trying = ""  # the Python that is tried
    task: Optional[Any] = None  # the button's work on a thread
    then: Callable[[], None] = staticmethod(lambda: None)  # on the main thread, when it has worked


def draw_head(layout: Any) -> None:
    """Two rows, whatever the state: what the engine does, and the button that fits it."""
    _watch()
    box = layout.box().column(align=True)
    state = _Watch.state
    if installer.runs():
        box.label(text=installer.title(), icon="IMPORT")
        box.operator("dmp.cancel_install", icon="CANCEL")
        return
    if state is None:
        box.label(text="Finding the Engine ...", icon="SORTTIME")
        box.label(text="")
        return
    status = state.status.value
    row = box.row()
    row.alert = ICONS[status] == "ERROR"
    row.label(text=FAILED if _Watch.failed else TITLES[status], icon=ICONS[status])
    if status in BUTTONS:
        operator, icon = BUTTONS[status]
        box.operator(operator, icon=icon)
    else:
        box.label(text=_queue_place(state) or state.device, icon="BLANK1")


def draw_details(layout: Any, context: Any) -> None:
    """The whole sentence, and the buttons that are seldom wanted; as many rows as it takes."""
    _watch()
    box = layout.box().column(align=True)
    state = _Watch.state
    if installer.runs() or state is None:
        box.label(text=installer.sentence() if installer.runs() else "Finding the engine ...")
        return
    for number, line in enumerate(wrapped(_Watch.note or state.sentence, context)):
        box.label(text=line, icon=ICONS[state.status.value] if not number else "BLANK1")
    if _Watch.note or state.status is dmp.EngineStatus.MISSING:
        box.operator("dmp.choose_engine", icon="FILEBROWSER")
    if state.update:
        for line in wrapped(state.update, context):
            box.label(text=line, icon="BLANK1")
        box.operator("dmp.install_engine", text="Update the Engine", icon="IMPORT")


def _watch() -> None:
    """Look for the state while a panel shows it."""
    _Watch.drawn = time.monotonic()
    if not bpy.app.background and not bpy.app.timers.is_registered(_tick):
        bpy.app.timers.register(_tick, first_interval=0.01)


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
    """Take what the threads have found; ends itself when no panel shows it."""
    now = time.monotonic()
    changed = _Watch.at_rest != Progress.is_at_rest()
    _Watch.at_rest = Progress.is_at_rest()
    over = installer.runs() if _Watch.failed else now - _Watch.noted > READING
    if _Watch.note and over:
        _Watch.note, _Watch.failed, changed = "", False, True
    news = installer.poll()
    if news:
        _take_note(news)
        _Watch.failed = not installer.worked()
    if _Watch.task is not None and _Watch.task.done:
        _end_of_task()
        changed = True
    for state in _Watch.watcher.poll():
        changed = changed or state != _Watch.state
        if _Watch.failed and _Watch.state and state.status is not _Watch.state.status:
            _Watch.note, _Watch.failed = "", False  # another program has installed it, say
        _Watch.state = state
    if changed or news is not None:
        _redraw()
    if now - _Watch.drawn > UNSEEN and _Watch.task is None and not installer.runs():
        _Watch.watcher.stop()
        return None
    _Watch.watcher.python = engine_python()
    _Watch.watcher.start()
    return TICK


def _take_note(sentence: str) -> None:
    _Watch.note, _Watch.noted = sentence, time.monotonic()
    _Watch.watcher.refresh()


def _start_task(work: Callable[[], None], then: Callable[[], None] = lambda: None) -> None:
    """Do a button's work on a thread, and ``then`` on the main thread if nothing was raised."""
    _Watch.note, _Watch.failed, _Watch.then = "", False, then
    _Watch.task = dmp.BackgroundTask(lambda report: work(), "dmp-button")


def _end_of_task() -> None:
    task, _Watch.task, _Watch.trying = _Watch.task, None, ""
    try:
        task.result()
    except dmp.DmpError as error:
        _take_note(str(error))
    else:
        _Watch.then()
        _Watch.watcher.refresh()


def _start(python: Optional[str], restart: bool, remember: bool) -> None:
    if remember:
        dmp.choose_engine(python or "")
    if restart:
        dmp.stop_engine(force=True)
    dmp.ensure_engine(python=python)


def _try(python: str) -> None:
    dmp.try_engine(python)
    dmp.ensure_engine(python=python)


def shown_python() -> str:
    """What the preferences' field shows: the Python that is tried, else the one that is kept."""
    return _Watch.trying or str(preferences().engine_python)


def choose_python(named: str) -> None:
    """Try a Python on a thread, and keep it when it works; "", the usual one, is kept at once."""
    path = whole_path(named)

    def store() -> None:
        preferences().engine_python = path
        bpy.context.preferences.is_dirty = True

    if not path:
        store()
        _Watch.note = ""
        return
    _start_task(partial(_try, path), store)
    _Watch.trying = path


def python_typed(named: str) -> None:
    """Of the preferences' field: as the button, but nothing waits for a report."""
    if _Watch.task is not None:
        _take_note("Another engine is being tried; type the Python again when that is over.")
        return
    choose_python(named)
    _watch()
    if bpy.app.background and _Watch.task is not None:  # no timer will take its end
        _Watch.task.wait()
        _end_of_task()
        if _Watch.note:
            print(f"DMP: {_Watch.note}", flush=True)


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

    @classmethod
    def poll(cls, context: Any) -> bool:
        return _Watch.task is None

    def execute(self, context: Any) -> Any:
        _start_task(partial(_start, engine_python(), self.restart, self.remember))
        return self.finish()

    def finish(self) -> Any:
        """Wait for the task where no timer will take its end."""
        if not bpy.app.background:
            return {"FINISHED"}
        _Watch.task.wait()
        _end_of_task()
        if _Watch.note:
            self.report({"ERROR"}, _Watch.note)
            return {"CANCELLED"}
        self.report({"INFO"}, dmp.engine_state(engine_python()).sentence)
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


class DMP_OT_choose_engine(_EngineButton):
    """Choose a Python that has the DMP engine; it is tried before it is kept"""

    bl_idname = "dmp.choose_engine"
    bl_label = "Choose the Engine's Python"
    __annotations__ = {"filepath": bpy.props.StringProperty(subtype="FILE_PATH")}

    def invoke(self, context: Any, event: Any) -> Any:
        context.window_manager.fileselect_add(self)
        return {"RUNNING_MODAL"}

    def execute(self, context: Any) -> Any:
        if not self.filepath:
            self.report({"ERROR"}, "Choose a Python that has the DMP engine.")
            return {"CANCELLED"}
        choose_python(self.filepath)
        return self.finish()


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
    _Watch.watcher.stop()
    for one in reversed(CLASSES):
        bpy.utils.unregister_class(one)
