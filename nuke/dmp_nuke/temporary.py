"""Folders for rendered plates, where $NUKE_TEMP_DIR or the system keeps temporary files."""

from __future__ import annotations

import os
from pathlib import Path

from dmp_matting.hosts import new_temporary_folder, sweep_temporary_folders

KIND = "nuke"


def new_folder() -> Path:
    """An empty folder; whoever makes it removes it."""
    return Path(new_temporary_folder(KIND, _place()))


def sweep() -> int:
    """Remove the plates of ended processes of this machine; returns how many folders."""
    return sweep_temporary_folders([_place()])


def _place() -> str:
    return os.environ.get("NUKE_TEMP_DIR", "")
