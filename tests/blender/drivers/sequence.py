"""Matte range on a sequence, the compositor rendered, then frames lost, restored and reloaded."""

import importlib
import os
import shutil

import bpy
from host import (
    MODULE,
    addon,
    answer,
    arguments,
    compositor,
    configure,
    group_node,
    load,
    mattes,
    outcome,
    render,
    tree_as_text,
)

given = arguments()
seen = {}


def plate_rendered(scene):
    """The first frame of the plate, as an Image node of the artist's shows it."""
    node = compositor(scene).nodes.new("CompositorNodeImage")
    node.image, frame = scene.dmp.plate.image, given["frames"][0]
    node.frame_start, node.frame_offset = frame, scene.dmp.plate.first - 1
    node.frame_duration, node.use_auto_refresh = len(given["frames"]), True
    path = os.path.join(given["output"], "plate_####")
    found = render(scene, node.outputs[0], tuple(given["size"]), frame, path)
    compositor(scene).nodes.remove(node)
    return found


def rendered(scene, name):
    path = os.path.join(given["output"], f"{name}_####")
    socket = group_node(scene).outputs["Combined"]
    size = tuple(given["size"])
    return [render(scene, socket, size, frame, path) for frame in given["frames"]]


with addon(given["python"]) as scene:
    scene.frame_start, scene.frame_end = given["frames"][0], given["frames"][-1]
    plate, clean = load(given["plate"], sequence=True), load(given["clean"])
    if not hasattr(scene, "compositing_node_group"):
        scene.use_nodes = True
        artists = scene.node_tree.nodes.new("CompositorNodeBlur")  # nobody may touch it
        artists.location = (50.0, 60.0)
        seen["tree before"] = tree_as_text(compositor(scene), ours=False)
    configure(scene, plate, clean, output=given["output"], **given["settings"])
    seen["start, first"] = (scene.dmp.plate.start, scene.dmp.plate.first)
    seen["range"] = outcome(bpy.ops.dmp.matte_range)
    if "tree before" in seen:
        seen["tree after"] = tree_as_text(compositor(scene), ours=False)
    exrs = mattes(given["output"])
    seen["folder"] = os.path.dirname(exrs[0])
    seen["exrs"] = [os.path.basename(one) for one in exrs]
    seen["plate"] = plate_rendered(scene)
    seen["first"] = rendered(scene, "first")
    picture = next(n for n in group_node(scene).node_tree.nodes if n.type == "IMAGE")
    seen["node"] = (picture.frame_start, picture.frame_offset, picture.frame_duration)

    lost = exrs[2]
    away = os.path.join(os.path.dirname(lost), "away.exr")
    os.replace(lost, away)
    seen["reload with a gap"] = outcome(bpy.ops.dmp.reload)
    results = importlib.import_module(f"{MODULE}.results")
    seen["gap sentence"] = results.refresh(scene)
    scene.frame_set(given["frames"][2])
    seen["frame"] = outcome(bpy.ops.dmp.matte_frame)
    seen["as in the range"] = [os.path.join(given["output"], one) for one in ("in", "alone")]
    for file, copy in zip((away, lost), seen["as in the range"], strict=True):
        shutil.copy(file, copy + ".exr")
    seen["restored"] = results.refresh(scene)

    # Another program overwrites frame 1: seen after Reload, with the artist's link in place.
    os.replace(exrs[1], exrs[0])
    bpy.ops.dmp.reload()
    seen["second"] = rendered(scene, "second")[:1]
    seen["groups"] = len([one for one in bpy.data.node_groups if one.name.startswith("DMP")])
    bpy.ops.wm.save_as_mainfile(filepath=os.path.join(given["output"], "shot.blend"))
answer(**seen)
