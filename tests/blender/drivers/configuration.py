"""A facility's colour configuration in $OCIO, and Blender's own there, as 5.1 and later have it."""

import importlib
import os

import bpy
from host import MODULE, addon, answer, arguments, configure, core_module, group_node, load, outcome

given = arguments()
seen = {}
OWN = bpy.utils.system_resource("DATAFILES", path="colormanagement")
if given["own"]:
    os.environ["OCIO"] = os.path.join(OWN, "config.ocio")
with addon(given["python"]) as scene:
    plates = importlib.import_module(f"{MODULE}.plates")
    colour = importlib.import_module(f"{MODULE}.colour")
    dmp = importlib.import_module(f"{MODULE}.core").dmp
    seen["names"] = [colour.linear(), colour.data()]
    seen["sent"] = core_module("ocio").ocio_environment()
    seen["child"] = core_module("client.engine_python").child_environment().get("OCIO", "")
    found = []
    for name in ("plate.png", "plate.exr"):
        row = scene.dmp.plate
        row.kind, row.image = "IMAGE", load(os.path.join(given["folder"], name))
        made = plates.read_input(row, dmp.Role.IMAGE)
        plate = made.plate(1, given["folder"])
        found.append([made.job_name(1), plate.path, plate.colour_space])
    seen["plates"] = found
    row = scene.dmp.clean
    row.kind, row.image = "IMAGE", load(os.path.join(given["folder"], "built.exr"))
    made = plates.read_input(row, dmp.Role.CLEAN)
    seen["built"] = [made.path, made.space]
    if given["matte"]:
        plate = load(os.path.join(given["folder"], "plate.exr"))
        clean = load(os.path.join(given["folder"], "clean.exr"))
        configure(scene, plate, clean, output=given["output"], **given["settings"])
        seen["matte"] = outcome(bpy.ops.dmp.matte_frame)
        picture = next(n for n in group_node(scene).node_tree.nodes if n.type == "IMAGE")
        seen["space"] = picture.image.colorspace_settings.name
answer(**seen)
