"""What a node's branches may be made of, and a node in a copied scene."""

import importlib
import os
import tempfile

import bpy
import numpy as np
from host import (
    MODULE,
    addon,
    answer,
    arguments,
    compositor,
    load,
    mattes,
    new_compositor,
    outcome,
    square_mask,
)

given = arguments()
folder = given["folder"]
LINEAR = "Linear Rec.709" if bpy.app.version >= (4, 0) else "Linear"
seen = {}


def new(kind, **values):
    made = tree.nodes.new(kind)
    for name, value in values.items():
        setattr(made, name, value)
    return made


def plates_at(frame, owner):
    """The rendered plates of a frame, each with its name in a job and its files."""
    there = tempfile.mkdtemp(dir=folder)
    return [
        [one.plate(frame, there).path, one.job_name(frame), one.still, one.made_of(frame)]
        for one in plates.read_inputs(owner.dmp)
    ]


def menu_has_the_node():
    """Whether Add > Keying draws the entry."""
    menu = compat.keying_menu()
    drawn = [one.__module__ for one in menu.draw._draw_funcs]
    return [menu.bl_label, any(one.endswith(".matte_node") for one in drawn)]


with addon(given["python"]) as scene:
    plates, compat, collect = (
        importlib.import_module(f"{MODULE}.{name}") for name in ("plates", "compat", "collect")
    )
    dmp = importlib.import_module(f"{MODULE}.core").dmp
    seen["menu"] = menu_has_the_node()
    tree = new_compositor(scene)
    for name, value in given["settings"].items():
        setattr(scene.dmp, name, value)
    scene.dmp.output = given["output"]
    scene.render.resolution_x, scene.render.resolution_y = given["size"]
    bpy.ops.dmp.add_node()
    node = tree.nodes.active
    link = tree.links.new

    # Stills: a picture that was painted, and a file through a mask.
    width, height = given["size"]
    painted = bpy.data.images.new("painted", width, height, float_buffer=True)
    pixels = np.ones((height, width, 4), np.float32)
    pixels[..., :3] = np.load(given["painted"])[::-1]
    painted.pixels.foreach_set(pixels.ravel())
    plate = new("CompositorNodeImage", image=painted)
    clean = new("CompositorNodeImage", image=load(os.path.join(folder, "clean.exr"), LINEAR))
    link(plate.outputs[0], node.inputs["Image"])
    link(clean.outputs[0], node.inputs["Clean Plate"])
    seen["still"] = plates_at(1, scene)
    seen["ended"] = outcome(bpy.ops.dmp.matte_range)
    seen["mattes"] = mattes(given["output"])
    seen["published"] = dmp.finish(collect.collect(scene, [1], folder)).shots[0].output

    # A copied scene: its node gets a group and mattes of its own.
    copy = scene.copy()
    if bpy.app.version >= (5, 0) and compositor(copy) == compositor(scene):
        copy.compositing_node_group = compositor(scene).copy()
    session = importlib.import_module(f"{MODULE}.session")
    work = session.Work(copy, [1])
    seen["copied"] = [
        copy.dmp.plate.group != scene.dmp.plate.group,
        compositor(copy).nodes[node.name].node_tree == copy.dmp.plate.group,
        node.node_tree == scene.dmp.plate.group,
        work.result.folder,
    ]
    bpy.data.scenes.remove(copy)

    # Over time: a clip that is stabilised, a mask that is animated.
    clip = bpy.data.movieclips.load(os.path.join(folder, "plate.0001.exr"))
    clip.colorspace_settings.name = LINEAR
    moving = new("CompositorNodeMovieClip", clip=clip)
    stable = new("CompositorNodeStabilize", clip=clip)
    link(moving.outputs[0], stable.inputs[0])
    link(stable.outputs[0], node.inputs["Image"])
    bpy.app.handlers.frame_change_pre.clear()
    seen["stabilised"] = [plates_at(frame, scene) for frame in (1, 2)]
    track = clip.tracking.tracks.new(name="corner", frame=1)
    track.markers.insert_frame(2, co=(0.25, 0.5))
    seen["tracked"] = plates_at(2, scene)
    shape = square_mask("half")
    masked = new("CompositorNodeMask", mask=shape)
    link(masked.outputs[0], node.inputs["Image"])
    seen["mask"] = [plates_at(frame, scene)[0] for frame in (1, 2)]

    # What is changed while plates are rendered ends the job: they would be of two grades.
    inputs = plates.read_inputs(scene.dmp)
    link(clean.outputs[0], node.inputs["Image"])
    try:
        inputs[0].plate(3, folder)
    except dmp.DmpError as error:
        seen["changed"] = str(error)
    answer(**seen)
