"""Every fork for a Blender version, 3.4 to 5.3, in one place."""

from __future__ import annotations

from typing import Any, Callable, Dict, List, Optional, Tuple

import bpy

TREES_ARE_DATA = bpy.app.version >= (5, 0)  # a scene's compositor is a node group like any other
HAS_INTERFACE = bpy.app.version >= (4, 0)
HAS_PROGRESS_BAR = bpy.app.version >= (4, 0)
# From here on the compositor places an EXR by its windows: what is rendered is the display window,
# and the data window lies in it as many rows from below as it should from above. Before, the data
# window was the picture.
SHOWS_DISPLAY_WINDOW = bpy.app.version >= (5, 2)
LINEAR = "Linear Rec.709" if bpy.app.version >= (4, 0) else "Linear"


def compositor_of(scene: Any) -> Optional[Any]:
    """The scene's compositor tree, or None; nothing is made."""
    return scene.compositing_node_group if TREES_ARE_DATA else scene.node_tree


def ensure_compositor(scene: Any) -> Any:
    """The scene's compositor tree; where there was none, one that renders as before."""
    tree = compositor_of(scene)
    if tree is not None:
        return tree
    if not TREES_ARE_DATA:
        scene.use_nodes = True  # Blender adds Render Layers -> Composite itself
        return scene.node_tree
    tree = new_tree("Compositor Nodes", ("Image", "NodeSocketColor"))
    layers = tree.nodes.new("CompositorNodeRLayers")
    layers.scene = scene
    end = tree.nodes.new("NodeGroupOutput")
    end.location = (400, 0)
    tree.links.new(layers.outputs["Image"], end.inputs[0])
    scene.compositing_node_group = tree
    return tree


def empty_compositor(scene: Any) -> Any:
    """A fresh tree for a fresh scene; ``end_of`` gives the socket that is rendered."""
    if TREES_ARE_DATA:
        tree = new_tree(scene.name, ("Image", "NodeSocketColor"))
        scene.compositing_node_group = tree
    else:
        scene.use_nodes = True
        tree = scene.node_tree
        tree.nodes.clear()
    return tree


def copy_with_compositor(scene: Any) -> Any:
    """A throw-away copy of a scene with a compositor of its own, and nothing that is in the scene.

    Its compositor has no end: what it renders is linked to ``end_of``.
    """
    copy = scene.copy()
    copy.animation_data_clear()  # its render size may be animated
    for linked in (copy.collection.children, copy.collection.objects):
        for one in list(linked):
            linked.unlink(one)
    if not TREES_ARE_DATA:
        copy.use_nodes = True
        _own_actions(copy.node_tree)
        return copy
    tree = copy.compositing_node_group
    if tree == scene.compositing_node_group:
        tree = copy.compositing_node_group = tree.copy()
    _own_actions(tree)
    for item in list(tree.interface.items_tree):
        if getattr(item, "in_out", "") == "OUTPUT":
            tree.interface.remove(item)
    add_output(tree, "Image", "NodeSocketColor")
    return copy


def _own_actions(tree: Any) -> None:
    """Copies share the action, and a node that is removed takes its curves along."""
    for one in _users_of_actions(tree):
        slot = getattr(one, "action_slot_handle", None)
        one.action = one.action.copy()
        if slot is not None:
            one.action_slot_handle = slot


def _users_of_actions(tree: Any) -> List[Any]:
    animation = tree.animation_data
    if animation is None:
        return []
    strips = [strip for track in animation.nla_tracks for strip in track.strips]
    return [one for one in (animation, *strips) if one.action is not None]


def fcurves_in(tree: Any) -> List[Any]:
    """The curves of a tree's own action, and of the strips that are mixed with it."""
    return [curve for one in _users_of_actions(tree) for curve in fcurves_of(one)]


def keying_menu() -> Any:
    """Add > Keying, which was called Matte before Blender 4.0."""
    for name in ("NODE_MT_category_compositor_keying", "NODE_MT_category_CMP_MATTE"):
        found = getattr(bpy.types, name, None)
        if found is not None:
            return found
    return bpy.types.NODE_MT_add


def end_of(tree: Any) -> Any:
    kind = "NodeGroupOutput" if TREES_ARE_DATA else "CompositorNodeComposite"
    return tree.nodes.new(kind).inputs[0]


def new_tree(name: str, *outputs: Any) -> Any:
    """A compositor node group with these outputs, each (name, socket type)."""
    tree = bpy.data.node_groups.new(name, "CompositorNodeTree")
    for label, kind in outputs:
        add_output(tree, label, kind)
    return tree


def add_output(tree: Any, label: str, kind: str) -> None:
    if HAS_INTERFACE:
        tree.interface.new_socket(label, in_out="OUTPUT", socket_type=kind)
    else:
        tree.outputs.new(kind, label)


def add_input(tree: Any, label: str, kind: str) -> Any:
    """Of a node group; what is returned has the default and the range."""
    if HAS_INTERFACE:
        return tree.interface.new_socket(label, in_out="INPUT", socket_type=kind)
    return tree.inputs.new(kind, label)


def alpha_over_inputs(node: Any) -> Tuple[Any, Any]:
    """The inputs of an Alpha Over for what is below and what is above."""
    if "Background" in node.inputs:
        return node.inputs["Background"], node.inputs["Foreground"]
    return node.inputs[1], node.inputs[2]


def remove_scene(scene: Any) -> None:
    """Remove a throw-away scene with all that is its own."""
    tree = compositor_of(scene)
    actions = [one.action for one in _users_of_actions(tree)] if tree is not None else []
    bpy.data.scenes.remove(scene)
    if TREES_ARE_DATA and tree is not None:
        bpy.data.node_groups.remove(tree)
    for action in actions:
        bpy.data.actions.remove(action)


def write_linear_exr(settings: Any, space: str) -> None:
    """Image settings: 32-bit float EXR, RGB, in the linear ``space`` whatever Blender works in."""
    if hasattr(settings, "media_type"):
        settings.media_type = "IMAGE"
    settings.file_format = "OPEN_EXR"
    settings.color_mode = "RGB"
    settings.color_depth = "32"
    settings.exr_codec = "ZIP"
    settings.color_management = "FOLLOW_SCENE"  # of a copied scene it may be another
    if TREES_ARE_DATA:  # the working space is the file's own from 5.0 on
        settings.color_management = "OVERRIDE"
        settings.linear_colorspace_settings.name = space


def works_in_rec709() -> bool:
    """False for a .blend of 5.0 and later whose working space is another one."""
    space = getattr(bpy.data, "colorspace", None)
    return space is None or space.working_space == LINEAR


def path_options() -> Dict[str, Any]:
    """For a property with a path that may begin with ``//``."""
    if bpy.app.version >= (4, 5):
        return {"options": {"PATH_SUPPORTS_BLEND_RELATIVE"}}
    return {}


def full_precision(render: Any) -> None:
    if hasattr(render, "compositor_precision"):
        render.compositor_precision = "FULL"
    if hasattr(render, "compositor_device"):
        render.compositor_device = "CPU"


def progress_bar(layout: Any, owner: Any, name: str) -> None:
    """A bar for ``owner.name``, in [0, 100]."""
    if HAS_PROGRESS_BAR:
        percent = getattr(owner, name)
        layout.progress(factor=percent / 100.0, text=f"{percent:.0f} %")
    else:
        layout.prop(owner, name, text="", slider=True)


def replace_alpha(node: Any) -> None:
    """Set Alpha: keep the colours, replace the alpha."""
    if TREES_ARE_DATA:
        node.inputs["Type"].default_value = "Replace Alpha"
    else:
        node.mode = "REPLACE_ALPHA"


def fcurves_of(user: Any) -> List[Any]:
    """The curves of the action that an ID's animation data, or an NLA strip, has."""
    action = user.action
    if not hasattr(action, "layers"):  # before Blender 4.4
        return list(action.fcurves)
    return [
        curve
        for layer in action.layers
        for strip in layer.strips
        for bag in strip.channelbags
        if bag.slot_handle == user.action_slot_handle
        for curve in bag.fcurves
    ]


def uncovered(area: Any, region: Any) -> Tuple[int, int, int, int]:
    """Left, low, right, high of what no sidebar, toolbar or asset shelf lies over; of ``region``.

    In pixels of ``region``, an editor's main one. Each of the others lies along one of its sides.
    """
    left, low, right, high = 0, 0, int(region.width), int(region.height)
    for one in area.regions:
        x, y = one.x - region.x, one.y - region.y
        over = -one.width < x < region.width and -one.height < y < region.height
        if one == region or not over or min(one.width, one.height) <= 1:
            continue
        if one.alignment == "LEFT":
            left = max(left, x + one.width)
        elif one.alignment == "RIGHT":
            right = min(right, x)
        elif one.alignment == "BOTTOM":
            low = max(low, y + one.height)
        elif one.alignment == "TOP":
            high = min(high, y)
    return left, low, right, high


def after_drawing(what: Callable[[], None]) -> None:
    """Do ``what`` once, when the editors have been drawn with what has just changed.

    Before that an editor does not know its tree, nor nodes their size.
    """
    bpy.app.timers.register(what, first_interval=0.1)
