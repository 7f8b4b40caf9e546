"""Add > Keying > DMP Matte: a node with inputs for the plate and the clean plate."""

from __future__ import annotations

from typing import Any

import bpy

from . import compat, results
from .core import dmp


class DMP_OT_add_node(bpy.types.Operator):
    """Add a node that mattes what is linked to it, and choose it as the plate in DMP's panel"""

    bl_idname = "dmp.add_node"
    bl_label = "DMP Matte"
    bl_options = {"REGISTER", "UNDO"}

    @classmethod
    def poll(cls, context: Any) -> bool:
        space = context.space_data
        return getattr(space, "tree_type", "CompositorNodeTree") == "CompositorNodeTree"

    def invoke(self, context: Any, event: Any) -> Any:
        space = context.space_data
        if space is not None and space.type == "NODE_EDITOR":
            space.cursor_location_from_region(event.mouse_region_x, event.mouse_region_y)
        ended = self.execute(context)
        if "FINISHED" in ended and not bpy.app.background:
            bpy.ops.node.translate_attach_remove_on_cancel("INVOKE_DEFAULT")
        return ended

    def execute(self, context: Any) -> Any:
        scene, space = context.scene, context.space_data
        try:
            results.check_is_local(scene)
        except dmp.DmpError as error:
            self.report({"ERROR"}, str(error))
            return {"CANCELLED"}
        tree = compat.ensure_compositor(scene)
        shown = space.edit_tree if space is not None and space.type == "NODE_EDITOR" else None
        if shown is not None and shown != tree:
            self.report(
                {"ERROR"},
                "DMP Matte works in the compositor of the scene and not inside a group; leave the "
                "group (Tab), then add it.",
            )
            return {"CANCELLED"}
        node = results.add_node(scene, tree)
        for one in tree.nodes:
            one.select = one == node
        tree.nodes.active = node
        if shown is not None:
            node.location = space.cursor_location
        scene.dmp.plate.kind, scene.dmp.plate.group = "NODE", node.node_tree
        return {"FINISHED"}


def _draw_in_menu(menu: Any, context: Any) -> None:
    if context.space_data.tree_type == "CompositorNodeTree":
        menu.layout.operator(DMP_OT_add_node.bl_idname, icon="IMAGE_ALPHA")
        if compat.TREES_ARE_DATA:
            menu.layout.operator("dmp.add_comps", icon="ASSET_MANAGER")


def register() -> None:
    bpy.utils.register_class(DMP_OT_add_node)
    compat.keying_menu().append(_draw_in_menu)


def unregister() -> None:
    compat.keying_menu().remove(_draw_in_menu)
    bpy.utils.unregister_class(DMP_OT_add_node)
