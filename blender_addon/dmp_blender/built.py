"""Clean plates that were built of a shot's own frames: they have a map of what no frame shows.

What Blender renders of such a file has its colours alone, and those that are made up would count as
seen. So it reaches the engine as it is, or is refused.
"""

from __future__ import annotations

from typing import Any

from . import colour
from .core import dmp
from .sizes import file_of

LINEAR_NAMES = ("Linear", "Linear Rec.709")


def has_map(image: Any) -> bool:
    """Whether the file of an Image datablock is such a clean plate."""
    is_file = image.source in ("FILE", "SEQUENCE") and not (image.packed_file or image.is_dirty)
    return is_file and bool(dmp.has_unseen_map(file_of(image)))


def sent_space(image: Any) -> str:
    """The colour space of its file for the engine. PlateError where Blender would convert it."""
    settings = image.colorspace_settings
    if settings.is_data:
        return "raw"
    if (
        settings.name == colour.linear()
        or settings.name in LINEAR_NAMES
        and not colour.of_facility()
    ):
        return "scene_linear"  # the values that a rendered plate has as well
    raise dmp.PlateError(
        f"'{image.name}' has a map of what was never seen, which is lost where Blender converts "
        f"its colours from {settings.name}; build it here, or give a clean plate without the layer "
        "unseen."
    )
