"""From finished EXRs to nodes: one node group per plate, added beside the artist's own nodes.

The group is made of Blender's own nodes only, so a saved .blend opens and renders on a machine
without the add-on. It belongs to the plate's datablock, which it points at, for the life of the
.blend: whatever the plate, the scene, the .blend or the output folder are called later, the group
is refreshed and links that the artist made to it survive. The group of a node DMP Matte is its own
plate: what is linked to its inputs. Where its EXRs lie is the path of its
image and nothing else, since Blender itself mends that on Save As, append and link.
"""

from __future__ import annotations

from typing import Any, Iterator, List, Optional, Tuple

import bpy

from . import colour, compat
from .core import dmp
from .datablocks import INPUTS, has_inputs, kind_of
from .files import spans, stem_of
from .place import Result, result_at

MARK = "dmp_result"  # custom property of the group: the name of its EXRs
# Of the image of the group: the Image or MovieClip that the group belongs to. Not of the group
# itself, where earlier versions had it: each time that Blender 3.4 draws a node tree it counts one
# user less of what a custom property of the tree points at, and what has none is not saved.
PLATE = "dmp_plate"
SCENE = "dmp_scene"  # the name of the scene that it belongs to
CONFIDENCE = "Confidence"  # how sure the engine is of alpha
HEIGHT = 160.0  # of the group node with its four outputs
OUTPUTS = (
    ("Combined", "NodeSocketColor"),  # premultiplied foreground and alpha
    ("Straight", "NodeSocketColor"),  # straight foreground and alpha
    ("Alpha", "NodeSocketFloat"),
    ("Foreground", "NodeSocketColor"),  # straight, opaque
)
NODE = "DMP Matte"  # a node with inputs
NODE_INPUTS = ("Image", "Clean Plate")
WIDTH = 200.0


def plate_of(scene: Any) -> Optional[Any]:
    """The datablock of the scene's plate; the group of a node whose inputs are the plates."""
    row = scene.dmp.plate
    return {"CLIP": row.clip, "NODE": row.group}.get(row.kind, row.image)


def plate_stem(plate: Any, still: bool) -> str:
    """What files are called that are made of a plate; a clip's are apart from an image's."""
    stem = stem_of(plate.name, still)
    return f"{stem}_clip" if kind_of(plate) == "MovieClip" else stem


def check_is_local(scene: Any) -> None:
    """InputError where nodes can be added to the scene's compositor, but are not saved with it."""
    for one, what in ((scene, "scene"), (compat.compositor_of(scene), "compositor")):
        if one is not None and one.library is not None:
            raise dmp.InputError(
                f"The {what} '{one.name}' is linked from {one.library.filepath}, so nothing that "
                "is added to it is saved; make it local first."
            )


def add_node(scene: Any, tree: Any) -> Any:
    """A node with inputs, whose outputs have nothing before its first matte."""
    group = compat.new_tree(NODE, *OUTPUTS, (CONFIDENCE, "NodeSocketFloat"))
    for name in NODE_INPUTS:
        compat.add_input(group, name, "NodeSocketColor")
    group[INPUTS], group[SCENE] = True, scene.name
    node = tree.nodes.new("CompositorNodeGroup")
    node.node_tree, node.width = group, WIDTH
    return node


def show(scene: Any, plate: Any, result: Result) -> Tuple[Any, bool]:
    """The plate's group node in the scene's compositor, with this result.

    And whether it has shown none before.
    """
    group = find_group(scene, plate, result.still)
    is_new = group is None or MARK not in group
    if group is None:
        group = compat.new_tree(f"DMP {plate_stem(plate, result.still)}", *OUTPUTS)
    if is_new:
        _build(group, result)
    group[SCENE] = scene.name
    if group != plate:
        _keep_plate(group, plate)
    for one in _groups_with_image(group):
        _point(one, result)
    tree = compat.ensure_compositor(scene)
    for node in tree.nodes:
        if _tree_of(node) == group:
            return node, is_new
    node = tree.nodes.new("CompositorNodeGroup")
    node.node_tree = group
    node.label = group.name
    node.width = WIDTH
    node.location = _free_place(scene, tree, node)
    return node, True


def scene_of(group: Any) -> Optional[Any]:
    """The scene that a group belongs to, whatever that is called now; None when it is gone."""
    named = bpy.data.scenes.get(group.get(SCENE, ""))
    shown = [one for one in bpy.data.scenes if group in _groups_in(compat.compositor_of(one))]
    return named if named in shown or not shown else shown[0]


def node_of(scene: Any) -> Optional[Any]:
    """The group node of the scene's plate, else the first of ours; None before the first matte."""
    tree = compat.compositor_of(scene)
    nodes = [one for one in tree.nodes if _is_ours(one)] if tree is not None else []
    plate = plate_of(scene)
    own = [one for one in nodes if plate is not None and _belongs(one.node_tree, plate)]
    return next(iter([*own, *nodes]), None)


def _is_ours(node: Any) -> bool:
    group = _tree_of(node)
    return group is not None and MARK in group


def find_group(scene: Any, plate: Any, still: bool) -> Optional[Any]:
    """The group of a plate in a scene; None before its first matte.

    A copied scene shows the group of the scene that it was copied from: it gets one of its own,
    in whose place in the copied tree all links stay.
    """
    if kind_of(plate) == "CompositorNodeTree":
        return plate
    placed = list(_groups_in(compat.compositor_of(scene)))
    local = [one for one in bpy.data.node_groups if MARK in one and one.library is None]
    own = [one for one in local if _plate_of(one) == plate]
    for group in [one for one in placed if one in own]:
        return _own_copy(scene, group) if _is_another_scenes(scene, group) else group
    for group in own:  # its node was deleted
        if group.get(SCENE) == scene.name:
            return group
    stems = (f"{stem_of(plate.name, still)}_matte",)  # as DMP 0.1.0 named them
    for group in [one for one in placed if one in local and _plate_of(one) is None]:
        result = location(group)
        if result is not None and result.stem in stems and result.still == still:
            return group
    return None


def own_node(scene: Any) -> None:
    """Give a copied scene's node with inputs a group of its own, as a plate's group has."""
    row = scene.dmp.plate
    placed = _groups_in(compat.compositor_of(scene))
    if row.kind == "NODE" and row.group in placed and _is_another_scenes(scene, row.group):
        row.group = _own_copy(scene, row.group)
        row.group[SCENE] = scene.name


def _belongs(group: Any, plate: Any) -> bool:
    return group == plate or _plate_of(group) == plate


def _plate_of(group: Any) -> Optional[Any]:
    """The datablock that a group belongs to; None where that is not known."""
    owners = [group, *(node.image for node in _pictures(group))]
    return next((one[PLATE] for one in owners if one.get(PLATE) is not None), None)


def _keep_plate(group: Any, plate: Any) -> None:
    """In the group's pictures; one without a picture of this .blend's keeps what it has."""
    local = [node.image for node in _pictures(group) if node.image.library is None]
    for image in local:
        image[PLATE] = plate
    if local:
        group.pop(PLATE, None)


def bring_up_to_date() -> None:
    """Change the groups of an earlier version that the opened file has."""
    for group in [one for one in all_groups() if PLATE in one]:
        if group[PLATE] is None:
            group.pop(PLATE)
        else:
            _keep_plate(group, group[PLATE])


def _is_another_scenes(scene: Any, group: Any) -> bool:
    other = bpy.data.scenes.get(group.get(SCENE, scene.name))
    if other is None or other == scene:
        return False
    tree = compat.compositor_of(other)
    return tree != compat.compositor_of(scene) and group in _groups_in(tree)


def _own_copy(scene: Any, group: Any) -> Any:
    copy = group.copy()
    for node in _pictures(copy):
        node.image = node.image.copy()
    for node in compat.compositor_of(scene).nodes:
        if _tree_of(node) == group:
            node.node_tree = copy
    return copy


def refresh(scene: Any) -> Tuple[int, List[str]]:
    """Load every result in the scene's compositor again.

    Returns how many there are, and a sentence for each with missing frames.
    """
    shown, gaps = 0, []
    for group in _groups_in(compat.compositor_of(scene)):
        result = location(group)
        if result is None:
            continue
        if group.library is None:
            _point(group, result)
        shown += 1
        gaps += [gap for gap in [missing_sentence(result)] if gap]
    return shown, gaps


def results_in(scene: Any) -> List[Result]:
    """Where the results in the scene's compositor lie."""
    groups = sorted(_groups_in(compat.compositor_of(scene)), key=lambda group: group.name)
    return [result for result in map(location, groups) if result is not None]


def all_groups() -> List[Any]:
    """All groups of this .blend that can be changed."""
    return [one for one in bpy.data.node_groups if MARK in one and one.library is None]


def location(group: Any) -> Optional[Result]:
    """Where the EXRs of a group lie, by the path of its image; None where it has lost that."""
    for node in _pictures(group):
        path = bpy.path.abspath(node.image.filepath, library=node.image.library)
        return result_at(path, node.image.source != "SEQUENCE")
    return None


def missing_sentence(result: Result) -> Optional[str]:
    if not result.frames():
        return f"The mattes of '{result.stem}' are gone from {result.folder}; matte again."
    gaps = result.missing()
    if not gaps:
        return None
    frames = "Frame" if len(gaps) == 1 else "Frames"
    verb = "is" if len(gaps) == 1 else "are"
    return f"{frames} {spans(gaps)} of '{result.stem}' {verb} missing in {result.folder}."


def move(group: Any, result: Result, blend: str) -> None:
    """Let a group show the same frames in another place, for ``blend`` that is being saved.

    The path is absolute before the first save, in which Blender makes it relative: a relative one
    could not be read yet, and an image that cannot be read loses its layers.
    """
    frames = result.frames()
    for node in _pictures(group) if frames else ():
        _load(node.image, _relative(result.path(frames[0]), blend), [node])


def move_image(image: Any, path: str, blend: str) -> None:
    """Let an image, and all nodes that show it, show its file in another place; as ``move``."""
    trees = [compat.compositor_of(one) for one in bpy.data.scenes]
    trees += [one for one in bpy.data.node_groups if kind_of(one) == "CompositorNodeTree"]
    nodes = [node for tree in trees if tree is not None for node in _pictures(tree)]
    _load(image, _relative(path, blend), [node for node in nodes if node.image == image])


def scene_with(images: List[Any]) -> Optional[Any]:
    """A scene whose clean plate is one of these images; None where none is."""
    for scene in bpy.data.scenes:
        tree = compat.compositor_of(scene)
        nodes = _pictures(tree) if tree is not None else []
        if any(one in images for one in (scene.dmp.clean.image, *(it.image for it in nodes))):
            return scene
    return None


def _load(image: Any, path: str, nodes: List[Any]) -> None:
    """Show another file of the same layers; the nodes' outputs, and links to them, stay."""
    image.filepath = path
    image.reload()
    for node in nodes:
        node.image = image  # its layers are read now, so that they are saved


def _tree_of(node: Any) -> Optional[Any]:
    return node.node_tree if node.bl_idname == "CompositorNodeGroup" else None


def _groups_in(tree: Optional[Any]) -> Iterator[Any]:
    """Our groups in a tree, each once."""
    seen = []
    for group in map(_tree_of, tree.nodes if tree is not None else ()):
        if group is None or group in seen:
            continue
        if MARK in group or has_inputs(group):
            seen.append(group)
            yield group


def _pictures(group: Any) -> List[Any]:
    """The group's Image nodes."""
    kind = "CompositorNodeImage"
    return [node for node in group.nodes if node.bl_idname == kind and node.image is not None]


def _groups_with_image(group: Any) -> List[Any]:
    """The group, and copies that the artist made of it, which show the same image."""
    images = [node.image for node in _pictures(group)]
    others = [
        one
        for one in all_groups()
        if one != group and any(node.image in images for node in _pictures(one))
    ]
    return [group, *others]


def _relative(path: str, blend: Optional[str] = None) -> str:
    """Beside the .blend, so that the two can move together; absolute while it is not ``blend``."""
    if bpy.data.filepath and blend in (None, bpy.data.filepath):
        try:
            return bpy.path.relpath(path).replace("\\", "/")
        except ValueError:
            pass  # another drive
    return path.replace("\\", "/")


def _build(group: Any, result: Result) -> None:
    group[MARK] = f"{result.stem}.exr" if result.still else f"{result.stem}.####.exr"
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
        if CONFIDENCE not in end.inputs:
            compat.add_output(group, CONFIDENCE, "NodeSocketFloat")
        link(picture.outputs[CONFIDENCE.lower()], end.inputs[CONFIDENCE])


def _point(group: Any, result: Result) -> None:
    """Make the group show the files that are there now."""
    frames = result.frames()
    for node in _pictures(group) if frames else ():
        image = node.image
        image.source = "FILE" if result.still else "SEQUENCE"
        image.colorspace_settings.name = colour.linear()  # what the plates were sent as
        _load(image, _relative(result.path(frames[0])), [node])
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
    plate = plate_of(scene)
    shows = [one for one in others if plate is not None and _shows(one, plate)]
    beside = (shows or others)[0]
    x, y = beside.location.x + beside.width + 60.0, beside.location.y
    boxes = [(one.location.x, one.location.y, one.width, height_of(one)) for one in others]
    while any(
        left < x + node.width + 20.0 and x < left + width + 20.0 and top - height < y + 20.0
        and top > y - HEIGHT - 20.0
        for left, top, width, height in boxes
    ):  # fmt: skip
        y -= 40.0
    return (x, y)


def _shows(node: Any, plate: Any) -> bool:
    return plate in (getattr(node, "image", None), getattr(node, "clip", None))


def height_of(node: Any) -> float:
    """In the tree's units; Blender knows it only for nodes that were drawn."""
    known = node.dimensions.y / (bpy.context.preferences.system.ui_scale or 1.0)  # 0: no window
    return float(known) if known > 0 else 320.0
