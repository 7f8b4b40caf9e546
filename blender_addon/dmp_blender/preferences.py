"""What belongs to this machine and not to a .blend: the engine's Python, device, cache, log."""

from __future__ import annotations

import os
from typing import Any

import bpy

from . import engine
from .chosen import preferences, whole_path
from .core import dmp

CACHE = "DMP_CACHE_DIR"
DEVICES = [
    ("auto", "Auto", "A CUDA GPU where there is one, else the CPU"),
    ("cpu", "CPU", "The processor"),
    ("cuda", "GPU", "The CUDA GPU with the most free memory"),
    *((f"cuda:{n}", f"GPU {n}", f"The CUDA GPU with the number {n}") for n in range(8)),
]
_cache_before = os.environ.get(CACHE)


def _cache_chosen(chosen: Any, context: Any) -> None:
    """The engine that this Blender starts next uses the folder."""
    if chosen.cache:
        os.environ[CACHE] = whole_path(chosen.cache)
    elif _cache_before is None:
        os.environ.pop(CACHE, None)
    else:
        os.environ[CACHE] = _cache_before


class DMP_AP_preferences(bpy.types.AddonPreferences):
    """Shown in Preferences > Add-ons > DMP Matting."""

    bl_idname = __package__
    __annotations__ = dict(
        engine_python=bpy.props.StringProperty(
            name="Engine Python",
            subtype="FILE_PATH",
            description="A Python that has the DMP engine; empty: the one that `dmp setup` chose",
        ),
        engine_python_typed=bpy.props.StringProperty(
            name="Engine Python",
            subtype="FILE_PATH",
            get=lambda chosen: engine.shown_python(),
            set=lambda chosen, named: engine.python_typed(named),
            description="A Python that has the DMP engine; it is tried before it is kept. Empty: "
            "the one that `dmp setup` chose",
        ),
        device=bpy.props.EnumProperty(name="Device", items=DEVICES),
        threads=bpy.props.IntProperty(
            name="CPU Threads", min=0, max=256, description="0 takes all cores"
        ),
        cache=bpy.props.StringProperty(
            name="Cache Folder",
            subtype="DIR_PATH",
            update=_cache_chosen,
            description="For finished frames and the log; empty: the usual place",
        ),
    )

    def draw(self, context: Any) -> None:
        layout = self.layout
        layout.use_property_split = True
        layout.prop(self, "engine_python_typed")
        engine.draw_head(layout)
        engine.draw_details(layout, context)
        row = layout.row()
        row.operator("dmp.setup")
        row.operator("dmp.open_log")
        layout.prop(self, "device")
        layout.prop(self, "threads")
        layout.prop(self, "cache")
        layout.label(text=f"Now: {dmp.cache_folder()}")


def register() -> None:
    bpy.utils.register_class(DMP_AP_preferences)
    _cache_chosen(preferences(), None)


def unregister() -> None:
    bpy.utils.unregister_class(DMP_AP_preferences)
