"""The one door to ``dmp_matting.hosts``: the zip's own copy, else an installed one.

In the zip the plug-in's core is a sub-package of the add-on, so that it resolves wherever
Blender puts the add-on (``bl_ext.user_default.dmp_blender``, ``dmp_blender``) and meets no other
copy. In a source checkout there is none, and the package on the path is taken.
"""

from __future__ import annotations

import importlib

try:
    dmp = importlib.import_module(".dmp_matting.hosts", __package__)
except ModuleNotFoundError:
    import dmp_matting.hosts as dmp

__all__ = ["dmp"]
