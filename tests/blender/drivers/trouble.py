"""What an artist reads on a bad day: each case spoils one thing and presses the button once."""

import os

import bpy
from host import MODULE, addon, answer, arguments, configure, load, outcome

given = arguments()
folder = given["folder"]
seen = {}


def path(name):
    return os.path.join(folder, name)


def lose(name):
    os.rename(path(name), path(name + ".away"))


def spoil(case, scene):
    """Make it go wrong; which button is pressed."""
    dmp, chosen = scene.dmp, bpy.context.preferences.addons[MODULE].preferences
    if case in given["pythons"]:
        chosen.engine_python = given["pythons"][case]
    if case == "no plate":
        dmp.plate.image = None
    if case == "no clean plate":
        dmp.clean.image = None
    if case == "other size":
        dmp.clean.image = load(path("small.exr"))
    if case == "lost file":
        dmp.clean.image = load(path("lost.exr"))
        lose("lost.exr")
    if case == "no folder":
        dmp.output = path("clean.exr")
    if case == "beyond the clip":
        dmp.plate.kind = "CLIP"
        dmp.plate.clip = bpy.data.movieclips.load(path("movie.avi"))
        scene.frame_set(77)
    if case == "stereo":
        dmp.plate.image.name, dmp.plate.image.use_multiview = "Stereo", True
    if case == "tiles":
        dmp.plate.image = bpy.data.images.new("Tiles", 8, 8, tiled=True)
    if case == "missing frame":
        lose("plate.0002.exr")
        return bpy.ops.dmp.matte_range
    return bpy.ops.dmp.matte_frame


with addon(given["python"]) as scene:
    for case in given["cases"]:
        scene.frame_start, scene.frame_end = 1, 3
        scene.frame_set(1)
        plate, clean = load(path("plate.0001.exr"), sequence=True), load(path("clean.exr"))
        configure(scene, plate, clean, output=given["output"], **given["settings"])
        seen[case] = outcome(spoil(case, scene))
    seen["nodes"] = [one.name for one in bpy.data.node_groups if one.name.startswith("DMP")]
    seen["scenes"] = len(bpy.data.scenes)
answer(**seen)
