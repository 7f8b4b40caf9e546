"""The matte in the viewer: alone, or over a background, in one click.

The viewer's link is the only thing of the artist's tree that changes, and only at a click, or when
nothing was linked to a viewer before the first matte.
"""

from __future__ import annotations

import contextlib
from typing import Any, Iterator, Optional, Tuple

import bpy
import numpy as np

from . import compat, plates, png, results
from .core import dmp
from .datablocks import Reference

VIEWS = (  # value, label, output of the group, background
    ("RESULT", "Result", "Combined", ""),
    ("ALPHA", "Alpha", "Alpha", ""),
    ("FOREGROUND", "Foreground", "Foreground", ""),
    ("GREY", "Over Grey", "Combined", "grey"),
    ("CHECKER", "Over Checker", "Combined", "checker"),
    ("CONFIDENCE", "Confidence", results.CONFIDENCE, ""),
)
OVER = "dmp_over"  # custom property of the groups that put a matte over a background
GREY = (0.18, 0.18, 0.18, 1.0)
SQUARE = 32  # pixels
LEVELS = (90, 150)  # of the checker's squares


def show(scene: Any, view: str) -> None:
    """Link a view of the scene's matte to the viewer. InputError."""
    node = results.node_of(scene)
    if node is None:
        raise dmp.InputError("There is no matte in this scene's compositor yet.")
    _, label, output, background = next(one for one in VIEWS if one[0] == view)
    if output not in node.outputs:
        raise dmp.InputError(f"The matte '{node.label}' has no {label.lower()}.")
    tree = compat.compositor_of(scene)
    source = node.outputs[output]
    if background:
        over = _over_node(scene, tree, node, background)
        tree.links.new(source, over.inputs[0])
        source = over.outputs[0]
    viewer = _viewer(tree, node)
    tree.links.new(source, viewer.inputs[0])
    tree.nodes.active = viewer
    for space in _spaces():
        if space.type == "NODE_EDITOR" and space.tree_type == "CompositorNodeTree":
            space.show_backdrop = True


def present(scene: Any, node: Any) -> None:
    """After a scene's first matte: in the viewer, if nothing else is, and in the editors' view."""
    tree = compat.compositor_of(scene)
    if not any(link.to_node.bl_idname == "CompositorNodeViewer" for link in tree.links):
        show(scene, "RESULT")
    found, name = Reference(scene), str(node.name)
    # An editor that was open before the scene had a tree shows it when it is drawn again.
    compat.after_drawing(lambda: _into_view(found, name))


def _into_view(reference: Reference, name: str) -> None:
    scene = reference.find()
    tree = scene and compat.compositor_of(scene)
    node = tree and tree.nodes.get(name)
    if not node:
        return  # undone since
    for window, area, region in _compositors(tree):
        if not _is_visible(area, region, node):
            with bpy.context.temp_override(window=window, area=area, region=region):
                _view_all(area, region)


def _view_all(area: Any, region: Any) -> None:
    """All nodes, in the part of the editor that nothing lies over: Blender's own takes it whole."""
    bpy.ops.node.view_all()
    left, low, right, high = compat.uncovered(area, region)
    share = min((right - left) / region.width, (high - low) / region.height)
    if 0.0 < share < 1.0:
        step = (share - 1.0) / 2.0  # Blender's: what is seen grows to 1 / (1 + 2 * step)
        bpy.ops.view2d.zoom_out(zoomfacx=step, zoomfacy=step)
    bpy.ops.view2d.pan(
        deltax=round((region.width - left - right) / 2),
        deltay=round((region.height - low - high) / 2),
    )


def _viewer(tree: Any, node: Any) -> Any:
    viewers = [one for one in tree.nodes if one.bl_idname == "CompositorNodeViewer"]
    if tree.nodes.active in viewers:
        return tree.nodes.active
    if viewers:
        return viewers[0]
    viewer = tree.nodes.new("CompositorNodeViewer")
    viewer.location = (node.location.x + node.width + 260.0, node.location.y)
    return viewer


def _over_node(scene: Any, tree: Any, node: Any, background: str) -> Any:
    """The node that puts its input over a background; one of each in a tree.

    What can fail comes before the first thing that is made.
    """
    for one in tree.nodes:
        group = getattr(one, "node_tree", None)
        if group is not None and group.get(OVER) == background:
            with contextlib.suppress(dmp.DmpError):  # no plate any more: as it is
                _point(group, _picture(scene, background))
            return one
    group = _over_group(background, _picture(scene, background))
    found = tree.nodes.new("CompositorNodeGroup")
    found.node_tree = group
    found.label = found.node_tree.name
    found.location = (node.location.x + node.width + 40.0, node.location.y - 40.0)
    return found


def _picture(scene: Any, background: str) -> Optional[Any]:
    """Of the plate's size; None for a plain colour. DmpError."""
    if background != "checker":
        return None
    return _checker(*plates.size_of(plates.read_inputs(scene.dmp)[0]))


def _point(group: Any, picture: Optional[Any]) -> None:
    """Show another picture: the plate may have another size now."""
    for node in group.nodes if picture is not None else ():
        if node.bl_idname == "CompositorNodeImage":
            node.image = picture


def _over_group(background: str, picture: Optional[Any]) -> Any:
    group = compat.new_tree(f"DMP Over {background.capitalize()}", ("Image", "NodeSocketColor"))
    compat.add_input(group, "Image", "NodeSocketColor")
    group[OVER] = background
    start, end = (group.nodes.new(f"NodeGroup{one}") for one in ("Input", "Output"))
    over = group.nodes.new("CompositorNodeAlphaOver")
    below, above = compat.alpha_over_inputs(over)
    if picture is not None:
        shown = group.nodes.new("CompositorNodeImage")
        shown.image = picture
        shown.location = (0, -160)
        group.links.new(shown.outputs[0], below)
    else:
        below.default_value = GREY
    group.links.new(start.outputs[0], above)
    group.links.new(over.outputs[0], end.inputs[0])
    for one, x in ((start, 0), (over, 320), (end, 560)):
        one.location = (x, 0)
    return group


def _checker(width: int, height: int) -> Any:
    """Packed as a PNG, so that it is in the .blend and never counts as changed."""
    name = f"DMP Checker {width}x{height}"
    image = bpy.data.images.get(name)
    if image is None:
        rows, columns = np.ogrid[:height, :width]
        squares = (rows // SQUARE + columns // SQUARE) % 2
        data = png.encode(np.asarray(LEVELS, np.uint8)[squares])
        image = bpy.data.images.new(name, width, height)
        image.pack(data=data, data_len=len(data))
        image.source = "FILE"
    return image


def _spaces() -> Iterator[Any]:
    for window in bpy.context.window_manager.windows:
        for area in window.screen.areas:
            yield area.spaces.active


def _compositors(tree: Any) -> Iterator[Tuple[Any, Any, Any]]:
    """Window, area and region of every editor that shows the tree."""
    for window in bpy.context.window_manager.windows:
        for area in window.screen.areas:
            space = area.spaces.active
            if space.type == "NODE_EDITOR" and space.edit_tree == tree:
                yield window, area, next(one for one in area.regions if one.type == "WINDOW")


def _is_visible(area: Any, region: Any, node: Any) -> bool:
    """Whether all of a node lies where nothing covers it."""
    scale = bpy.context.preferences.system.ui_scale
    x, y = (float(one) * scale for one in node.location)
    width, height = node.width * scale, results.height_of(node) * scale
    free = compat.uncovered(area, region)
    left, low = region.view2d.region_to_view(*free[:2])
    right, high = region.view2d.region_to_view(*free[2:])
    return left <= x and x + width <= right and low <= y - height and y <= high


class DMP_OT_view(bpy.types.Operator):
    """Link the matte to the viewer"""

    bl_idname = "dmp.view"
    bl_label = "View Matte"
    bl_options = {"UNDO"}
    __annotations__ = {
        "view": bpy.props.EnumProperty(
            name="View", items=[(value, label, "") for value, label, _, _ in VIEWS]
        )
    }

    @classmethod
    def poll(cls, context: Any) -> bool:
        return results.node_of(context.scene) is not None

    def execute(self, context: Any) -> Any:
        try:
            show(context.scene, self.view)
        except dmp.DmpError as error:
            self.report({"ERROR"}, str(error))
            return {"CANCELLED"}
        return {"FINISHED"}


def has_confidence(node: Optional[Any]) -> bool:
    return node is not None and results.CONFIDENCE in node.outputs


def register() -> None:
    bpy.utils.register_class(DMP_OT_view)


def unregister() -> None:
    bpy.utils.unregister_class(DMP_OT_view)
