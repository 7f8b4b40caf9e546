"""The ready comps, each rendered with what its inputs are given."""

import os

import bpy
from host import addon, answer, arguments, compositor, load, new_compositor, outcome, render

given = arguments()
folder, size = given["folder"], given["size"]
seen = {"rendered": {}}


def put(name, **inputs):
    made = tree.nodes.new("CompositorNodeGroup")
    made.node_tree = bpy.data.node_groups[name]
    for label, value in inputs.items():
        if isinstance(value, (int, float)):
            made.inputs[label].default_value = value
        else:
            tree.links.new(value, made.inputs[label])
    return made


def show(name, socket):
    seen["rendered"][name] = render(scene, socket, size, 1, os.path.join(folder, f"{name}_####"))


def blurred(socket, pixels):
    """What Blender's own node makes of it."""
    made = tree.nodes.new("CompositorNodeBlur")
    made.inputs["Size"].default_value = (pixels, pixels)
    tree.links.new(socket, made.inputs["Image"])
    return made.outputs[0]


with addon(given["python"]) as scene:
    tree = new_compositor(scene)
    scene.render.compositor_precision = "FULL"
    seen["added"] = [outcome(bpy.ops.dmp.add_comps), outcome(bpy.ops.dmp.add_comps)]
    groups = [one for one in bpy.data.node_groups if "dmp_comp" in one]
    seen["groups"] = sorted(one.name for one in groups)
    seen["assets"] = [bool(one.asset_data and one.asset_data.description) for one in groups]
    seen["defaults"] = {
        one.name: {
            item.name: item.default_value
            for item in one.interface.items_tree
            if item.in_out == "INPUT" and item.socket_type != "NodeSocketColor"
        }
        for one in groups
    }
    pictures = {}
    for name in ("matte", "back"):
        node = tree.nodes.new("CompositorNodeImage")
        node.image = load(os.path.join(folder, f"{name}.exr"), "Linear Rec.709")
        pictures[name] = node.outputs
    matte, back = pictures["matte"]["Image"], pictures["back"]["Image"]
    alpha = pictures["matte"]["Alpha"]
    for pixels in (-2, 0, 3):
        edge = put("DMP Edge", Foreground=back, Alpha=alpha, Size=pixels)
        show(f"edge {pixels}", edge.outputs["Combined"])
        show(f"alpha {pixels}", edge.outputs["Alpha"])
    for amount in (0.5, 1.0):
        show(f"despill {amount}", put("DMP Despill Green", Image=matte, Amount=amount).outputs[0])
    wrap = put("DMP Light Wrap", Combined=matte, Background=back, Size=4.0, Amount=0.75)
    show("wrap", wrap.outputs[0])
    show("blurred back", blurred(back, 4.0))
    show("blurred alpha", blurred(alpha, 4.0))
    assert compositor(scene) == tree
    answer(**seen)
