"""Files and sizes of images and movies, which Blender does not know before it has loaded them."""

from __future__ import annotations

import hashlib
import io
import os
from typing import Any, Tuple

import bpy
import numpy as np

from . import compat
from .core import dmp


def file_of(datablock: Any) -> str:
    """The path of an image's or a clip's file, the same in every .blend; "" without one."""
    if not datablock.filepath:
        return ""
    return os.path.normpath(bpy.path.abspath(datablock.filepath, library=datablock.library))


def size_of_image(image: Any) -> Tuple[int, int]:
    """Width and height; the image is loaded if need be."""
    if 0 in tuple(image.size):
        len(image.pixels)  # loads it
    return tuple(image.size)


def file_size(path: str) -> Tuple[int, int]:
    """Width and height of a file's picture."""
    probe = bpy.data.images.load(path)
    try:
        return size_of_image(probe)
    finally:
        bpy.data.images.remove(probe)


def rendered_size(image: Any, path: str, size: Tuple[int, int]) -> Tuple[int, int]:
    """What the compositor shows of an image of ``size`` pixels: of an EXR its display window.

    An image with layers has no size of its own.
    """
    if not compat.SHOWS_DISPLAY_WINDOW and 0 not in size:
        return size
    packed = image.packed_file
    try:
        with io.BytesIO(packed.data) if packed is not None else open(path, "rb") as file:
            header = dmp.read_exr_header(file)
    except OSError:  # not a file: generated, or painted and never saved
        return size
    shown = "displayWindow" if compat.SHOWS_DISPLAY_WINDOW else "dataWindow"
    window = header.window(shown) if header is not None else None
    return window[2:] if window is not None else size


def movie_size(path: str) -> Tuple[Tuple[int, int], int]:
    """Size and length of a movie, which an Image datablock does not have in the background."""
    clip = bpy.data.movieclips.load(path)
    try:
        return tuple(clip.size), clip.frame_duration
    finally:
        bpy.data.movieclips.remove(clip)


def pixels_digest(image: Any) -> str:
    """Eight digits for the pixels of an image that are in the .blend alone."""
    pixels = np.empty(len(image.pixels), dtype=np.float32)
    image.pixels.foreach_get(pixels)
    return hashlib.sha256(pixels.tobytes()).hexdigest()[:8]
