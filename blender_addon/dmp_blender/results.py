"""From finished EXRs to nodes: one node group per matte, added beside the artist's own nodes.

The group is made of Blender's own nodes only, so a saved .blend opens and renders on a machine
without the add-on. It is found again by the folder and name that it shows (a custom property), and
is only ever refreshed: links that the artist made to it survive.
"""

from __future__ import annotations

import os
from dataclasses import dataclass
from typing import Any, List, Optional, Tuple

import bpy

from . import compat
from .core import dmp
from .files import Numbered, spans, stem_of

MARK = "dmp_result"  # custom property of the group: the path of its EXRs
CONFIDENCE = "Confidence"  # how sure the engine is of alpha
DIGITS = 4
HEIGHT = 160.0  # of the group node with its four outputs
OUTPUTS = (
    ("Combined", "NodeSocketColor"),  # premultiplied foreground and alpha
    ("Straight", "NodeSocketColor"),  # straight foreground and alpha
    ("Alpha", "NodeSocketFloat"),
    ("Foreground", "NodeSocketColor"),  # straight, opaque
)


@dataclass(frozen=True)
class Result:
    """Where a matte's EXRs lie: ``folder/stem.####.exr``, or ``folder/stem.exr`` for a still."""

    folder: str
    stem: str
    still: bool

    @property
    def _files(self) -> Numbered:
        return Numbered(self.folder, f"{self.stem}.", DIGITS, ".exr")

    def path(self, frame: int) -> str:
        if self.still:
            return os.path.join(self.folder, f"{self.stem}.exr")
        if frame < 0:
            raise dmp.InputError(f"Frame {frame} is below 0; move the shot to frames from 0 on.")
        return self._files.path(frame)

    def frames(self) -> List[int]:
        """The frames that are there; [1] for a still."""
        if self.still:
            return [1] if os.path.exists(self.path(1)) else []
        return self._files.numbers()

    def missing(self) -> List[int]:
        """The gaps between the first frame and the last: there the matte renders as nothing."""
        found = self.frames()
        return sorted(set(range(found[0], found[-1] + 1)) - set(found)) if found else []


def result_of(scene: Any, name: str, still: bool) -> Result:
    """Where the matte of the plate ``name`` goes; the folder is made. OutputError."""
    folder = output_folder(scene)
    try:
        os.makedirs(folder, exist_ok=True)
    except OSError as reason:
        raise dmp.OutputError(
            f"The output folder {folder} cannot be made ({reason.strerror}); choose another."
        ) from None
    return Result(folder, f"{stem_of(name, still)}_matte", still)


def output_folder(scene: Any) -> str:
    """The chosen folder; else ``dmp`` beside the .blend, or in the cache when it is not saved."""
    if scene.dmp.output:
        return os.path.normpath(bpy.path.abspath(scene.dmp.output))
    if bpy.data.filepath:
        return os.path.normpath(bpy.path.abspath("//dmp"))
    return os.path.join(str(dmp.cache_folder()), "blender", os.path.basename(bpy.app.tempdir[:-1]))


def show(scene: Any, result: Result) -> Any:
    """The group node with this result in the scene's compositor; made or refreshed."""
    group = _group_of(result)
    image_node = next(node for node in group.nodes if node.bl_idname == "CompositorNodeImage")
    _point(image_node, result)
    tree = compat.ensure_compositor(scene)
    for node in tree.nodes:
        if node.bl_idname == "CompositorNodeGroup" and node.node_tree == group:
            return node
    node = tree.nodes.new("CompositorNodeGroup")
    node.node_tree = group
    node.label = group.name
    node.width = 200
    node.location = _free_place(scene, tree, node)
    return node


def refresh(scene: Any) -> Tuple[int, List[str]]:
    """Load every result in the scene's compositor again.

    Returns how many there are, and a sentence for each with missing frames.
    """
    shown, gaps = 0, []
    for result in results_in(scene):
        group = _group_of(result)
        for node in group.nodes:
            if node.bl_idname == "CompositorNodeImage":
                _point(node, result)
        shown += 1
        gaps += [gap for gap in [missing_sentence(result)] if gap]
    return shown, gaps


def results_in(scene: Any) -> List[Result]:
    tree = compat.compositor_of(scene)
    groups = {node.node_tree for node in tree.nodes if _is_ours(node)} if tree is not None else ()
    return [_read_mark(group) for group in sorted(groups, key=lambda group: group.name)]


def missing_sentence(result: Result) -> Optional[str]:
    if not result.frames():
        return f"The mattes of '{result.stem}' are gone from {result.folder}; matte again."
    gaps = result.missing()
    if not gaps:
        return None
    frames = "Frame" if len(gaps) == 1 else "Frames"
    verb = "is" if len(gaps) == 1 else "are"
    return f"{frames} {spans(gaps)} of '{result.stem}' {verb} missing in {result.folder}."


def _is_ours(node: Any) -> bool:
    return (
        node.bl_idname == "CompositorNodeGroup"
        and node.node_tree is not None
        and MARK in node.node_tree
    )


def _mark(result: Result) -> str:
    name = f"{result.stem}.exr" if result.still else f"{result.stem}.####.exr"
    path = os.path.join(result.folder, name)
    return _relative(path)


def _relative(path: str) -> str:
    """Beside the .blend, so that the two can move together; else absolute."""
    if bpy.data.filepath:
        try:
            return bpy.path.relpath(path).replace("\\", "/")
        except ValueError:
            pass  # another drive
    return path.replace("\\", "/")


def _read_mark(group: Any) -> Result:
    folder, name = os.path.split(os.path.normpath(bpy.path.abspath(group[MARK])))
    still = not name.endswith(".####.exr")
    return Result(folder, name[: -len(".exr" if still else ".####.exr")], still)


def _group_of(result: Result) -> Any:
    for group in bpy.data.node_groups:
        if MARK in group and _read_mark(group) == result:
            group[MARK] = _mark(result)
            return group
    group = compat.new_tree(f"DMP {result.stem}", *OUTPUTS)
    group[MARK] = _mark(result)
    _build(group, result)
    return group


def _build(group: Any, result: Result) -> None:
    picture = group.nodes.new("CompositorNodeImage")
    picture.image = bpy.data.images.load(result.path(result.frames()[0]))
    picture.image.name = f"DMP {result.stem}"
    straight = group.nodes.new("CompositorNodeSetAlpha")
    compat.replace_alpha(straight)
    end = group.nodes.new("NodeGroupOutput")
    for node, x, y in ((picture, 0, 0), (straight, 320, -160), (end, 600, 0)):
        node.location = (x, y)
    link = group.links.new
    link(picture.outputs["Combined"], end.inputs["Combined"])
    link(picture.outputs["Alpha"], end.inputs["Alpha"])
    link(picture.outputs["foreground"], end.inputs["Foreground"])
    link(picture.outputs["foreground"], straight.inputs["Image"])
    link(picture.outputs["Alpha"], straight.inputs["Alpha"])
    link(straight.outputs["Image"], end.inputs["Straight"])
    if CONFIDENCE.lower() in picture.outputs:
        compat.add_output(group, CONFIDENCE, "NodeSocketFloat")
        link(picture.outputs[CONFIDENCE.lower()], end.inputs[CONFIDENCE])


def _point(node: Any, result: Result) -> None:
    """Make the Image node show the files that are there now."""
    frames = result.frames()
    image = node.image
    if not frames or image is None:
        return
    image.source = "FILE" if result.still else "SEQUENCE"
    image.filepath = _relative(result.path(frames[0]))
    image.colorspace_settings.name = compat.LINEAR  # what the plates were sent as
    image.reload()
    if not result.still:
        node.frame_start = frames[0]
        node.frame_offset = frames[0] - 1
        node.frame_duration = frames[-1] - frames[0] + 1
        node.use_auto_refresh = True


def _free_place(scene: Any, tree: Any, node: Any) -> Tuple[float, float]:
    """Right of the node that shows the plate, else of the first; down until nothing is below it."""
    others = [one for one in tree.nodes if one != node and one.type != "FRAME"]
    if not others:
        return (0.0, 0.0)
    plate = scene.dmp.plate.image
    shows = [one for one in others if plate is not None and getattr(one, "image", None) == plate]
    beside = (shows or others)[0]
    x, y = beside.location.x + beside.width + 60.0, beside.location.y
    boxes = [(one.location.x, one.location.y, one.width, _height(one)) for one in others]
    while any(
        left < x + node.width + 20.0 and x < left + width + 20.0 and top - height < y + 20.0
        and top > y - HEIGHT - 20.0
        for left, top, width, height in boxes
    ):  # fmt: skip
        y -= 40.0
    return (x, y)


def _height(node: Any) -> float:
    """In the tree's units; Blender knows it only for nodes that were drawn."""
    known = node.dimensions.y / (bpy.context.preferences.system.ui_scale or 1.0)  # 0: no window
    return float(known) if known > 0 else 320.0
