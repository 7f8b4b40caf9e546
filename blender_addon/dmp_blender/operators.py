"""The buttons: Matte Frame, Matte Range, Cancel, Reload, Reveal, Take Selected Nodes.

In a window a matte runs modal: its timer takes the session's next step, ESC ends it, and so does
quitting or opening another file. When its window is closed it goes on in another one. In the
background, where timers never run, the same operator blocks until the result is there: a farm
calls ``bpy.ops.dmp.matte_range()``.
"""

from __future__ import annotations

import functools
import os
import textwrap
import time
from typing import Any, List, Optional, Tuple

import bpy

from . import compat, place, plates, preview, results, view
from .core import dmp
from .datablocks import has_inputs
from .files import spans
from .run import TICK, Run, States, bugs_reported, is_between_windows, is_busy, watched
from .session import Session


def show_result(session: Session) -> Tuple[Optional[Any], Optional[Exception]]:
    """Put what is finished into the compositor of the job's own scene, and its states on the panel.

    The group node, None where there is nothing to show; and a DmpError that kept it from being
    shown. The artist may look at another scene by now.
    """
    node, error, scene = None, None, session.scene
    try:
        with bugs_reported():
            node = session.show()
            if session.is_new and not bpy.app.background:
                view.present(scene, node)
    except dmp.DmpError as wrong:
        error = wrong
    if scene is not None:
        States.keep(scene, session.summary())
    return node, error


class Matte(bpy.types.Operator):
    """What all operators do that take long; both matte operators differ in their frames only.

    None is repeatable (REGISTER): Repeat Last and Adjust Last Operation would run it anew.
    """

    bl_options = {"UNDO"}
    overwrite = skip_missing = True  # of operators that have no such choice

    def begin(self, context: Any) -> Any:
        """The Session, or another with its steps. DmpError."""
        raise NotImplementedError

    @classmethod
    def poll(cls, context: Any) -> bool:
        return not is_busy() or is_between_windows()

    def execute(self, context: Any) -> Any:
        """Blocks in the background, for scripts and farms; in a window as the button."""
        if not bpy.app.background and context.window is not None:
            return self.invoke(context, None)
        try:
            with bugs_reported():
                session = self.begin(context)
                for question in self._questions(session):
                    raise dmp.InputError(f"{question.sentence} {question.option}=True goes on.")
        except dmp.DmpError as error:
            self.report({"ERROR"}, str(error))
            return {"CANCELLED"}
        printed = -1
        try:
            for status in watched(session.steps()):
                if int(status.fraction * 10) > printed:
                    printed = int(status.fraction * 10)
                    print(f"DMP: {status.fraction:4.0%} {status.text}", flush=True)
                time.sleep(TICK / 4)
        except dmp.DmpError as error:
            preview.forget()
            return self._end(context, session, error)
        preview.forget()
        return self._end(context, session, None)

    def invoke(self, context: Any, event: Any) -> Any:
        if bpy.app.background:
            return self.execute(context)
        if Run.current is not None:  # between two windows
            Run.current.enter(context)
            context.window_manager.modal_handler_add(self)
            return {"RUNNING_MODAL"}
        try:
            with bugs_reported():
                session = self.begin(context)
                questions = self._questions(session)
        except dmp.DmpError as error:
            self.report({"ERROR"}, str(error))
            return {"CANCELLED"}
        if questions:
            return self._ask(questions[0])
        Run(context, session)
        context.window_manager.modal_handler_add(self)
        return {"RUNNING_MODAL"}

    def _questions(self, session: Any) -> List[Any]:
        """Those that are open; an answered one is carried out."""
        if self.skip_missing and isinstance(session, Session):
            session.leave_out_missing()
        found = session.questions() if isinstance(session, Session) else []
        return [one for one in found if not getattr(self, one.option)]

    def _ask(self, question: Any) -> Any:
        given = {name: getattr(self, name) for name in ("overwrite", "skip_missing")}
        answer = {**given, question.option: True}
        names = ",".join(name for name, value in answer.items() if value)
        bpy.ops.dmp.ask(
            "INVOKE_DEFAULT", sentence=question.sentence, label=question.label,
            operator=type(self).bl_idname, options=names,
        )  # fmt: skip
        return {"CANCELLED"}

    def modal(self, context: Any, event: Any) -> Any:
        run = Run.current
        if run is None:  # the add-on was disabled
            return {"CANCELLED"}
        escape = event.type == "ESC" and event.value == "PRESS" and not _playing(context)
        if escape or run.cancel_requested:
            run.end()
            return self._end(context, run.session, dmp.CancelledError("Cancelled."))
        if event.type != "TIMER":
            return {"PASS_THROUGH"}
        try:
            if run.advance():
                return {"PASS_THROUGH"}
        except dmp.DmpError as error:
            run.end()
            return self._end(context, run.session, error)
        run.end()
        return self._end(context, run.session, None)

    def cancel(self, context: Any) -> None:
        """Blender quits or opens another file, or it closes this window."""
        if Run.current is None:
            return
        if any(one != context.window for one in context.window_manager.windows):
            Run.current.leave()
            compat.after_drawing(functools.partial(_go_on, type(self).bl_idname))
        else:
            Run.current.end()

    def _end(self, context: Any, session: Any, error: Optional[Any]) -> Any:
        """Show what is finished and report how it ended."""
        node, wrong = show_result(session)
        error = error or wrong
        done = len(session.finished)
        if error is not None:
            kept = f" {done} finished frames are kept in {session.result.folder}." if done else ""
            kind = "WARNING" if isinstance(error, dmp.CancelledError) else "ERROR"
            self.report({kind}, f"{error}{kept}")
            return {"FINISHED"} if node is not None and kind == "WARNING" else {"CANCELLED"}
        for warning in session.warnings:
            self.report({"WARNING"}, warning)
        if not session.finished:
            self.report({"INFO"}, f"Nothing to solve: {session.summary()}.")
            return {"FINISHED"}
        what = "The matte is" if session.result.still else f"Frames {spans(session.finished)} are"
        self.report({"INFO"}, f"{what} in {session.result.folder}. {session.note}".rstrip())
        return {"FINISHED"}


def _go_on(operator: str) -> None:
    """Take the job that lost its window into another one. No timer comes after another file."""
    if is_between_windows():
        with bpy.context.temp_override(window=bpy.context.window_manager.windows[0]):
            getattr(bpy.ops.dmp, operator.rpartition(".")[2])("INVOKE_DEFAULT")


def _playing(context: Any) -> bool:
    """Whether Esc stops an animation, in whatever window that plays."""
    return any(window.screen.is_animation_playing for window in context.window_manager.windows)


CHOICES = {
    "overwrite": bpy.props.BoolProperty(
        name="Overwrite",
        description="Replace existing EXRs that were made from another plate",
        options={"SKIP_SAVE"},
    ),
    "skip_missing": bpy.props.BoolProperty(
        name="Skip Missing",
        description="Leave out frames whose plate, clean plate or matte is missing",
        options={"SKIP_SAVE"},
    ),
}


class DMP_OT_matte_frame(Matte):
    """Solve the current frame with its neighbours: alpha and foreground, as in the range"""

    bl_idname = "dmp.matte_frame"
    bl_label = "Matte Frame"
    __annotations__ = CHOICES

    def begin(self, context: Any) -> Session:
        return Session(context.scene, [context.scene.frame_current])


class DMP_OT_matte_range(Matte):
    """Solve the scene's frame range (its preview range, when that is on)"""

    bl_idname = "dmp.matte_range"
    bl_label = "Matte Range"
    __annotations__ = CHOICES

    def begin(self, context: Any) -> Session:
        scene = context.scene
        return Session(scene, plates.range_of(scene), scene.dmp.solve)


class DMP_OT_ask(bpy.types.Operator):
    """What has to be decided before a job starts"""

    bl_idname = "dmp.ask"
    bl_label = "DMP"
    bl_options = {"INTERNAL"}
    __annotations__ = {
        "sentence": bpy.props.StringProperty(),
        "label": bpy.props.StringProperty(),
        "operator": bpy.props.StringProperty(),
        "options": bpy.props.StringProperty(),
    }

    def invoke(self, context: Any, event: Any) -> Any:
        return context.window_manager.invoke_props_dialog(self, width=500)

    def draw(self, context: Any) -> None:
        column = self.layout.column(align=True)
        for number, line in enumerate(textwrap.wrap(self.sentence, 80)):
            column.label(text=line, icon="BLANK1" if number else "QUESTION")
        column.label(text=f"OK: {self.label}.", icon="BLANK1")

    def execute(self, context: Any) -> Any:
        operator = getattr(bpy.ops.dmp, self.operator.rpartition(".")[2])
        if not operator.poll():
            self.report({"WARNING"}, "A job has started meanwhile; try again when it has ended.")
            return {"CANCELLED"}
        operator("INVOKE_DEFAULT", **dict.fromkeys(self.options.split(","), True))
        return {"FINISHED"}


class DMP_OT_cancel(bpy.types.Operator):
    """End the running job; finished frames are kept"""

    bl_idname = "dmp.cancel"
    bl_label = "Cancel"
    bl_options = {"INTERNAL"}

    @classmethod
    def poll(cls, context: Any) -> bool:
        return is_busy()

    def execute(self, context: Any) -> Any:
        if Run.current is not None:
            Run.current.cancel_requested = True
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
        try:
            with bugs_reported():
                States.keep(
                    context.scene, Session(context.scene, plates.range_of(context.scene)).summary()
                )
        except dmp.DmpError:
            States.keep(context.scene, "")  # the inputs are not chosen, or are gone
        if not shown:
            self.report({"WARNING"}, "There is no matte in this scene's compositor yet.")
            return {"CANCELLED"}
        if not gaps:
            self.report({"INFO"}, f"{shown} loaded again, no frame is missing.")
        return {"FINISHED"}


class DMP_OT_reveal(bpy.types.Operator):
    """Open the folder with the EXRs"""

    bl_idname = "dmp.reveal"
    bl_label = "Reveal Result"
    bl_options = {"INTERNAL"}

    def execute(self, context: Any) -> Any:
        shown = results.results_in(context.scene)
        scene = context.scene
        folder = shown[0].folder if shown else place.scene_folder(scene, bpy.data.filepath)
        if not os.path.isdir(folder):
            self.report({"ERROR"}, f"There is no matte yet; it will be written to {folder}.")
            return {"CANCELLED"}
        bpy.ops.wm.path_open(filepath=folder)
        return {"FINISHED"}


class DMP_OT_take_selected(bpy.types.Operator):
    """Take the active Image or Movie Clip node as the plate, another one as clean plate; or a node
    DMP Matte as both"""

    bl_idname = "dmp.take_selected"
    bl_label = "Take Selected Nodes"
    bl_options = {"REGISTER", "UNDO"}

    @classmethod
    def poll(cls, context: Any) -> bool:
        return context.area is not None and context.area.type == "NODE_EDITOR"

    def execute(self, context: Any) -> Any:
        tree = context.space_data.edit_tree
        wanted = ("CompositorNodeImage", "CompositorNodeMovieClip")
        nodes = [n for n in tree.nodes if n.select and n.bl_idname in wanted] if tree else []
        nodes.sort(key=lambda node: node != tree.nodes.active)
        group = context.scene.dmp
        chosen = tree.nodes.active if tree else None
        own = getattr(chosen, "node_tree", None) if chosen is not None and chosen.select else None
        if own is not None and has_inputs(own):
            group.plate.kind, group.plate.group = "NODE", own
            return {"FINISHED"}
        if not nodes:
            self.report({"ERROR"}, "Select the plate's Image node, then the clean plate's too.")
            return {"CANCELLED"}
        for node, row in zip(nodes, (group.plate, group.clean)):
            if node.bl_idname == "CompositorNodeMovieClip":
                row.kind, row.clip = "CLIP", node.clip
            else:
                row.kind, row.image = "IMAGE", node.image
        return {"FINISHED"}


CLASSES = (
    DMP_OT_matte_frame, DMP_OT_matte_range, DMP_OT_ask, DMP_OT_cancel, DMP_OT_reload, DMP_OT_reveal,
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
    if Run.current is not None:
        Run.current.end()
    States.forget()
    for one in reversed(CLASSES):
        bpy.utils.unregister_class(one)
    del bpy.types.WindowManager.dmp_progress
