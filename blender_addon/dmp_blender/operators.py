"""The buttons: Matte frame, Matte range, Cancel, Reload, Reveal result, Take selected nodes.

In a window a matte runs modal: its timer takes the session's next step, ESC ends it, and so
does quitting or opening another file. In the background, where timers never run, the same operator
blocks until the result is there: a farm calls ``bpy.ops.dmp.matte_range()``.
"""

from __future__ import annotations

import os
import time
from contextlib import contextmanager
from typing import Any, Iterator, List, Optional

import bpy

from . import preview, results
from .core import dmp
from .files import spans
from .session import Session, Status

TICK = 0.1  # seconds


@contextmanager
def bugs_reported() -> Iterator[None]:
    """An exception that nobody foresaw becomes a DmpError; its traceback goes to the console."""
    try:
        yield
    except dmp.DmpError:
        raise
    except Exception as bug:
        sentence = f"{dmp.as_dmp_error(bug)} The system console has the details."
        raise dmp.DmpError(sentence) from None


def _watched(steps: Iterator[Status]) -> Iterator[Status]:
    with bugs_reported():
        yield from steps


class Matte(bpy.types.Operator):
    """What all operators do that take long; both matte operators differ in their frames only."""

    bl_options = {"REGISTER", "UNDO"}
    _cancel_requested = False  # set by Cancel

    def frames(self, scene: Any) -> List[int]:
        raise NotImplementedError

    @classmethod
    def poll(cls, context: Any) -> bool:
        return Session.current is None

    def execute(self, context: Any) -> Any:
        """Blocks: for scripts and farms."""
        session = self._begin(context)
        if session is None:
            return {"CANCELLED"}
        printed = -1
        try:
            for status in _watched(session.steps()):
                if bpy.app.background and int(status.fraction * 10) > printed:
                    printed = int(status.fraction * 10)
                    print(f"DMP: {status.fraction:4.0%} {status.text}", flush=True)
                time.sleep(TICK / 4)
        except dmp.DmpError as error:
            return self._end(context, session, error)
        return self._end(context, session, None)

    def invoke(self, context: Any, event: Any) -> Any:
        if bpy.app.background:
            return self.execute(context)
        session = self._begin(context)
        if session is None:
            return {"CANCELLED"}
        self._session, self._steps = session, _watched(session.steps())
        Matte._cancel_requested = False
        manager = context.window_manager
        self._timer = manager.event_timer_add(TICK, window=context.window)
        manager.progress_begin(0, 100)
        manager.modal_handler_add(self)
        self._screens = _screens_for_preview(context)
        return {"RUNNING_MODAL"}

    def modal(self, context: Any, event: Any) -> Any:
        if event.type == "ESC" and event.value == "PRESS" or Matte._cancel_requested:
            self._let_go(context)
            return self._end(context, self._session, dmp.CancelledError("Cancelled."))
        if event.type != "TIMER":
            return {"PASS_THROUGH"}
        try:
            if self._advance(context):
                return {"PASS_THROUGH"}
        except dmp.DmpError as error:
            self._let_go(context)
            return self._end(context, self._session, error)
        self._let_go(context)
        return self._end(context, self._session, None)

    def cancel(self, context: Any) -> None:
        """Blender quits or opens another file."""
        self._let_go(context)

    def _begin(self, context: Any) -> Optional[Session]:
        try:
            with bugs_reported():
                return Session(context.scene, self.frames(context.scene))
        except dmp.DmpError as error:
            self.report({"ERROR"}, str(error))
            return None

    def _advance(self, context: Any) -> bool:
        """One step; False when there is none left."""
        status: Optional[Status] = next(self._steps, None)
        if status is None:
            return False
        context.window_manager.progress_update(int(status.fraction * 100))
        context.workspace.status_text_set(
            f"DMP {status.fraction:.0%}   {status.text}   Esc: cancel"
        )
        Progress.show(context, status)
        self._show_preview()
        return True

    def _show_preview(self) -> None:
        image = bpy.data.images.get(preview.NAME)
        if image is None:
            return
        for space in list(self._screens):
            try:
                if space.image != image:
                    space.image = image
            except ReferenceError:  # the editor was closed
                self._screens.remove(space)

    def _let_go(self, context: Any) -> None:
        self._steps.close()
        manager = context.window_manager
        manager.event_timer_remove(self._timer)
        manager.progress_end()
        if context.workspace is not None:
            context.workspace.status_text_set(None)
        Progress.show(context, None)

    def _end(self, context: Any, session: Session, error: Optional[Any]) -> Any:
        """Show what is finished and report how it ended."""
        try:
            with bugs_reported():
                node = session.show()
        except dmp.DmpError as wrong:
            node, error = None, error or wrong
        done = len(session.finished)
        if error is not None:
            kept = f" {done} finished frames are kept in {session.result.folder}." if done else ""
            kind = "WARNING" if isinstance(error, dmp.CancelledError) else "ERROR"
            self.report({kind}, f"{error}{kept}")
            return {"FINISHED"} if node is not None and kind == "WARNING" else {"CANCELLED"}
        for warning in session.warnings:
            self.report({"WARNING"}, warning)
        what = "The matte is" if session.result.still else f"Frames {spans(session.finished)} are"
        self.report({"INFO"}, f"{what} in {session.result.folder}. {session.note}".rstrip())
        return {"FINISHED"}


def _screens_for_preview(context: Any) -> List[Any]:
    """Where the running alpha is shown: the Image Editor with the button, and empty ones."""
    spaces = [
        area.spaces.active
        for window in context.window_manager.windows
        for area in window.screen.areas
        if area.ui_type == "IMAGE_EDITOR"
    ]
    return [one for one in spaces if one == context.space_data or one.image is None]


class Progress:
    """How far the running job is, for the panel."""

    status: Optional[Status] = None

    @classmethod
    def show(cls, context: Any, status: Optional[Status]) -> None:
        if status == cls.status:
            return
        cls.status = status
        percent = 100.0 * status.fraction if status is not None else 0.0
        context.window_manager.dmp_progress = percent
        for window in context.window_manager.windows:
            for area in window.screen.areas:
                if area.type in ("NODE_EDITOR", "IMAGE_EDITOR"):
                    area.tag_redraw()


def range_of(scene: Any) -> List[int]:
    """The scene's frames, or those of its preview range, when that is on."""
    if scene.use_preview_range:
        return list(range(scene.frame_preview_start, scene.frame_preview_end + 1))
    return list(range(scene.frame_start, scene.frame_end + 1))


class DMP_OT_matte_frame(Matte):
    """Solve the current frame: alpha and foreground, from plate and clean plate"""

    bl_idname = "dmp.matte_frame"
    bl_label = "Matte frame"

    def frames(self, scene: Any) -> List[int]:
        return [scene.frame_current]


class DMP_OT_matte_range(Matte):
    """Solve the scene's frame range (its preview range, when that is on)"""

    bl_idname = "dmp.matte_range"
    bl_label = "Matte range"

    def frames(self, scene: Any) -> List[int]:
        return range_of(scene)


class DMP_OT_cancel(bpy.types.Operator):
    """End the running job; finished frames are kept"""

    bl_idname = "dmp.cancel"
    bl_label = "Cancel"
    bl_options = {"INTERNAL"}

    @classmethod
    def poll(cls, context: Any) -> bool:
        return Session.current is not None

    def execute(self, context: Any) -> Any:
        Matte._cancel_requested = True
        return {"FINISHED"}


class DMP_OT_reload(bpy.types.Operator):
    """Load the mattes from disk again, and report which frames are missing"""

    bl_idname = "dmp.reload"
    bl_label = "Reload"
    bl_options = {"REGISTER", "UNDO"}

    def execute(self, context: Any) -> Any:
        shown, gaps = results.refresh(context.scene)
        for gap in gaps:
            self.report({"WARNING"}, gap)
        if not shown:
            self.report({"WARNING"}, "There is no matte in this scene's compositor yet.")
            return {"CANCELLED"}
        if not gaps:
            self.report({"INFO"}, f"{shown} loaded again, no frame is missing.")
        return {"FINISHED"}


class DMP_OT_reveal(bpy.types.Operator):
    """Open the folder with the EXRs"""

    bl_idname = "dmp.reveal"
    bl_label = "Reveal result"
    bl_options = {"INTERNAL"}

    def execute(self, context: Any) -> Any:
        shown = results.results_in(context.scene)
        folder = shown[0].folder if shown else results.output_folder(context.scene)
        if not os.path.isdir(folder):
            self.report({"ERROR"}, f"There is no matte yet; it will be written to {folder}.")
            return {"CANCELLED"}
        bpy.ops.wm.path_open(filepath=folder)
        return {"FINISHED"}


class DMP_OT_take_selected(bpy.types.Operator):
    """Take the active Image or Movie Clip node as the plate, another one as clean plate"""

    bl_idname = "dmp.take_selected"
    bl_label = "Take selected nodes"
    bl_options = {"REGISTER", "UNDO"}

    @classmethod
    def poll(cls, context: Any) -> bool:
        return context.area is not None and context.area.type == "NODE_EDITOR"

    def execute(self, context: Any) -> Any:
        tree = context.space_data.edit_tree
        wanted = ("CompositorNodeImage", "CompositorNodeMovieClip")
        nodes = [n for n in tree.nodes if n.select and n.bl_idname in wanted] if tree else []
        nodes.sort(key=lambda node: node != tree.nodes.active)
        if not nodes:
            self.report({"ERROR"}, "Select the plate's Image node, then the clean plate's too.")
            return {"CANCELLED"}
        group = context.scene.dmp
        for node, row in zip(nodes, (group.plate, group.clean)):
            if node.bl_idname == "CompositorNodeMovieClip":
                row.kind, row.clip = "CLIP", node.clip
            else:
                row.kind, row.image = "IMAGE", node.image
        return {"FINISHED"}


CLASSES = (
    DMP_OT_matte_frame, DMP_OT_matte_range, DMP_OT_cancel, DMP_OT_reload, DMP_OT_reveal,
    DMP_OT_take_selected,
)  # fmt: skip


def register() -> None:
    bpy.types.WindowManager.dmp_progress = bpy.props.FloatProperty(
        name="Progress",
        subtype="PERCENTAGE",
        min=0.0,
        max=100.0,
        precision=0,
        options={"SKIP_SAVE"},
    )
    for one in CLASSES:
        bpy.utils.register_class(one)


def unregister() -> None:
    for one in reversed(CLASSES):
        bpy.utils.unregister_class(one)
    del bpy.types.WindowManager.dmp_progress
