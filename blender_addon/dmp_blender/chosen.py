"""The artist's choices for this machine, for every other file."""

from __future__ import annotations

import os
from typing import Any, Optional

import bpy


class _Defaults:
    """The preferences of an add-on that runs without being enabled."""

    engine_python = ""
    device = "auto"
    threads = 0
    cache = ""


def preferences() -> Any:
    """The add-on's preferences."""
    found = bpy.context.preferences.addons.get(__package__)
    return found.preferences if found is not None else _Defaults


def engine_python() -> Optional[str]:
    """The engine's Python of the preferences, as a whole path; None where none is chosen."""
    return whole_path(preferences().engine_python) or None


def whole_path(named: str) -> str:
    """A path as somebody wrote it, with ``//`` or ``~``, for every other program; "" for ""."""
    return os.path.normpath(os.path.expanduser(bpy.path.abspath(named))) if named else ""


def whole_folder(named: str, blend: str) -> str:
    """A folder as somebody wrote it, with ``//`` or ``~``; a relative one is beside ``blend``.

    "" for "", and for a relative one while the .blend has no name.
    """
    named = os.path.expanduser(named)
    if named.startswith("//") or named and not os.path.isabs(named):
        named = os.path.join(os.path.dirname(blend), named.removeprefix("//")) if blend else ""
    return os.path.normpath(named) if named else ""
