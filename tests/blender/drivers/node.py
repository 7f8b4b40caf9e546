"""Graded branches through a node DMP Matte, and the same graded plates as files."""

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
    load,
    mattes,
    new_compositor,
    outcome,
    render,
    tree_as_text,
)

given = arguments()
folder, frames = given["folder"], given["frames"]
LINEAR = "Linear Rec.709" if bpy.app.version >= (4, 0) else "Linear"
seen = {"bad": {}, "rendered": {}}


def matte():
    return outcome(bpy.ops.dmp.matte_range)


def picture(name, image):
    node = tree.nodes.new("CompositorNodeImage")
    node.name, node.image = name, image
    if image.source == "SEQUENCE":
        node.frame_start, node.frame_offset, node.frame_duration = 1, 0, len(frames)
        node.use_auto_refresh = True
    return node


def grade_group():
    """Twice as bright, inside a group."""
    group = bpy.data.node_groups.new("Grade", "CompositorNodeTree")
    if hasattr(group, "interface"):
        for way in ("INPUT", "OUTPUT"):
            group.interface.new_socket("Image", in_out=way, socket_type="NodeSocketColor")
    else:
        group.inputs.new("NodeSocketColor", "Image")
        group.outputs.new("NodeSocketColor", "Image")
    start, end = group.nodes.new("NodeGroupInput"), group.nodes.new("NodeGroupOutput")
    exposure = group.nodes.new("CompositorNodeExposure")
    exposure.inputs[1].default_value = 1.0
    group.links.new(start.outputs[0], exposure.inputs[0])
    group.links.new(exposure.outputs[0], end.inputs[0])
    return group


def graded(node, group):
    made = tree.nodes.new("CompositorNodeGroup")
    made.node_tree = group
    kind = "Shader" if bpy.app.version >= (5, 0) else "Compositor"
    gamma = tree.nodes.new(f"{kind}NodeGamma")
    gamma.inputs[1].default_value = 1.5
    tree.links.new(node.outputs[0], made.inputs[0])
    tree.links.new(made.outputs[0], gamma.inputs[0])
    return gamma


def summary():
    session = importlib.import_module(f"{MODULE}.session")
    return session.Session(scene, frames).summary()


def as_files(name, sockets):
    """Matte the branches' own pixels, sent as files."""
    images = []
    for role, socket, count in sockets:
        path = os.path.join(folder, f"{name}_{role}_")
        for frame in range(1, count + 1):
            made = render(scene, socket, given["size"], frame, path + "####")
        image = load(f"{path}0001.exr", LINEAR, sequence=count > 1)
        images.append(image)
        assert os.path.exists(made)
    configure(scene, *images, output=os.path.join(given["output"], f"{name} files"))
    return [matte(), mattes(scene.dmp.output)]


with addon(given["python"]) as scene:
    tree = new_compositor(scene)
    for name, value in given["settings"].items():
        setattr(scene.dmp, name, value)
    scene.frame_start, scene.frame_end = frames[0], frames[-1]
    scene.render.resolution_x, scene.render.resolution_y = given["size"]
    if hasattr(scene.render, "compositor_precision"):
        scene.render.compositor_precision = "FULL"
    scene.render.resolution_percentage = 50  # of the preview, not of the plates
    scene.dmp.output = os.path.join(given["output"], "node")
    bad = seen["bad"]
    scene.dmp.plate.kind = "NODE"
    bad["none"] = matte()
    seen["added"] = outcome(bpy.ops.dmp.add_node)
    node = next(one for one in tree.nodes if one.bl_idname == "CompositorNodeGroup")
    seen["inputs"] = [one.name for one in node.inputs]
    seen["outputs"] = [one.name for one in node.outputs]
    bad["unlinked"] = matte()
    plate = picture("Plate", load(os.path.join(folder, "plate.0001.exr"), LINEAR, sequence=True))
    clean = picture("Clean", load(os.path.join(folder, "clean.exr"), LINEAR))
    group = grade_group()
    sources = [graded(plate, group), graded(clean, group)]
    link = tree.links.new
    link(sources[0].outputs[0], node.inputs["Image"])
    bad["no clean"] = matte()
    link(node.outputs["Combined"], node.inputs["Clean Plate"])
    bad["loop"] = matte()
    layers = tree.nodes.new("CompositorNodeRLayers")
    link(layers.outputs[0], node.inputs["Clean Plate"])
    bad["3d"] = matte()
    tree.nodes.remove(layers)
    tiles = picture("Tiles", bpy.data.images.new("shot.<UDIM>.exr", 4, 4, tiled=True))
    link(tiles.outputs[0], node.inputs["Clean Plate"])
    bad["tiles"] = matte()
    tree.nodes.remove(tiles)
    small = picture("Small", load(os.path.join(folder, "small.exr"), LINEAR))
    link(small.outputs[0], node.inputs["Clean Plate"])
    bad["size"] = matte()
    link(sources[1].outputs[0], node.inputs["Clean Plate"])
    scene.frame_end = frames[-1] + 1  # the picture's node has one frame less: it holds its last
    plate.frame_duration += 1
    bad["no file"] = matte()
    scene.frame_end, plate.frame_duration = frames[-1], plate.frame_duration - 1
    twin = tree.nodes.new("CompositorNodeGroup")
    twin.node_tree = node.node_tree
    bad["two"] = matte()
    tree.nodes.remove(twin)
    other = bpy.data.scenes.new("Other")
    other.dmp.plate.kind, other.dmp.plate.group = "NODE", node.node_tree
    plates, compat = (importlib.import_module(f"{MODULE}.{one}") for one in ("plates", "compat"))
    core = importlib.import_module(f"{MODULE}.core").dmp
    try:
        plates.read_inputs(other.dmp)
    except core.DmpError as error:
        bad["other scene"] = [[], str(error)]
    bpy.data.scenes.remove(other)

    # A File Output of the artist's writes nothing while plates are rendered.
    file = tree.nodes.new("CompositorNodeOutputFile")
    side = os.path.join(folder, "side")
    if hasattr(file, "base_path"):
        file.base_path = side
        link(sources[0].outputs[0], file.inputs[0])
    else:
        file.directory = side
        link(sources[0].outputs[0], file.inputs[-1])

    def everything():
        kinds = (bpy.data.scenes, bpy.data.node_groups, bpy.data.actions)
        names = [[one.name for one in kind] for kind in kinds]
        curves = [one.data_path for one in compat.fcurves_in(compositor(scene))]
        return names, curves, tree_as_text(compositor(scene), ours=True)

    before = everything()
    seen["ended"] = matte()
    seen["untouched"] = everything() == before
    seen["file output"] = os.path.exists(side)
    tree.nodes.remove(file)
    made = mattes(scene.dmp.output)
    times = [os.stat(one).st_mtime_ns for one in made]
    seen["again"] = matte()
    seen["kept"] = [os.stat(one).st_mtime_ns for one in made] == times
    seen["node"] = [shutil.copy(one, folder) for one in made]  # they are solved anew below
    for name in ("Combined", "Alpha", "Foreground", "Confidence"):
        path = os.path.join(folder, f"out_{name}_####")
        seen["rendered"][name] = render(scene, node.outputs[name], given["size"], 2, path)
    seen["states"] = [summary()]
    group.nodes["Exposure"].inputs[1].default_value = 1.25
    seen["states"].append(summary())
    group.nodes["Exposure"].inputs[1].default_value = 1.0
    scene.frame_set(2)
    seen["states"].append(summary())

    ends, count = [one.outputs[0] for one in sources], len(frames)
    seen["files"] = as_files("graded", [("plate", ends[0], count), ("clean", ends[1], 1)])
    scene.dmp.plate.kind, scene.dmp.output = "NODE", os.path.join(given["output"], "node")

    ours = [one.plate(1, folder).path for one in plates.read_inputs(scene.dmp)]
    theirs = [os.path.join(folder, f"graded_{one}_0001.exr") for one in ("plate", "clean")]
    seen["plates"] = list(zip(ours, theirs, strict=True))

    # Animated: each frame has its own grade, whatever frame is shown.
    for one in sources:
        for frame, value in ((1, 1.0), (frames[-1], 2.0)):
            one.inputs[1].default_value = value
            one.inputs[1].keyframe_insert("default_value", frame=frame)
    scene.frame_set(frames[-1])
    seen["states"].append(summary())
    before = everything()
    seen["animated ended"] = matte()
    seen["animation untouched"] = everything() == before
    scene.frame_set(1)
    seen["states"].append(summary())
    scene.dmp.version = 2
    seen["animated"] = [matte(), mattes(os.path.join(given["output"], "node"))[-len(frames) :]]
    scene.dmp.version = 0
    seen["animated files"] = as_files(
        "animated", [("plate", ends[0], count), ("clean", ends[1], count)]
    )
answer(**seen)
