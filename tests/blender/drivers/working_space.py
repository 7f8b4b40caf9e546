"""A .blend that works in ACEScg (Blender 5.0): plates still reach the engine as linear Rec. 709."""

import importlib

import bpy
from host import MODULE, addon, answer, arguments, load

given = arguments()
with addon(given["python"]) as scene:
    bpy.ops.wm.set_working_color_space(working_space="ACEScg")
    plates = importlib.import_module(f"{MODULE}.plates")
    dmp = importlib.import_module(f"{MODULE}.core").dmp
    scene.dmp.plate.image = load(given["plate"])
    made = plates.read_input(scene.dmp.plate, dmp.Role.IMAGE).plate(1, given["output"])
    scene.dmp.clean.image = load(given["built"])
    built = plates.read_input(scene.dmp.clean, dmp.Role.CLEAN)
    answer(
        built=[built.path, built.space],
        path=made.path,
        space=made.colour_space,
        works_in=bpy.data.colorspace.working_space,
    )
