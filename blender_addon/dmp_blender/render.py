"""One frame of anything in Blender as a float EXR, through a throw-away scene.

Rules, each learnt from a silent failure: render as an animation of one frame (``write_still``
gives black for sequences and stale frames for movies), give the scene the picture's exact size
(the compositor crops), let no handler of another add-on see it, and check that the file is there.
The scene lives for one call; the artist's scenes, trees and settings are only read.
"""

from __future__ import annotations

import contextlib
import hashlib
import os
import re
from typing import Any, Callable, Iterator, Tuple

import bpy

from . import colour, compat
from .core import dmp
from .datablocks import Reference

FOREVER = 1_000_000  # frames: a sequence's end is checked by its files, not by a node

# Adds the node that gives the picture to a tree, and returns the socket with it. PlateError where
# the datablock is gone by then.
Socket = Callable[[Any], Any]


def image_socket(
    image: Any, start: int, first: int, layer: str = "", or_main: bool = False
) -> Socket:
    """The picture of an Image datablock; file or movie frame ``first`` at scene frame ``start``.

    ``layer`` names the layer of a file with several; "" is the main one, which one without that
    layer gives ``or_main``.
    """

    chosen = Reference(image)

    def add(tree: Any) -> Any:
        node, image = tree.nodes.new("CompositorNodeImage"), chosen.get()
        node.image = image
        if image.source in ("SEQUENCE", "MOVIE"):
            node.frame_duration = FOREVER
            node.frame_start = start
            node.frame_offset = first - 1
            node.use_auto_refresh = True
        if image.type != "MULTILAYER":
            return node.outputs[0]
        return _layer_socket(node, layer, or_main)

    return add


def _layer_socket(node: Any, layer: str, or_main: bool) -> Any:
    """The picture of an EXR with layers: the one of that name, else the main one. PlateError.

    The engine's rule (plates/io/channels.py), as far as Blender shows what the file has.
    """
    layers = [""]
    if node.has_layers:
        try:
            node.layer = layer or "\n"  # which none is called
            layers = [layer]
        except TypeError as reason:  # the only place that lists them
            layers = re.findall(r"'([^']*)'", str(reason).rpartition("(")[2])
    found = {}
    for one in layers:
        if one:
            node.layer = one
        names = [socket.name for socket in node.outputs if socket.type == "RGBA"]
        found.update({f"{one}.{name}" if one else name: (one, name) for name in names})
    wanted = layer.lower()
    chosen = [
        name for name, (one, leaf) in found.items()
        if (wanted in (name.lower(), leaf.lower()) or wanted == one.lower() and leaf == "Combined")
        or not layer and (leaf == "Combined" or len(found) == 1)
    ]  # fmt: skip
    if not chosen and layer and or_main:
        return _layer_socket(node, "", False)
    if len(chosen) != 1:
        raise dmp.PlateError(
            f"'{node.image.name}' has the layers {', '.join(sorted(found))}; name one of them as "
            "Layer in DMP's panel."
        )
    one, name = found[chosen[0]]
    if one:
        node.layer = one
    return node.outputs[name]


def clip_socket(clip: Any) -> Socket:
    chosen = Reference(clip)

    def add(tree: Any) -> Any:
        node = tree.nodes.new("CompositorNodeMovieClip")
        node.clip = chosen.get()
        return node.outputs[0]

    return add


def mask_socket(mask: Any) -> Socket:
    chosen = Reference(mask)

    def add(tree: Any) -> Any:
        node = tree.nodes.new("CompositorNodeMask")
        node.mask = chosen.get()
        return node.outputs[0]

    return add


def digest(*how: Any) -> str:
    """Eight digits that change with whatever changes the pixels of a rendered plate."""
    return hashlib.sha256(repr(how).encode()).hexdigest()[:8]


def empty_scene() -> Any:
    """A throw-away scene with an empty compositor."""
    scene = bpy.data.scenes.new("DMP plate")
    compat.empty_compositor(scene)
    return scene


def render_frame(
    socket: Socket,
    size: Tuple[int, int],
    frame: int,
    path: str,
    stage: Callable[[], Any] = empty_scene,
) -> None:
    """Write the picture of ``socket`` at a scene frame to ``path``. PlateError when it fails.

    ``stage`` makes the throw-away scene, to whose compositor the socket belongs.
    """
    scene = stage()
    try:
        tree = compat.compositor_of(scene)
        tree.links.new(socket(tree), compat.end_of(tree))
        _shape(scene, size, frame)
        scene.render.filepath = os.path.join(os.path.dirname(path), "part_######")
        written = scene.render.frame_path(frame=frame)
        try:
            with _without_handlers():
                bpy.ops.render.render(animation=True, scene=scene.name)
        except RuntimeError as reason:
            raise dmp.PlateError(
                f"Blender could not render frame {frame} of a plate: {str(reason).strip()}"
            ) from None
    finally:
        compat.remove_scene(scene)
    if not os.path.exists(written):
        raise dmp.PlateError(f"Blender wrote no picture for frame {frame} of a plate.")
    os.replace(written, path)


@contextlib.contextmanager
def _without_handlers() -> Iterator[None]:
    """Other add-ons that save, count or announce what is rendered mean the artist's renders."""
    every = [
        handlers
        for name in dir(bpy.app.handlers)
        if name.startswith(("render_", "composite_"))
        for handlers in [getattr(bpy.app.handlers, name)]
        if isinstance(handlers, list)
    ]
    before = [list(handlers) for handlers in every]
    for handlers in every:
        handlers.clear()
    try:
        yield
    finally:
        for handlers, those in zip(every, before):
            handlers.extend(those)


def _shape(scene: Any, size: Tuple[int, int], frame: int) -> None:
    scene.frame_start = scene.frame_end = frame
    scene.frame_set(frame)
    render = scene.render
    render.resolution_x, render.resolution_y = size
    render.resolution_percentage = 100
    render.frame_map_old = render.frame_map_new = 100
    render.use_border = render.use_multiview = render.use_stamp = False
    render.use_sequencer = False
    render.use_compositing = True
    render.use_overwrite = True
    render.use_placeholder = False
    compat.full_precision(render)
    compat.write_linear_exr(render.image_settings, colour.linear())
