"""What the pixels of something in Blender depend on, as plain values that can be compared."""

from __future__ import annotations

from typing import Any, Callable, Collection, Iterator, List, Tuple

import bpy

from . import compat
from .sizes import file_of, pixels_digest

PLAIN = ("BOOLEAN", "INT", "FLOAT", "STRING", "ENUM")
# Of a node in its editor, of no pixel.
UNSEEN = {
    "name", "label", "location", "location_absolute", "width", "width_hidden", "height",
    "dimensions", "hide", "show_options", "show_preview", "show_texture", "use_custom_color",
    "color", "color_tag", "warning_propagation", "parent", "inputs", "outputs", "internal_links",
    "rna_type", "group", "lock", "is_valid", "frame_current", "is_open",
}  # fmt: skip
OF_AN_IMAGE = (
    "source", "alpha_mode", "use_half_precision", "use_multiview", "views_format", "use_deinterlace"
)  # fmt: skip
OF_A_CLIP = ("source", "use_proxy", "frame_start", "frame_offset")
TRACKED = (  # nodes that use what is tracked in a clip
    "CompositorNodeStabilize", "CompositorNodeMovieDistortion", "CompositorNodePlaneTrackDeform",
    "CompositorNodeTrackPos", "CompositorNodeKeyingScreen",
)  # fmt: skip


def values(
    owner: Any,
    is_seen: Callable[[Any, str], bool],
    more: Callable[[Any], Iterator[Tuple[str, Any]]],
) -> Iterator[Tuple[str, Any]]:
    """Every value of ``owner`` and of what it holds, with its name; then what ``more`` yields."""
    for one in owner.bl_rna.properties:
        name = one.identifier
        if not is_seen(owner, name):
            continue
        if one.type in PLAIN:
            value = getattr(owner, name)
            yield name, tuple(value) if getattr(one, "is_array", False) else value
        elif one.type == "COLLECTION":
            yield name, [list(values(item, is_seen, more)) for item in getattr(owner, name)]
    yield from more(owner)


def of_nodes(tree: Any, nodes: Collection[Any]) -> List[Any]:
    """Of nodes of a tree, of the links between them, and of the groups that they show.

    A value that is animated or driven counts by its curve or its driver: it is the same whatever
    frame is shown.
    """
    names = {node.name for node in nodes}
    curves = compat.fcurves_in(tree)
    if tree.animation_data is not None:
        curves += tree.animation_data.drivers
    animated = {curve.data_path for curve in curves}

    def is_seen(owner: Any, name: str) -> bool:
        if name in UNSEEN or name.startswith(("select", "active", "bl_")):
            return False
        if name in ("layer", "view") and not getattr(owner, f"has_{name}s", True):
            return False  # of a file without layers or views
        return not animated or _path(owner, name) not in animated

    def of_node(node: Any) -> List[Any]:
        tracked = node.bl_idname in TRACKED
        found: List[Any] = [
            node.name,
            node.bl_idname,
            *values(node, is_seen, _pointers(is_seen, _datablock)),
        ]
        for kind, sockets in (("in", node.inputs), ("out", node.outputs)):
            for one in sockets:
                if hasattr(one, "default_value") and is_seen(one, "default_value"):
                    found.append((kind, one.identifier, _plain(one.default_value)))
        clip = getattr(node, "clip", None)
        if tracked and clip is not None:
            found.append(list(values(clip.tracking, _is_data, _pointers(_is_data, _name))))
        return found

    return [
        [of_node(node) for node in sorted(nodes, key=lambda one: str(one.name))],
        sorted(
            (one.from_node.name, one.from_socket.identifier, one.to_node.name,
             one.to_socket.identifier, one.is_muted)
            for one in tree.links
            if {one.from_node.name, one.to_node.name} <= names
        ),
        [list(values(curve, _is_data, _pointers(_is_data, _name))) for curve in curves],
    ]  # fmt: skip


def _is_data(owner: Any, name: str) -> bool:
    return name not in UNSEEN and not name.startswith(("select", "active"))


def _pointers(
    is_seen: Callable[[Any, str], bool], datablock: Callable[[Any], Any]
) -> Callable[[Any], Iterator[Tuple[str, Any]]]:
    """What an owner points at: parts of its own such as a curve, and datablocks."""

    def more(owner: Any) -> Iterator[Tuple[str, Any]]:
        for one in owner.bl_rna.properties:
            if one.type != "POINTER" or not is_seen(owner, one.identifier):
                continue
            value = getattr(owner, one.identifier)
            if isinstance(value, bpy.types.ID):
                yield one.identifier, datablock(value)
            elif value is not None:
                yield one.identifier, list(values(value, is_seen, more))

    return more


def _datablock(one: Any) -> Any:
    if isinstance(one, bpy.types.NodeTree):
        return of_nodes(one, list(one.nodes))
    if isinstance(one, bpy.types.Image):
        found = [file_of(one), one.colorspace_settings.name]
        found += [getattr(one, name, None) for name in OF_AN_IMAGE]
        if one.packed_file or one.is_dirty or one.source == "GENERATED":
            found += [one.name, pixels_digest(one)]
        return found
    if isinstance(one, bpy.types.MovieClip):
        how = [getattr(one, name) for name in OF_A_CLIP]
        return [file_of(one), one.colorspace_settings.name, *how]
    return one.name


def _name(one: Any) -> str:
    return str(one.name)


def _plain(value: Any) -> Any:
    if isinstance(value, (bool, int, float, str)) or value is None:
        return value
    return _datablock(value) if isinstance(value, bpy.types.ID) else tuple(value)


def _path(owner: Any, name: str) -> str:
    try:
        return str(owner.path_from_id(name))
    except ValueError:  # of what cannot be animated
        return ""
