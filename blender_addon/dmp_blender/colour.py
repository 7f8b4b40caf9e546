"""Names of the colour configuration in force: Blender's own, or one that ``$OCIO`` names.

A facility's configuration need not have a space called "Non-Color" or "Linear Rec.709". What is
data and what is scene-linear there is read from its roles and from what Blender gives new images.
"""

from __future__ import annotations

import functools
import os
import re
from typing import List

import bpy

from . import compat
from .core import dmp

CONFIGURATION = os.path.join("colormanagement", "config.ocio")
SCENE_LINEAR = re.compile(
    r"^\s+scene_linear\s*:\s*['\"]?([^'\"#\n]+?)['\"]?\s*(#.*)?$", re.MULTILINE
)


def find_own_configuration() -> None:
    """Blender 5.1 and later write the path of their own configuration into ``$OCIO``."""
    named = os.environ.get("OCIO", "").strip()
    folders = [bpy.utils.resource_path(kind) for kind in ("LOCAL", "SYSTEM")]
    places = [os.path.join(folder, "datafiles") for folder in folders if folder]
    places.append(bpy.utils.system_resource("DATAFILES"))
    for place in filter(None, places):
        if named and _same(named, os.path.join(place, CONFIGURATION)):
            dmp.host_configuration(named)


def _same(path: str, other: str) -> bool:
    return os.path.normcase(os.path.realpath(path)) == os.path.normcase(os.path.realpath(other))


def of_facility() -> bool:
    """True where the user's or the facility's configuration is in force."""
    return bool(dmp.own_configuration())


def data() -> str:
    """The space whose values are not converted."""
    return _of_a_new_image(is_data=True)


@functools.cache
def linear() -> str:
    """The scene-linear space in which plates are rendered and mattes are written."""
    if not of_facility():
        return compat.LINEAR
    found = SCENE_LINEAR.search(dmp.configuration_text(dmp.own_configuration()))
    if found is not None and found[1] in names():
        return found[1]
    return _of_a_new_image(float_buffer=True)


def names() -> List[str]:
    """All spaces that an image can have."""
    settings = bpy.types.ColorManagedInputColorspaceSettings
    return list(settings.bl_rna.properties["name"].enum_items.keys())


@functools.cache
def _of_a_new_image(**kind: bool) -> str:
    image = bpy.data.images.new("DMP colour space", 1, 1, **kind)
    try:
        return str(image.colorspace_settings.name)
    finally:
        bpy.data.images.remove(image)
