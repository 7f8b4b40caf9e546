"""The panel DMP in the sidebar of the Compositor and of the Image Editor. It decides nothing.

A button is where it was a moment ago: the rows above the buttons change with what the artist
chooses and never by themselves. What comes and goes by itself is below them: progress, results,
what failed, and the engine's sentence last. A repair, the only button there that does what cannot
be undone, waits a second after a job.
"""

from __future__ import annotations

import os
from typing import Any, List

import bpy

from . import clean_plate, compat, engine, facts, place, results, scenes, subject, view
from .chosen import preferences
from .properties import KNOBS, MATTES, overrides, title
from .publish import SEPARATOR, Outcome
from .run import Progress, States

ROWS = (("plate", "Plate"), ("clean", "Clean Plate"))


class _Part:
    """Shared by every part of the panel."""

    bl_region_type = "UI"
    bl_category = "DMP"

    @classmethod
    def poll(cls, context: Any) -> bool:
        space = context.space_data
        return space.type == "IMAGE_EDITOR" or space.tree_type == "CompositorNodeTree"


class _Main(_Part):
    bl_label = "DMP Matting"

    def draw(self, context: Any) -> None:
        layout, group = self.layout, context.scene.dmp
        engine.draw_head(layout)
        for name, label in ROWS:
            _draw_source(layout, group, name, label)
        if group.layer or facts.may_have_layers(group.plate):
            layout.prop(group, "layer")
        if context.space_data.type == "NODE_EDITOR":
            layout.operator("dmp.take_selected", icon="EYEDROPPER")
        layout.prop(group, "preset")
        _draw_buttons(layout)
        _draw_job(layout, context)
        _draw_result(layout, context)
        _draw_failures(layout, context)


class _Engine(_Part):
    bl_label = "Engine"

    def draw(self, context: Any) -> None:
        engine.draw_details(self.layout, context)


class _Mattes(_Part):
    bl_label = "Mattes"
    bl_options = {"DEFAULT_CLOSED"}

    def draw(self, context: Any) -> None:
        for role in MATTES:
            _draw_source(self.layout, context.scene.dmp, role.value, title(role.called))


class _Publishing(_Part):
    bl_label = "Publishing"
    bl_options = {"DEFAULT_CLOSED"}

    def draw(self, context: Any) -> None:
        layout, group = self.layout, context.scene.dmp
        layout.prop(group, "publish_to")
        layout.prop(group, "publish_name")
        layout.prop(group, "publish_version")


class _Settings(_Part):
    bl_label = "Settings"
    bl_options = {"DEFAULT_CLOSED"}

    def draw(self, context: Any) -> None:
        layout, group = self.layout, context.scene.dmp
        layout.prop(group, "solve")
        layout.prop(group, "output")
        layout.prop(group, "version")
        _draw_knobs(layout, group, [s for s in KNOBS if s.metadata["basic"]])
        addon = preferences()
        if hasattr(addon, "bl_rna"):
            layout.prop(addon, "device")
        if group.changes or group.keep_kind:
            changed = {*overrides(group), *(["keep"] if group.keep_kind else [])}
            names = ", ".join(title(one.metadata["label"]) for one in KNOBS if one.name in changed)
            for number, line in enumerate(engine.wrapped(f"Changed: {names}", context)):
                layout.label(text=line, icon="BLANK1" if number else "MODIFIER")
            layout.operator("dmp.reset", icon="LOOP_BACK")


class _Advanced(_Part):
    bl_label = "All Settings"
    bl_options = {"DEFAULT_CLOSED"}

    def draw(self, context: Any) -> None:
        rest = [s for s in KNOBS if not s.metadata["basic"]]
        _draw_knobs(self.layout, context.scene.dmp, [s for s in rest if not s.metadata["group"]])
        self.layout.label(text="Preset Paper")
        _draw_knobs(self.layout, context.scene.dmp, [s for s in rest if s.metadata["group"]])


def _draw_knobs(layout: Any, group: Any, specs: Any) -> None:
    column = layout.column(align=True)
    for spec in specs:
        if spec.name == "keep":
            subject.draw(column, group)
        else:
            column.prop(group, spec.name)


def _draw_source(layout: Any, group: Any, name: str, label: str) -> None:
    source = getattr(group, name)
    box = layout.column(align=True)
    row = box.row(align=True)
    row.label(text=label)
    if name == "clean" and group.plate.kind == "NODE":
        row.label(text="From the Node")
        _draw_build(box, group, ["Linked"])
        return
    row.prop(source, "kind", text="")
    if source.kind == "NODE":
        box.prop(source, "group", text="")
        return
    if source.kind == "MASK":
        box.template_ID(source, "mask", new="mask.new")
    elif source.kind == "CLIP":
        box.template_ID(source, "clip", open="clip.open")
    else:
        box.template_ID(source, "image", open="image.open")
        if source.image is not None and source.image.source in ("SEQUENCE", "MOVIE"):
            box.prop(source, "start")
            box.prop(source, "first")
    lines = facts.describe(source)
    if name == "clean":
        _draw_build(box, group, lines)
    else:
        _draw_lines(box, lines)
    if facts.may_be_sequence(source):
        count = facts.numbered_files(source)
        row = box.row(align=True)
        row.enabled = count > 0
        text = f"Use All {count} Files" if count else "Use as Sequence"
        row.operator("dmp.as_sequence", text=text, icon="SEQUENCE").row = name


def _draw_lines(box: Any, lines: List[str]) -> None:
    for line in lines:
        box.label(text=line)


def _draw_build(box: Any, group: Any, lines: List[str]) -> None:
    """What the clean plate is, or in its place the button that makes one: nothing moves by that."""
    if clean_plate.is_chosen(group.id_data):
        _draw_lines(box, lines)
    else:
        box.operator("dmp.build_clean", icon="RENDERLAYERS")


def _draw_buttons(layout: Any) -> None:
    """Greyed while a job runs, and in their places."""
    layout.operator("dmp.use_range", icon="PREVIEW_RANGE")
    column = layout.column(align=True)  # one below the other: a sidebar is narrow at first
    column.scale_y = 1.3
    column.operator("dmp.matte_frame", icon="IMAGE_ALPHA")
    column.operator("dmp.matte_range", icon="SEQUENCE")
    count = len(scenes.ready())
    if count > 1:
        text = f"Matte All {count} Scenes"
        layout.operator("dmp.matte_scenes", text=text, icon="SCENE_DATA")
    row = layout.row(align=True)
    row.operator("dmp.reload", icon="FILE_REFRESH")
    row.operator("dmp.reveal", icon="FILE_FOLDER", text="Reveal")
    layout.operator("dmp.publish", icon="EXPORT")


def _draw_job(layout: Any, context: Any) -> None:
    """How far the job is, and Cancel: in their places, greyed, where none runs."""
    status = Progress.status
    column = layout.column(align=True)
    bar = column.column(align=True)
    bar.enabled = status is not None
    compat.progress_bar(bar, context.window_manager, "dmp_progress")
    column.operator("dmp.cancel", icon="CANCEL")
    if status is not None:
        where, _, what = status.text.rpartition(": ")
        for line in (where, what) if where else (what, ""):
            column.label(text=line)


def _draw_result(layout: Any, context: Any) -> None:
    """Where the mattes lie, which frames there are, and the views of them."""
    scene = context.scene
    node = results.node_of(scene)
    found = results.location(node.node_tree) if node is not None else None
    folder = found.folder if found is not None else place.scene_folder(scene, bpy.data.filepath)
    column = layout.column(align=True)
    column.label(text=_near(folder), icon="FILE_FOLDER")
    if States.of(scene):
        for line in engine.wrapped(States.of(scene), context):
            column.label(text=line, icon="BLANK1")
    if node is None:
        return
    grid = layout.grid_flow(columns=2, align=True, even_columns=True)
    for value, label, _, _ in view.VIEWS:
        if value != "CONFIDENCE" or view.has_confidence(node):
            grid.operator("dmp.view", text=label).view = value


def _near(folder: str) -> str:
    """Beside the .blend where it lies there."""
    beside = os.path.dirname(bpy.data.filepath)
    if beside and folder.startswith(beside + os.sep):
        return "//" + folder[len(beside) + 1 :].replace("\\", "/")
    return folder


def _draw_failures(layout: Any, context: Any) -> None:
    """What kept the last publish from being whole, and a button for each repair."""
    for failure in Outcome.of(context.scene):
        box = layout.box().column(align=True)
        for number, line in enumerate(engine.wrapped(failure.sentence, context)):
            box.label(text=line, icon="BLANK1" if number else "ERROR")
        repairs = box.column(align=True)
        repairs.enabled = Progress.is_at_rest()
        for label in failure.repairs:
            button = repairs.operator("dmp.publish", text=title(label), icon="TOOL_SETTINGS")
            button.repair = SEPARATOR.join((failure.check, failure.shot, label))


PARTS = (
    ("mattes", _Mattes), ("settings", _Settings), ("publishing", _Publishing),
    ("advanced", _Advanced), ("engine", _Engine),
)  # fmt: skip


def _panels(space: str, prefix: str) -> Any:
    """The parts for one editor; Blender needs a class of its own for each."""
    main = type(f"{prefix}_main", (_Main, bpy.types.Panel), {"bl_space_type": space})
    parts = [
        type(
            f"{prefix}_{name}",
            (kind, bpy.types.Panel),
            {"bl_space_type": space, "bl_parent_id": f"{prefix}_main"},
        )
        for name, kind in PARTS
    ]
    return [main, *parts]


CLASSES = _panels("NODE_EDITOR", "DMP_PT_node") + _panels("IMAGE_EDITOR", "DMP_PT_image")


def register() -> None:
    for one in CLASSES:
        bpy.utils.register_class(one)


def unregister() -> None:
    for one in reversed(CLASSES):
        bpy.utils.unregister_class(one)
