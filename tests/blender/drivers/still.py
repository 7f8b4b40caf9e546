"""Matte frame on two Image datablocks; then the node group's outputs, rendered."""

import os

import bpy
from host import addon, answer, arguments, configure, group_node, load, outcome, render

given = arguments()
with addon(given["python"]) as scene:
    plate, clean = load(given["plate"], given["space"]), load(given["clean"], given["space"])
    configure(scene, plate, clean, output=given["output"], **given["settings"])
    ended, sentence = outcome(bpy.ops.dmp.matte_frame)
    seen = {"ended": ended, "sentence": sentence, "rendered": {}}
    if ended == ["FINISHED"]:
        node = group_node(scene)
        seen["outputs"] = [socket.name for socket in node.outputs]
        seen["preview"] = "DMP Preview" in bpy.data.images
        for socket in node.outputs:
            path = os.path.join(given["output"], f"render_{socket.name}_####")
            seen["rendered"][socket.name] = render(scene, socket, tuple(given["size"]), 1, path)
    seen["scenes"] = [one.name for one in bpy.data.scenes]
    seen["images"] = [one.name for one in bpy.data.images]
    # What an older version saved: a choice and a setting that are no more, and one that is.
    scene.dmp.changes = '{"alpha_init": "tested", "working_size": 640, "seed": 3}'
    seen["older"] = [scene.dmp.alpha_init, scene.dmp.seed]
    answer(**seen)
