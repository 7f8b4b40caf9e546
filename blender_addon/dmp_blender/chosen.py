"""The artist's choices for this machine, for every other file."""

from __future__ import annotations

from typing import Any

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
