"""What is linked to a node DMP Matte: its branch of the compositor is rendered, and is the plate.

The node is a group with the inputs Image and Clean Plate. Nothing of the artist's is changed: each
frame is rendered in a throw-away copy of the scene, in which the branch leads to the end. Its size
is the scene's render size, so the matte lies where the branch does in the render.
"""

from __future__ import annotations

import contextlib
import os
from dataclasses import dataclass
from typing import Any, Callable, Dict, Iterator, List, Optional, Set, Tuple

import bpy

from . import built, compat, masks, render, state
from .core import dmp
from .datablocks import Reference
from .files import Numbered, numbered
from .inputs import Input, check_one_view
from .sizes import file_of, file_size, rendered_size, size_of_image

SOCKETS = {dmp.Role.IMAGE: "Image", dmp.Role.CLEAN: "Clean Plate"}
# From here on a picture has another size than before.
RESHAPING = (
    "CompositorNodeScale", "CompositorNodeCrop", "CompositorNodeTransform",
    "CompositorNodeCornerPin", "CompositorNodePlaneTrackDeform", "CompositorNodeMapUV",
)  # fmt: skip
CONSTANT = (  # nodes without inputs whose picture is the same in all frames
    "CompositorNodeRGB", "CompositorNodeValue", "CompositorNodeNormal", "CompositorNodeBokehImage",
    "NodeGroupInput",
)  # fmt: skip
RENDER_LAYERS = "CompositorNodeRLayers"
CHOOSE = "choose one as the plate, or add one: Add > Keying > DMP Matte."
NONE_CHOSEN = f"No node DMP Matte is chosen: {CHOOSE}"

# The file of a frame, which need not exist; PlateError where the frame has none.
Source = Callable[[int], str]


def read_pair(scene: Any, group: Optional[Any]) -> List[Input]:
    """The plate and the clean plate that are linked to a node. InputError, PlateError."""
    return [read_one(scene, group, role) for role in SOCKETS]


def read_one(scene: Any, group: Optional[Any], role: Any) -> Input:
    """The plate, or the clean plate, that is linked to a node. InputError, PlateError."""
    if group is None:
        raise dmp.InputError(NONE_CHOSEN)
    linked = Branch(scene, group, role)
    return _built(linked) or _read(linked)


def is_linked(scene: Any, group: Optional[Any], role: Any) -> bool:
    """Whether something is linked to the input of the node; False where there is no such node."""
    nodes = _nodes_of(scene, group)
    return any(_link_to(node.inputs[SOCKETS[role]]) is not None for node in nodes)


def link_image(scene: Any, group: Optional[Any], image: Any) -> None:
    """Link a new Image node with ``image`` to the node's clean plate. InputError without a node."""
    if group is None:
        raise dmp.InputError(NONE_CHOSEN)
    nodes = _nodes_of(scene, group)
    if not nodes:
        raise dmp.InputError(f"'{group.name}' is no node of scene '{scene.name}' any more.")
    tree = compat.compositor_of(scene)
    made = tree.nodes.new("CompositorNodeImage")
    made.image = image
    made.location = nodes[0].location[0] - 300, nodes[0].location[1] - 250
    tree.links.new(made.outputs[0], nodes[0].inputs[SOCKETS[dmp.Role.CLEAN]])


@dataclass(frozen=True)
class Linked(Input):
    """A branch as an input of a job. ``sources``: the files that it is made of."""

    sources: Tuple[Source, ...] = ()

    def made_of(self, frame: int) -> Tuple[str, ...]:
        found = []
        for source in self.sources:
            with contextlib.suppress(dmp.PlateError):
                found.append(source(frame))
        return tuple(found)

    def path_at(self, frame: int) -> str:
        for source in self.sources:
            path = source(frame)
            if not os.path.exists(path):
                raise dmp.PlateError(
                    f"A picture that the {self.role.called} of '{self.name}' is made of has no "
                    f"file for frame {frame}: {path} does not exist."
                )
        return ""


class Branch:
    """What is linked to one input of the node with ``group`` in the compositor of a scene.

    Every method finds it anew and raises a DmpError where it cannot be a plate.
    """

    def __init__(self, scene: Any, group: Any, role: Any) -> None:
        self.role, self.name = role, str(group.name)
        self._scene, self._group = Reference(scene), Reference(group)
        self._rendered = ""  # the state that is rendered

    @property
    def scene(self) -> Any:
        return self._scene.get()

    def start(self) -> Tuple[Any, Any]:
        """The compositor and the socket of the artist's from which the branch comes."""
        scene, group = self._scene.get(), self._group.get()
        tree, nodes = compat.compositor_of(scene), _nodes_of(scene, group)
        if not nodes:
            raise dmp.InputError(
                f"'{group.name}' is no node of scene '{scene.name}', or it is inside a group of "
                f"its compositor: {CHOOSE}"
            )
        if len(nodes) > 1:
            raise dmp.InputError(
                f"'{group.name}' is in {len(nodes)} nodes of the compositor; press the number "
                "beside its name, so that each node has a group of its own."
            )
        socket = nodes[0].inputs[SOCKETS[self.role]]
        link = _link_to(socket)
        if link is None:
            raise dmp.InputError(
                f"Nothing is linked to {socket.name} of '{group.name}'; link the "
                f"{self.role.called} to it."
            )
        return tree, link.from_socket

    def nodes(self) -> List[Any]:
        """The nodes of the branch."""
        group = self._group.get()
        found, open_ones = {}, [self.start()[1].node]
        while open_ones:
            node = open_ones.pop()
            if node.name in found:
                continue
            if getattr(node, "node_tree", None) == group:
                raise dmp.InputError(
                    f"{SOCKETS[self.role]} of '{group.name}' is linked to what comes out of it; "
                    "link a picture that does not need the matte."
                )
            found[node.name] = node
            links = filter(None, map(_link_to, node.inputs))
            open_ones += [link.from_node for link in links]
        for one in _all_nodes(found.values()):
            image = getattr(one, "image", None)
            if one.bl_idname == RENDER_LAYERS:
                raise dmp.InputError(
                    f"'{one.name}' is in the branch of '{group.name}', and no 3D scene is rendered "
                    "for a matte; render it to files, and link an Image node with these in its "
                    "place."
                )
            if isinstance(image, bpy.types.Image):
                check_one_view(image)
            if isinstance(image, bpy.types.Image) and image.source == "TILED":
                raise dmp.InputError(
                    f"'{image.name}' is in the branch of '{group.name}', and Blender opened it as "
                    "UDIM tiles; open it again with Detect UDIMs off."
                )
        return list(found.values())

    def state(self) -> str:
        """Everything that the pixels of the branch depend on and that is in the .blend."""
        tree, socket = self.start()
        scene = self._scene.get()
        how = (_render_size(scene), socket.node.name, socket.identifier)
        return render.digest(how, state.of_nodes(tree, self.nodes()))

    def stage(self) -> Any:
        """The throw-away scene, with this branch alone. PlateError when it has been changed."""
        if self.state() != self._rendered:
            raise dmp.PlateError(
                f"What is linked to '{self.name}' was changed while its plates were rendered; "
                "matte again."
            )
        keep = {node.name for node in self.nodes()}
        scene = compat.copy_with_compositor(self._scene.get())
        scene.name = "DMP plate"
        tree = compat.compositor_of(scene)
        for node in [one for one in tree.nodes if one.name not in keep]:
            tree.nodes.remove(node)
        return scene

    def socket(self, tree: Any) -> Any:
        """The branch's socket in the throw-away scene's tree."""
        _, socket = self.start()
        number = list(socket.node.outputs).index(socket)
        return tree.nodes[socket.node.name].outputs[number]

    def keep_state(self) -> str:
        """The state now: from here on only that is rendered."""
        self._rendered = self.state()
        return self._rendered


def _built(branch: Branch) -> Optional[Input]:
    """The file itself of a clean plate with a map; None for all else.

    InputError where nodes change it on its way.
    """
    if branch.role is not dmp.Role.CLEAN:
        return None
    start = branch.start()[1].node
    images = [getattr(node, "image", None) for node in _all_nodes(branch.nodes())]
    mapped = [one for one in images if isinstance(one, bpy.types.Image) and built.has_map(one)]
    if not mapped:
        return None
    if getattr(start, "image", None) != mapped[0] or mapped[0].source != "FILE":
        raise dmp.InputError(
            f"'{mapped[0].name}' has a map of what was never seen, which nodes do not hand on; "
            f"link its Image node itself to {SOCKETS[branch.role]} of '{branch.name}'."
        )
    image = mapped[0]
    space, path = built.sent_space(image), file_of(image)
    return Input(branch.role, branch.name, still=True, space=space, path=path)


def _nodes_of(scene: Any, group: Optional[Any]) -> List[Any]:
    """The nodes of the scene's compositor that show ``group``; none for None."""
    tree = compat.compositor_of(scene)
    nodes = [] if tree is None or group is None else tree.nodes
    return [one for one in nodes if getattr(one, "node_tree", None) == group]


def _read(branch: Branch) -> Linked:
    nodes = branch.nodes()
    size = _render_size(branch.scene)
    picture = _picture_at_start(branch.start()[1])
    if picture is not None and picture != size:
        raise dmp.InputError(
            f"The {branch.role.called} of '{branch.name}' is made of a picture of "
            f"{picture[0]} x {picture[1]}, and the scene renders {size[0]} x {size[1]}; give the "
            "scene that resolution, or put a Scale node (Render Size) behind the picture."
        )
    every = list(_all_nodes(nodes))
    sources = [source for node in every for source in [_source(node, branch.role)] if source]
    shapes = [masks.Shapes(node.mask, size) for node in every if getattr(node, "mask", None)]
    now = branch.keep_state()
    origin = ", ".join(sorted(set(filter(None, map(_origin, every))))) or "the nodes"

    def digest(frame: int) -> str:
        return render.digest(now, [one.digest(frame) for one in shapes]) if shapes else now

    return Linked(
        branch.role, branch.name, still=_is_still(branch, every), space="scene_linear", size=size,
        socket=branch.socket, stage=branch.stage, origin=f"{origin} by '{branch.name}'",
        digest=digest, sources=tuple(sources),
    )  # fmt: skip


def _render_size(scene: Any) -> Tuple[int, int]:
    return scene.render.resolution_x, scene.render.resolution_y


def _link_to(socket: Any) -> Optional[Any]:
    return next((link for link in socket.links if not link.is_muted), None)


def _all_nodes(nodes: Any) -> Iterator[Any]:
    """Nodes, and those inside of groups among them."""
    seen: Set[int] = set()
    open_ones = list(nodes)
    while open_ones:
        node = open_ones.pop()
        yield node
        group = getattr(node, "node_tree", None)
        if group is not None and group.as_pointer() not in seen:
            seen.add(group.as_pointer())
            open_ones += list(group.nodes)


def _is_still(branch: Branch, nodes: List[Any]) -> bool:
    """Whether the picture is certainly the same in all frames."""
    trees = [compat.compositor_of(branch.scene), *(node.id_data for node in nodes)]
    return not any(tree.animation_data for tree in trees) and all(map(_is_constant, nodes))


def _is_constant(node: Any) -> bool:
    if node.bl_idname == "CompositorNodeImage":
        return node.image is None or node.image.source in ("FILE", "GENERATED")
    if any(getattr(node, name, None) is not None for name in ("clip", "mask", "scene", "texture")):
        return False
    return len(node.inputs) > 0 or node.bl_idname in CONSTANT or node.type in ("FRAME", "REROUTE")


def _picture_at_start(socket: Any) -> Optional[Tuple[int, int]]:
    """The size of the picture that the branch follows; None where that is not known.

    Of several inputs a node follows the first with colours.
    """
    seen: Dict[str, Any] = {}
    node = socket.node
    while node.name not in seen and node.bl_idname not in RESHAPING:
        seen[node.name] = node
        links = [link for link in map(_link_to, node.inputs) if link is not None]
        coloured = [link for link in links if link.to_socket.type == "RGBA"]
        if not links:
            break
        node = (coloured or links)[0].from_node
    if node.bl_idname == "CompositorNodeMovieClip" and node.clip is not None:
        return tuple(node.clip.size)
    if node.bl_idname != "CompositorNodeImage" or node.image is None:
        return None
    image, path = node.image, _any_file(node.image)
    size = size_of_image(image) if image.source != "SEQUENCE" else file_size(path)
    found = rendered_size(image, path, size)
    return found if 0 not in found else None


def _any_file(image: Any) -> str:
    """The path of an image's file; of a sequence any that is there. PlateError."""
    path = file_of(image)
    files = numbered(path) if image.source == "SEQUENCE" else None
    numbers = files.numbers() if files is not None else []
    found = files.path(numbers[0]) if files is not None and numbers else path
    on_disk = image.source in ("SEQUENCE", "FILE") and not (image.packed_file or image.is_dirty)
    if on_disk and not os.path.exists(found):
        raise dmp.PlateError(f"{found}, which is linked to a node DMP Matte, does not exist.")
    return found


def _origin(node: Any) -> str:
    """What a picture of the branch is called, the same in all frames; "" for other nodes."""
    datablock = getattr(node, "image", None) or getattr(node, "clip", None)
    if not isinstance(datablock, (bpy.types.Image, bpy.types.MovieClip)):
        return ""
    path = file_of(datablock)
    files = numbered(path) if datablock.source == "SEQUENCE" else None
    if files is not None:
        return os.path.join(files.folder, f"{files.head}{'#' * files.digits}{files.tail}")
    return path or f"image '{datablock.name}'"


def _source(node: Any, role: Any) -> Optional[Source]:
    """The file of a node in a frame; None for one that shows no file."""
    if node.bl_idname == "CompositorNodeImage" and node.image is not None:
        image = node.image
        path = _any_file(image)
        files = numbered(path) if image.source == "SEQUENCE" else None
        if image.packed_file or not path:
            return None
        if files is None:
            return lambda frame: path
        start, length, offset = node.frame_start, node.frame_duration, node.frame_offset
        turns = node.use_cyclic

        def of_sequence(frame: int) -> str:
            number = frame - start
            number = number % length if turns else min(max(number, 0), length - 1)
            return files.path(max(number + 1 + offset, 0))

        return of_sequence
    clip = getattr(node, "clip", None)
    if clip is None:
        return None
    return _source_of_clip(clip, role)


def _source_of_clip(clip: Any, role: Any) -> Source:
    path, name = file_of(clip), clip.name
    files: Optional[Numbered] = numbered(path) if clip.source == "SEQUENCE" else None
    start, offset, length = clip.frame_start, clip.frame_offset, clip.frame_duration
    first = files.number_in(path) if files is not None else 1

    def of_clip(frame: int) -> str:
        if files is not None:
            return files.path(max(first + offset + frame - start, 0))
        if not 1 <= frame - start + 1 + offset <= length:
            raise dmp.PlateError(
                f"The {role.called} is made of the movie clip '{name}', which has no frame {frame}."
            )
        return path

    return of_clip
