"""Open a saved .blend without the add-on, as on another machine, and render its compositor."""

import os

import bpy
from host import answer, arguments, group_node, render

given = arguments()
bpy.ops.wm.open_mainfile(filepath=given["blend"])
scene = bpy.context.scene
path = os.path.join(given["output"], "reopened_####")
socket = group_node(scene).outputs["Combined"]
answer(
    enabled=hasattr(bpy.types.Scene, "dmp"),
    rendered=[render(scene, socket, tuple(given["size"]), one, path) for one in given["frames"]],
)
