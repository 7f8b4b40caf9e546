"""Folders for plates on their way to the engine, in Blender's own temporary folder.

Blender removes its folder when it quits. What a killed Blender left is removed by the next one
that makes such a folder.
"""

from __future__ import annotations

import glob
import os
import shutil
import tempfile

import bpy

from .core import dmp

PREFIX = "dmp-plates-"


def make(kind: str = PREFIX) -> str:
    """A new folder; whoever makes it removes it."""
    _sweep(os.path.dirname(os.path.normpath(bpy.app.tempdir)))
    return tempfile.mkdtemp(prefix=f"{kind}{os.getpid()}-", dir=bpy.app.tempdir)


def _sweep(around: str) -> None:
    """Remove the folders of processes that have ended."""
    for folder in glob.glob(os.path.join(glob.escape(around), "*", "dmp-*-*-*")):
        process = os.path.basename(folder).split("-")[2]
        if process.isdigit() and not dmp.is_alive(int(process)):
            shutil.rmtree(folder, ignore_errors=True)
