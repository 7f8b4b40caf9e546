"""The running matte as an image: alpha as grey in the datablock "DMP Preview".

The engine's preview is a small PNG with the alpha in its alpha channel; it is read into a
generated image, which every Image Editor can show and which is never saved with the file.
"""

from __future__ import annotations

from typing import Any, Optional

import bpy
import numpy as np

NAME = "DMP Preview"


def update(path: str) -> Optional[Any]:
    """Show the alpha of the PNG at ``path``; None when it cannot be read."""
    try:
        picture = bpy.data.images.load(path)
    except RuntimeError:
        return None  # replaced this very moment: the next one comes soon
    try:
        picture.alpha_mode = "CHANNEL_PACKED"
        picture.colorspace_settings.name = "Non-Color"
        pixels = np.empty(len(picture.pixels), dtype=np.float32)
        width, height = picture.size
        if not pixels.size or not width:
            return None
        picture.pixels.foreach_get(pixels)
    finally:
        bpy.data.images.remove(picture)
    grey = pixels.reshape(-1, 4)
    grey[:, :3] = grey[:, 3:]
    grey[:, 3] = 1.0
    image = bpy.data.images.get(NAME)
    if image is None or image.source != "GENERATED":
        image = bpy.data.images.new(NAME, width, height, is_data=True)
    if tuple(image.size) != (width, height):
        image.scale(width, height)
    image.pixels.foreach_set(grey.ravel())
    image.update()
    return image
