"""Build Clean Plate in the panel and with a node, then a matte with it."""

import os

import bpy
from host import addon, answer, arguments, compositor, load, mattes, matting_node, outcome

given = arguments()
seen = {}
LINEAR = "Linear Rec.709" if bpy.app.version >= (4, 0) else "Linear"


def built():
    folder = given["output"]
    return sorted(
        os.path.join(at, name)
        for at, _, names in os.walk(folder)
        for name in names
        if name.endswith("_clean.exr")
    )


with addon(given["python"]) as scene:
    group = scene.dmp
    group.output = given["output"]
    for name, value in given["settings"].items():
        setattr(group, name, value)
    scene.frame_start = scene.frame_end = 1
    seen["no plate"] = outcome(bpy.ops.dmp.build_clean)
    group.plate.image = load(os.path.join(given["folder"], "clean.exr"))
    seen["still"] = outcome(bpy.ops.dmp.build_clean)
    sequence = not given["plate"].endswith(".avi")
    group.plate.image = load(os.path.join(given["folder"], given["plate"]), sequence=sequence)
    seen["built"] = outcome(bpy.ops.dmp.build_clean)
    image = group.clean.image
    seen["image"] = [bpy.path.abspath(image.filepath), image.name, image.colorspace_settings.name]
    seen["poll"] = bpy.ops.dmp.build_clean.poll()
    seen["matte"] = outcome(bpy.ops.dmp.matte_range)
    seen["mattes"] = mattes(given["output"])
    group.clean.image = None
    seen["again"] = outcome(bpy.ops.dmp.build_clean)
    seen["files"] = built()

    # A node DMP Matte without a clean plate.
    node = matting_node(scene, group.plate.image, given["size"], given["frames"])
    seen["node"] = outcome(bpy.ops.dmp.build_clean)
    (link,) = node.inputs["Clean Plate"].links
    seen["linked"] = [link.from_node.bl_idname, bpy.path.abspath(link.from_node.image.filepath)]
    seen["socket"] = link.from_socket.type
    scene.frame_end = 1
    seen["node matte"] = outcome(bpy.ops.dmp.matte_range)
    seen["node mattes"] = [one for one in mattes(given["output"]) if one not in seen["mattes"]]
    tree = compositor(scene)
    blur = tree.nodes.new("CompositorNodeBlur")
    tree.links.new(link.from_socket, blur.inputs[0])
    tree.links.new(blur.outputs[0], node.inputs["Clean Plate"])
    seen["changed"] = outcome(bpy.ops.dmp.matte_range)
answer(**seen)
