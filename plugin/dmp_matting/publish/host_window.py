"""A pyblish window inside a host, where the facility has one. Standard library only, Python 3.9.

pyblish and its window are the host's: whoever installed them registered the window with
``pyblish.api.register_gui``. Its plug-ins run in the host's own process, so they ask the host each
time that the window is opened or reset.
"""

from __future__ import annotations

import importlib
import os
import sys
from typing import Any, Callable, Optional

from .request import PublishRequest, set_host

# What the plug-ins import. In Blender's zip this package is a part of the add-on. The last two
# import the others by their full names, which must not be loaded a second time for that.
_NEEDED = (
    "errors", "settings", "job", "presets", "version", "shots", "shots.events", "shots.sequences",
    "shots.shot", "shots.run", "shots.review", "publish", "publish.request", "publish.instances",
    "publish.headless", "publish.plugins", "publish.plugins._actions",
)  # fmt: skip


def open_publish_window(
    collect: Callable[[], PublishRequest], python: Optional[str] = None
) -> bool:
    """Show the pyblish window that this host has; False when it has none.

    ``collect`` looks at the open scene; ``python`` is the engine's, as the host's preferences name
    it. Raises what the window itself raises.
    """
    show = _find_window()
    if show is None:
        return False
    _by_its_own_name()
    importlib.import_module(".headless", __package__).register()
    set_host(collect)
    if python:
        os.environ["DMP_ENGINE_PYTHON"] = python
    show()
    return True


def _find_window() -> Optional[Callable[[], Any]]:
    """``show`` of the window that was registered last and can be imported."""
    try:
        api = importlib.import_module("pyblish.api")
    except ImportError:
        return None
    for name in reversed(api.registered_guis()):
        try:
            show: Callable[[], Any] = importlib.import_module(name).show
        except (ImportError, AttributeError):
            continue
        return show
    return None


def _by_its_own_name() -> None:
    ours = (__package__ or "").rpartition(".")[0]  # this package without ".publish"
    if ours == "dmp_matting":
        return
    sys.modules.setdefault("dmp_matting", sys.modules[ours])
    for name in _NEEDED:
        sys.modules.setdefault(f"dmp_matting.{name}", importlib.import_module(f".{name}", ours))
