"""What every driver needs, inside Blender: its arguments, the add-on, and a way to answer.

A driver runs in a Blender of its own, without a window; it prints one line with JSON, and pytest
judges that line and the files. The add-on is the one that `install.py` installed from the zip.
"""

import importlib
import json
import os
import sys
import traceback
from contextlib import contextmanager

import bpy

EXTENSIONS = bpy.app.version >= (4, 2)
MODULE = "bl_ext.user_default.dmp_blender" if EXTENSIONS else "dmp_blender"


def arguments():
    """The JSON object that the test gave."""
    return json.loads(sys.argv[-1])


def answer(**found):
    print("ANSWER " + json.dumps(found, default=str), flush=True)


def outcome(call):
    """Run an operator as a script does; the sentence that an artist reads when it fails."""
    try:
        return sorted(call()), ""
    except RuntimeError as error:
        return [], str(error).split("\n")[0].removeprefix("Error: ")


@contextmanager
def addon(python):
    """The add-on, enabled, with its engine's Python; disabled at the end, or Blender may crash."""
    bpy.ops.preferences.addon_enable(module=MODULE)
    bpy.context.preferences.addons[MODULE].preferences.engine_python = python
    bpy.context.preferences.addons[MODULE].preferences.device = "cpu"
    bpy.context.preferences.addons[MODULE].preferences.threads = 1
    try:
        yield bpy.context.scene
    except BaseException:
        traceback.print_exc()
        raise
    finally:
        bpy.ops.preferences.addon_disable(module=MODULE)


def load(path, space="", sequence=False):
    image = bpy.data.images.load(path)
    if sequence:
        image.source = "SEQUENCE"
    if space:
        image.colorspace_settings.name = space
    return image


def configure(scene, plate, clean, **settings):
    """Choose both inputs and the settings; images, or clips."""
    for row, chosen in ((scene.dmp.plate, plate), (scene.dmp.clean, clean)):
        if isinstance(chosen, bpy.types.MovieClip):
            row.kind, row.clip = "CLIP", chosen
        else:
            row.kind, row.image = "IMAGE", chosen
    for name, value in settings.items():
        setattr(scene.dmp, name, value)


def mattes(folder):
    """The EXRs that the add-on wrote below a folder."""
    return sorted(
        os.path.join(at, name)
        for at, _, names in os.walk(folder)
        for name in names
        if "_matte" in name and name.endswith(".exr")
    )


def compositor(scene):
    if bpy.app.version >= (5, 0):
        return scene.compositing_node_group
    return scene.node_tree


def new_compositor(scene):
    """The nodes that a scene has at first: what is rendered, to the end."""
    if bpy.app.version < (5, 0):
        scene.use_nodes = True  # Blender adds them itself
        return scene.node_tree
    tree = bpy.data.node_groups.new("Compositor", "CompositorNodeTree")
    tree.interface.new_socket("Image", in_out="OUTPUT", socket_type="NodeSocketColor")
    layers, end = tree.nodes.new("CompositorNodeRLayers"), tree.nodes.new("NodeGroupOutput")
    layers.location, end.location = (0, 300), (400, 300)
    tree.links.new(layers.outputs[0], end.inputs[0])
    scene.compositing_node_group = tree
    return tree


def matting_node(scene, sequence, size, frames):
    """A node DMP Matte in new nodes, whose Image is a sequence of the scene's own size."""
    tree = new_compositor(scene)
    scene.render.resolution_x, scene.render.resolution_y = size
    scene.render.resolution_percentage = 100
    if hasattr(scene.render, "compositor_precision"):
        scene.render.compositor_precision = "FULL"
    scene.frame_start, scene.frame_end = 1, frames
    bpy.ops.dmp.add_node()
    node = next(one for one in tree.nodes if "Clean Plate" in one.inputs)
    picture = tree.nodes.new("CompositorNodeImage")
    picture.image = sequence
    picture.frame_start, picture.frame_offset, picture.frame_duration = 1, 0, frames
    picture.use_auto_refresh = True
    tree.links.new(picture.outputs[0], node.inputs["Image"])
    return node


def group_node(scene):
    tree = compositor(scene)
    return next(node for node in tree.nodes if node.bl_idname == "CompositorNodeGroup")


def render(scene, socket, size, frame, path):
    """Render one of the artist's compositor sockets to a float EXR, as a farm does."""
    tree = compositor(scene)
    kind = "NodeGroupOutput" if bpy.app.version >= (5, 0) else "CompositorNodeComposite"
    end = next(node for node in tree.nodes if node.bl_idname == kind)
    tree.links.new(socket, end.inputs[0])
    for node in [node for node in tree.nodes if node.bl_idname == "CompositorNodeRLayers"]:
        tree.nodes.remove(node)  # there is no camera to render
    settings = scene.render.image_settings
    if hasattr(settings, "media_type"):
        settings.media_type = "IMAGE"
    settings.file_format, settings.color_mode, settings.color_depth = "OPEN_EXR", "RGBA", "32"
    scene.render.resolution_x, scene.render.resolution_y = size
    scene.render.resolution_percentage = 100
    scene.render.filepath = path
    first, last = scene.frame_start, scene.frame_end
    scene.frame_start = scene.frame_end = frame
    bpy.ops.render.render(animation=True)
    scene.frame_start, scene.frame_end = first, last
    return scene.render.frame_path(frame=frame)


def tree_as_text(tree, ours):
    """All that an artist could have set in a compositor tree; without DMP's nodes unless ours."""
    nodes = [n for n in tree.nodes if ours or not n.label.startswith("DMP")]
    rows = []
    for node in nodes:
        plain = [
            (one.identifier, str(getattr(node, one.identifier)))
            for one in node.bl_rna.properties
            if one.type in ("BOOLEAN", "INT", "FLOAT", "STRING", "ENUM") and not one.is_readonly
        ]
        rows.append([node.name, list(node.location), plain])
    links = [f"{one.from_node.name} > {one.to_node.name}" for one in tree.links]
    return repr([rows, links])


def square_mask(name):
    """A mask that covers the left half of the picture."""
    mask = bpy.data.masks.new(name)
    layer = mask.layers.new(name="half")
    spline = layer.splines.new()
    spline.use_cyclic = True
    corners = [(-0.5, -0.5), (0.5, -0.5), (0.5, 1.5), (-0.5, 1.5)]
    spline.points.add(len(corners) - 1)  # one is there
    for point, corner in zip(spline.points, corners, strict=True):
        point.co = corner
        point.handle_type = "VECTOR"
        point.handle_left = point.handle_right = corner
    return mask


def core_module(name):
    """A module of the add-on's own ``dmp_matting``, such as ``client.launcher``."""
    core = importlib.import_module(f"{MODULE}.core")
    return importlib.import_module(f".{name}", core.dmp.__package__)


def find_engine():
    return core_module("client.launcher").find_engine()


def job_states():
    """The states of the engine's jobs, newest first."""
    return [one["state"] for one in find_engine().request("GET", "/v1/jobs")["jobs"]]
