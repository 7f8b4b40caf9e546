"""Small buttons of the panel that change the scene's own values and nothing else."""

from __future__ import annotations

from typing import Any

import bpy

from . import facts


class DMP_OT_as_sequence(bpy.types.Operator):
    """Show all the numbered files beside this one, each at its frame"""

    bl_idname = "dmp.as_sequence"
    bl_label = "Use as Sequence"
    bl_options = {"REGISTER", "UNDO"}
    __annotations__ = {"row": bpy.props.StringProperty()}

    def execute(self, context: Any) -> Any:
        source = getattr(context.scene.dmp, self.row)
        if not facts.numbered_files(source):
            self.report({"ERROR"}, "There are no numbered files beside this picture.")
            return {"CANCELLED"}
        source.image.source = "SEQUENCE"
        source.image = source.image  # its start frame is found anew
        return {"FINISHED"}


class DMP_OT_use_range(bpy.types.Operator):
    """Set the scene's frame range to the plate's"""

    bl_idname = "dmp.use_range"
    bl_label = "Use Plate's Range"
    bl_options = {"REGISTER", "UNDO"}

    @classmethod
    def poll(cls, context: Any) -> bool:
        return facts.range_of(context.scene.dmp.plate) is not None

    def execute(self, context: Any) -> Any:
        scene = context.scene
        found = facts.range_of(scene.dmp.plate)
        assert found is not None
        scene.frame_start, scene.frame_end = max(found[0], 0), found[1]
        return {"FINISHED"}


class DMP_OT_reset(bpy.types.Operator):
    """Take back every setting that differs from the preset"""

    bl_idname = "dmp.reset"
    bl_label = "Reset to Preset"
    bl_options = {"REGISTER", "UNDO"}

    @classmethod
    def poll(cls, context: Any) -> bool:
        return bool(context.scene.dmp.changes or context.scene.dmp.keep_kind)

    def execute(self, context: Any) -> Any:
        context.scene.dmp.changes = context.scene.dmp.keep_kind = ""
        return {"FINISHED"}


CLASSES = (DMP_OT_as_sequence, DMP_OT_use_range, DMP_OT_reset)


def register() -> None:
    for one in CLASSES:
        bpy.utils.register_class(one)


def unregister() -> None:
    for one in reversed(CLASSES):
        bpy.utils.unregister_class(one)
