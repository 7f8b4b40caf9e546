"""Numbered plates that Blender takes for UDIM tiles: shots begin at 1001, and so do tiles.

Whatever is opened with such a number becomes one set of tiles, even where all files of a shot are
selected: *Open > Detect UDIMs* is on. A set of tiles is never a plate, so its files are.
"""

from __future__ import annotations

from typing import Any, Optional

import bpy

from .files import numbered
from .sizes import file_of

TOKEN = "<UDIM>"
FIRST = "1001"


def as_frames(tiles: Any) -> Optional[Any]:
    """An image of a tiled one's files: a sequence, of a single file a still; None without files.

    The tiled image stays as it is: something else may show it.
    """
    parts = numbered(file_of(tiles).replace(TOKEN, FIRST))
    numbers = parts.numbers() if TOKEN in tiles.filepath and parts is not None else []
    if not numbers:
        return None
    path, source = parts.path(numbers[0]), "SEQUENCE" if numbers[1:] else "FILE"
    for one in bpy.data.images:
        if one.library is None and one.source == source and file_of(one) == path:
            return one
    image = bpy.data.images.load(path)
    image.source = source
    if tiles.library is None:  # relative where that was
        image.filepath = tiles.filepath.replace(TOKEN, f"{numbers[0]:0{parts.digits}d}")
    if tiles.colorspace_settings.name:  # "" before its pixels are read for the first time
        image.colorspace_settings.name = tiles.colorspace_settings.name
    image.alpha_mode = tiles.alpha_mode
    return image
