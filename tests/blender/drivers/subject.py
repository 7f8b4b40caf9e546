"""A point and a box that are picked, with keyframes; the menu and the text behind it."""

import shutil

import bpy
from host import addon, answer, arguments, configure, load, mattes, outcome

given = arguments()
seen = {}


def solve(name):
    seen[name] = outcome(bpy.ops.dmp.matte_range)
    return mattes(given["output"])


with addon(given["python"]) as scene:
    scene.frame_start, scene.frame_end = 1, 2
    group = scene.dmp
    configure(
        scene, load(given["plate"], sequence=True), load(given["clean"]), output=given["output"],
        **given["settings"],
    )  # fmt: skip
    seen["menu"] = [(setattr(group, "keep", text), group.subject)[1] for text in given["texts"]]
    group.subject = "LARGEST"
    seen["text"] = group.keep
    group.subject = "POINT"
    for frame, place in given["points"]:
        group.keep_point = place
        group.keyframe_insert(data_path="keep_point", frame=frame)
    scene.frame_set(7)  # whatever frame is shown
    seen["files"] = solve("points")
    for path in seen["files"]:
        shutil.copy(path, path.replace("_matte.", "_points."))
    group.subject = "BOX"
    group.keep_box = given["box"]
    solve("box")
    group.keep_box = (3.0, 3.0, 3.0, 9.0)
    seen["no area"] = outcome(bpy.ops.dmp.matte_frame)
    scene.driver_add("dmp.keep_box", 0)
    seen["driven"] = outcome(bpy.ops.dmp.matte_frame)
    bpy.ops.dmp.reset()
    seen["reset"] = (group.subject, group.keep)
answer(**seen)
