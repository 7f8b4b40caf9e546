"""An EXR with several layers as the plate: sent as a file, and rendered."""

import importlib
import os

import bpy
from host import MODULE, addon, answer, arguments, configure, load, outcome

given = arguments()
folder = given["folder"]
seen = {"sent": {}, "rendered": {}}


def path(name):
    return os.path.join(folder, name)


with addon(given["python"]) as scene:
    plates = importlib.import_module(f"{MODULE}.plates")
    collect = importlib.import_module(f"{MODULE}.collect")
    dmp = importlib.import_module(f"{MODULE}.core").dmp
    clean = load(path("clean.exr"))
    configure(scene, load(path("lights.exr")), clean, output=given["output"], **given["settings"])
    for layer in ("", "rim", "Key"):
        scene.dmp.layer = layer
        seen["sent"][layer] = outcome(bpy.ops.dmp.matte_frame)
    seen["published"] = dmp.finish(collect.collect(scene, [1], folder)).shots[0].layer
    for name, layer in given["rendered"]:
        image = load(path(name), "sRGB")  # which Blender converts by itself
        scene.dmp.plate.image, scene.dmp.layer = image, layer
        place = path(f"rendered {name} {layer}")
        os.mkdir(place)
        try:
            seen["rendered"][f"{name} {layer}"] = (
                plates.read_inputs(scene.dmp)[0].plate(1, place).path
            )
        except dmp.DmpError as error:
            seen["rendered"][f"{name} {layer}"] = str(error)
    scene.dmp.clean.image = load(path("one.exr"), "sRGB")  # has no such layer, and only one
    seen["clean"] = plates.read_inputs(scene.dmp)[1].plate(1, folder).path
    # One of the two is rendered: a publish names one layer for both, so the other is too.
    scene.dmp.plate.image = load(path("lights.exr"), "sRGB")
    scene.dmp.clean.image, scene.dmp.layer = load(path("lights.exr")), "key"
    place = path("beside")
    os.mkdir(place)
    published = dmp.finish(collect.collect(scene, [1], place)).shots[0]
    seen["beside a rendered one"] = [published.layer, published.clean]
    answer(**seen)
