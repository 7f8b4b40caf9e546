"""The running matte as an image: alpha as grey in the one datablock "DMP Preview".

The engine's preview is a small PNG with the alpha in its alpha channel. Its grey copy is a file in
Blender's temporary folder, which the datablock shows: such an image never counts as changed, so
quitting asks nothing and nothing is packed. It lives as long as the job and is in no saved file.
"""

from __future__ import annotations

import os
import re
from pathlib import Path
from typing import Any, Dict, Iterator, Optional, Set, Tuple

import bpy
import numpy as np

from . import colour, compat, png
from .core import dmp
from .datablocks import Reference

NAME = "DMP Preview"
OURS = re.compile(re.escape(NAME) + r"(\.\d+)?")


def current() -> Optional[Any]:
    """The image of the running job, once there is one."""
    return bpy.data.images.get(NAME)


def update(path: str) -> Optional[Any]:
    """Show the alpha of the PNG at ``path``; None when it cannot be read."""
    grey = _alpha(path)
    if grey is None:
        return None
    file = os.path.join(os.path.dirname(path), "alpha.png")
    with dmp.atomic_write(Path(file)) as temporary:  # Blender may be reading the one before
        temporary.write_bytes(png.encode(grey))
    image = current()
    if image is not None and image.filepath == file:
        image.reload()
        return image
    forget()  # an earlier version's, or one of a saved file
    image = bpy.data.images.load(file)
    image.name = NAME
    image.colorspace_settings.name = colour.data()
    return image


def forget() -> None:
    """Remove the image, and what earlier versions of DMP left of theirs in a saved file."""
    for image in [one for one in bpy.data.images if OURS.fullmatch(one.name)]:
        bpy.data.images.remove(image)


class Editors:
    """The Image Editors that show the running alpha: ``chosen``, with the button, and empty ones.

    A closed editor's memory is no longer its own, and Python cannot see that: each is found anew
    by its address among those that are open. One in which the artist looks at something else
    meanwhile is left alone.
    """

    def __init__(self, chosen: Any) -> None:
        self._before: Dict[int, Optional[Reference]] = {
            space.as_pointer(): Reference(space.image) if space.image is not None else None
            for space in _image_editors()
            if space == chosen or space.image is None
        }
        self._shown: Set[int] = set()

    def show(self) -> None:
        """Show the preview, once there is one, in place of what was shown before the job."""
        image = current()
        for space, before in self._open() if image is not None else ():
            here = space.as_pointer()
            if space.image is None or (space.image == before and here not in self._shown):
                space.image = image
                self._shown.add(here)

    def restore(self) -> None:
        """Show again what was shown before; to be called before the preview is removed."""
        preview = current()
        for space, before in self._open():
            if space.image in (None, preview):
                space.image = before

    def _open(self) -> Iterator[Tuple[Any, Optional[Any]]]:
        """Each that is still open, and the image that it showed before, if that exists."""
        for space in _image_editors():
            if space.as_pointer() in self._before:
                before = self._before[space.as_pointer()]
                yield space, before.find() if before is not None else None


def _image_editors() -> Iterator[Any]:
    for window in bpy.context.window_manager.windows:
        for area in window.screen.areas:
            if area.ui_type == "IMAGE_EDITOR":
                yield area.spaces.active


class Overlay:
    """The running alpha in a corner of every Compositor, as the artist's nodes stay untouched."""

    SHARE, LARGEST, MARGIN = 0.35, 480.0, 16.0  # of the width that is free; pixels

    def __init__(self) -> None:
        draw = bpy.types.SpaceNodeEditor.draw_handler_add
        self._handle = draw(self._draw, (), "WINDOW", "POST_PIXEL")

    def remove(self) -> None:
        bpy.types.SpaceNodeEditor.draw_handler_remove(self._handle, "WINDOW")

    def _draw(self) -> None:
        image, context = current(), bpy.context
        if image is None or context.space_data.tree_type != "CompositorNodeTree":
            return
        import gpu  # in the background there is none
        from gpu_extras.presets import draw_texture_2d

        left, low, right, _ = compat.uncovered(context.area, context.region)
        width = min(self.SHARE * (right - left), self.LARGEST)
        try:
            texture = gpu.texture.from_image(image)
            height = width * image.size[1] / max(image.size[0], 1)
            draw_texture_2d(texture, (left + self.MARGIN, low + self.MARGIN), width, height)
        except (RuntimeError, ReferenceError):
            pass  # the file is replaced this very moment


def _alpha(path: str) -> Optional[Any]:
    """(H, W) uint8, the first row on top."""
    try:
        picture = bpy.data.images.load(path)
    except RuntimeError:
        return None  # replaced this very moment: the next one comes soon
    try:
        picture.alpha_mode = "CHANNEL_PACKED"
        picture.colorspace_settings.name = colour.data()
        pixels = np.empty(len(picture.pixels), dtype=np.float32)
        width, height = picture.size
        if not pixels.size or not width:
            return None
        picture.pixels.foreach_get(pixels)
    finally:
        bpy.data.images.remove(picture)
    alpha = pixels.reshape(height, width, -1)[::-1, :, -1]
    return np.round(np.clip(alpha, 0.0, 1.0) * 255).astype(np.uint8)
