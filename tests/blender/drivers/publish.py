"""The Publish button, in the background: good plates, a missing frame and its repair, bad sizes."""

import importlib
import os
import sys

import bpy
from host import MODULE, addon, answer, arguments, configure, load, outcome

given = arguments()
folder, to = given["folder"], given["to"]
seen = {}


def path(name):
    return os.path.join(folder, name)


def lose(name):
    os.rename(path(name), path(name + ".away"))


def failures(scene):
    found = importlib.import_module(f"{MODULE}.publish").Outcome.of(scene)
    return [[one.check, one.shot, one.sentence, list(one.repairs)] for one in found]


def press(scene, times=6):
    """Publish, and accept the result as it is: a matte of two steps is a bad one."""
    ended = outcome(bpy.ops.dmp.publish)
    for _ in range(times):
        offers = [one for one in failures(scene) if "Accept as it is" in one[3]]
        if not offers:
            break
        repair = "\n".join([*offers[0][:2], "Accept as it is"])
        ended = outcome(lambda repair=repair: bpy.ops.dmp.publish(repair=repair))
    return ended


def published():
    return sorted(
        os.path.relpath(os.path.join(place, name), to)
        for place, _, names in os.walk(to)
        for name in names
    )


with addon(given["python"]) as scene:
    scene.frame_start, scene.frame_end = 1, 3
    plate, clean = load(path("plate.0001.exr"), sequence=True), load(path("clean.exr"))
    if "no pyblish" in given["cases"]:
        configure(scene, plate, clean, publish_to=to, **given["settings"])
        bpy.context.preferences.addons[MODULE].preferences.engine_python = given["bare"]
        seen["no pyblish"] = outcome(bpy.ops.dmp.publish)
    if "all" in given["cases"]:
        seen["nothing chosen"] = outcome(bpy.ops.dmp.publish)
        configure(scene, plate, clean, **given["settings"])
        seen["nowhere"] = outcome(bpy.ops.dmp.publish)

        bpy.ops.wm.save_as_mainfile(filepath=path("sh010_v003.blend"))
        scene = bpy.context.scene
        seen["good"] = press(scene)
        seen["left"] = failures(scene)

        scene.dmp.publish_to, scene.dmp.publish_name = to, "hero shot"
        scene.dmp.publish_version = 7
        lose("plate.0002.exr")
        seen["missing"] = outcome(bpy.ops.dmp.publish)
        ((check, shot, sentence, repairs),) = failures(scene)
        seen["offer"] = [check, shot, sentence, repairs]
        repair = "\n".join([check, shot, repairs[0]])
        seen["repaired"] = outcome(lambda: bpy.ops.dmp.publish(repair=repair))
        offers = [one for one in failures(scene) if "Accept as it is" in one[3]]
        while offers:
            repair = "\n".join([*offers[0][:2], "Accept as it is"])
            seen["repaired"] = outcome(lambda repair=repair: bpy.ops.dmp.publish(repair=repair))
            offers = [one for one in failures(scene) if "Accept as it is" in one[3]]
        seen["after repair"] = failures(scene)
        os.rename(path("plate.0002.exr.away"), path("plate.0002.exr"))
        seen["once more"] = outcome(bpy.ops.dmp.publish)

        scene.dmp.publish_version = 0
        scene.dmp.clean.image = load(path("small.exr"))
        seen["size"] = outcome(bpy.ops.dmp.publish)

        # Files that are shifted in time, and a clean plate that is no file: linked, and rendered.
        scene.dmp.clean.image = load(path("clean.exr"))
        scene.dmp.clean.image.pack()
        scene.dmp.plate.start, scene.dmp.plate.first = 11, 1
        scene.frame_start, scene.frame_end = 11, 12
        scene.dmp.publish_name = "shifted"
        seen["shifted"] = press(scene)
    if "window" in given["cases"]:
        # A facility has pyblish and a window in Blender; our package has another name there.
        import types

        import pyblish.api
        import pyblish.util

        shown = []
        window = types.ModuleType("their_window")
        window.show = lambda: shown.append(pyblish.util.collect())
        sys.modules["their_window"] = window
        pyblish.api.register_gui("their_window")
        configure(scene, plate, clean, publish_to=to, **given["settings"])
        ours = importlib.import_module(f"{MODULE}.publish")
        seen["opened"] = ours._open_window(scene)
        scene.frame_end = 2
        window.show()  # as its reset button does
        scene.frame_end, scene.use_preview_range = 3, True
        scene.frame_preview_start, scene.frame_preview_end = 2, 2
        window.show()
        instances = [next(iter(context)) for context in shown]
        seen["collected"] = [one.data["name"] for one in instances]
        seen["frames"] = [list(one.data["dmpShot"].frames) for one in instances]
        seen["around"] = list(instances[-1].data["dmpShot"].around)
        seen["trouble"] = [one.data["dmpTrouble"] for one in instances]
        seen["facts"] = [len(one.data["dmpFacts"]) for one in instances]
        kinds = {type(one.data["dmpShot"]).__module__ for one in instances}
        seen["module"] = sorted(kinds)
    seen["published"] = published()
    seen["beside"] = os.path.isdir(path("publish"))
    seen["temporary"] = os.listdir(bpy.app.tempdir)
answer(**seen)
