"""The panel's buttons about the engine, and what they say."""

import importlib

import bpy
from host import MODULE, addon, answer, arguments, core_module, find_engine, outcome

given, seen = arguments(), {}
with addon(given["python"]):
    chosen = bpy.context.preferences.addons[MODULE].preferences
    dmp = importlib.import_module(f"{MODULE}.core").dmp
    seen["log before"] = outcome(bpy.ops.dmp.open_log)
    chosen.engine_python = given["wrong"]
    seen["wrong setup"] = outcome(bpy.ops.dmp.setup)
    seen["config after wrong"] = core_module("paths").read_config()
    seen["wrong start"] = outcome(bpy.ops.dmp.start_engine)
    chosen.engine_python = given["python"]
    seen["setup"] = outcome(bpy.ops.dmp.setup)
    seen["config"] = core_module("paths").read_config()
    first = find_engine().pid
    seen["restart"] = outcome(bpy.ops.dmp.restart_engine)
    seen["another"] = find_engine().pid != first
    seen["state"] = dmp.engine_state().status.value
    chosen.cache = given["cache"]
    seen["cache"] = str(dmp.cache_folder())
    chosen.cache = ""
    seen["cache emptied"] = str(dmp.cache_folder())
answer(**seen)
