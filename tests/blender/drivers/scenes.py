"""A queue over scenes, of which one has no plate, one lacks a frame, and one is solved already."""

import importlib
import os

import bpy
from host import MODULE, addon, answer, arguments, configure, load, mattes, outcome

given = arguments()
folder = given["folder"]
seen = {}


def path(name):
    return os.path.join(folder, name)


def fill(scene, name, **more):
    plate = load(path("plate.0001.exr"), sequence=True)
    plate.name = f"{name}_plate.exr"
    configure(scene, plate, load(path("clean.exr")), output=given["output"], **more)
    scene.frame_start, scene.frame_end = 1, 2


def states():
    of = importlib.import_module(f"{MODULE}.run").States.of
    return {one.name: of(one) for one in bpy.data.scenes}


with addon(given["python"]) as scene:
    seen["none"] = outcome(bpy.ops.dmp.matte_scenes)
    scene.name = "sh010"
    fill(scene, "sh010", **given["settings"])
    bpy.data.scenes.new("empty")
    lacking = bpy.data.scenes.new("sh020")
    fill(lacking, "sh020", **given["settings"])
    lacking.frame_end = 9
    last = bpy.data.scenes.new("sh030")
    fill(last, "sh030", **given["settings"])
    seen["ended"] = outcome(bpy.ops.dmp.matte_scenes)
    seen["states"] = states()
    seen["files"] = [os.path.relpath(one, given["output"]) for one in mattes(given["output"])]
    written = [os.stat(one).st_mtime_ns for one in mattes(given["output"])]
    seen["skipped"] = outcome(lambda: bpy.ops.dmp.matte_scenes(skip_missing=True))
    seen["again"] = states()
    now = {one: os.stat(one).st_mtime_ns for one in mattes(given["output"])}
    seen["kept"] = set(written) <= set(now.values())
    seen["shown"] = [one.name for one in bpy.data.scenes
                     if importlib.import_module(f"{MODULE}.results").node_of(one)]  # fmt: skip
    for one in (scene, lacking, last):
        one.dmp.output = path("clean.exr")  # a file, and no folder
    seen["same reason"] = outcome(lambda: bpy.ops.dmp.matte_scenes(skip_missing=True))
answer(**seen)
