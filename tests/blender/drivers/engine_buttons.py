"""The panel's buttons about the engine, and what they say."""

import importlib
from functools import partial

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
    chosen.engine_python = before = given["python"]
    for name in ("wrong", "absent"):  # tried first: the one that works stays
        seen[f"choose {name}"] = outcome(partial(bpy.ops.dmp.choose_engine, filepath=given[name]))
        seen[f"kept after {name}"] = chosen.engine_python == before
    for name in ("wrong", "absent"):  # typed in the preferences
        chosen.engine_python_typed = given[name]
        seen[f"typed {name}"] = [chosen.engine_python, chosen.engine_python_typed]
    chosen.engine_python_typed = ""
    seen["typed empty"] = chosen.engine_python
    chosen.engine_python_typed = before
    seen["typed"] = [chosen.engine_python, chosen.engine_python_typed]
    chosen.engine_python = ""
    seen["choose"] = outcome(lambda: bpy.ops.dmp.choose_engine(filepath=before))
    seen["chosen"] = chosen.engine_python == before
    bpy.ops.wm.save_as_mainfile(filepath=given["blend"])
    chosen.engine_python = bpy.path.relpath(before)
    seen["relative"] = importlib.import_module(f"{MODULE}.chosen").engine_python()
    chosen.engine_python = before
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
