"""A pyblish window inside a host, where the facility has one. Standard library only, Python 3.9.

pyblish and its window are the host's: whoever installed them registered the window with
``pyblish.api.register_gui``. Its plug-ins run in the host's own process, so they collect from the
host each time that the window is opened or reset.
"""

from __future__ import annotations

import importlib
import importlib.abc
import os
import sys
from importlib.machinery import ModuleSpec
from types import ModuleType
from typing import Any, Callable, Dict, Optional

from .request import PublishRequest, set_host

OWN_NAME = "dmp_matting"


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
    _import_by_its_own_name()
    importlib.import_module(".headless", __package__).register()
    set_host(collect)
    if python:
        os.environ["DMP_ENGINE_PYTHON"] = python
    show()
    return True


def has_publish_window() -> bool:
    """Whether :func:`open_publish_window` has one to show."""
    return _find_window() is not None


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


def _import_by_its_own_name() -> None:
    """Let ``dmp_matting`` name this package, as the plug-ins import it.

    In Blender's zip this package is a part of the add-on and has a longer name.
    """
    ours = (__package__ or "").rpartition(".")[0]  # this package without ".publish"
    if ours != OWN_NAME and OWN_NAME not in sys.modules:
        sys.meta_path.insert(0, _SameModules(ours))


class _SameModules(importlib.abc.MetaPathFinder, importlib.abc.Loader):
    """Imports ``dmp_matting.X`` as the module X of the package ``ours``: one copy, two names."""

    def __init__(self, ours: str) -> None:
        self._ours = ours
        self._specs: Dict[str, Any] = {}  # of the modules that are being imported, by our name

    def find_spec(self, name: str, path: Any = None, target: Any = None) -> Optional[ModuleSpec]:
        if name != OWN_NAME and not name.startswith(f"{OWN_NAME}."):
            return None
        return ModuleSpec(name, self)

    def create_module(self, spec: ModuleSpec) -> ModuleType:
        module = importlib.import_module(self._ours + spec.name[len(OWN_NAME) :])
        self._specs[spec.name] = module.__spec__
        return module

    def exec_module(self, module: ModuleType) -> None:
        """It has run under its own name; importlib has replaced its spec meanwhile."""
        assert module.__spec__ is not None
        module.__spec__ = self._specs.pop(module.__spec__.name)
