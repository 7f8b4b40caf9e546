"""Clean plates that were built before the .blend had a name, a matte with one, its first save."""

import importlib
import os

import bpy
from host import MODULE, addon, answer, arguments, compositor, load, matting_node, outcome

given = arguments()
seen = {}


def file_of(image):
    return os.path.normpath(bpy.path.abspath(image.filepath))


def solved():
    """What lies on disk of the scene's range, as the panel shows it."""
    session = importlib.import_module(f"{MODULE}.session")
    frames = importlib.import_module(f"{MODULE}.plates").range_of(bpy.context.scene)
    return session.Session(bpy.context.scene, frames).summary()


def linked(tree):
    """The Image node of a clean plate that was built, and the kinds of nodes that it is linked to.

    Where Blender has lost its layers there are none.
    """
    nodes = [one for one in tree.nodes if one.type == "IMAGE" and "dmp_clean_plate" in one.image]
    (node,) = nodes
    return file_of(node.image), [link.to_node.type for out in node.outputs for link in out.links]


with addon(given["python"]) as scene:
    group = scene.dmp
    group.plate.image = load(os.path.join(given["folder"], "plate.0001.exr"), sequence=True)

    # Linked to a node, in a folder that the artist chose.
    group.output = given["output"]
    matting_node(scene, group.plate.image, given["size"], given["frames"])
    seen["node"] = outcome(bpy.ops.dmp.build_clean)
    seen["linked"] = linked(compositor(scene))

    # In the panel's row, in the cache folder.
    group.plate.kind, group.output = "IMAGE", ""
    seen["row"] = outcome(bpy.ops.dmp.build_clean)
    seen["chosen"] = file_of(group.clean.image)
    group.clean.image.copy().use_fake_user = True
    for name, value in given["settings"].items():
        setattr(group, name, value)
    seen["matte"] = outcome(bpy.ops.dmp.matte_range)
    seen["solved"] = solved()

    blend = os.path.join(given["folder"], "work", "sh010.blend")
    os.makedirs(os.path.dirname(blend))
    bpy.ops.wm.save_as_mainfile(filepath=blend)
    bpy.context.scene.dmp.output = given["output"]  # where that of the node lies
    bpy.ops.wm.save_mainfile()
    bpy.ops.wm.open_mainfile(filepath=blend)
    scene = bpy.context.scene
    image = scene.dmp.clean.image
    seen["solved then"] = solved()
    seen["chosen then"], seen["path"] = file_of(image), image.filepath
    seen["linked then"] = linked(compositor(scene))
    bpy.ops.wm.save_mainfile()
    seen["all"] = sorted(file_of(one) for one in bpy.data.images if "dmp_clean_plate" in one)
answer(**seen)
