"""Folders for plates on their way to the engine, in Blender's own temporary folder.

Blender removes its folder when it quits. What a killed Blender left is removed by the next one
that makes such a folder.
"""

from __future__ import annotations

import glob
import os

import bpy

from .core import dmp

PLATES, PUBLISH = "plates", "publish"
PREFIX = f"dmp-{PLATES}-"


def make(kind: str = PLATES) -> str:
    """A new folder; whoever makes it removes it. OutputError."""
    own = os.path.normpath(bpy.app.tempdir)
    around = glob.escape(os.path.dirname(own))
    dmp.sweep_temporary_folders(glob.glob(os.path.join(around, "blender_*")))
    try:
        os.makedirs(own, exist_ok=True)  # a system may remove what is old there
        return str(dmp.new_temporary_folder(kind, own))
    except OSError as reason:
        raise dmp.OutputError(
            f"Blender's temporary folder {own} cannot be written to ({reason.strerror})."
        ) from None
