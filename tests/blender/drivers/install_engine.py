"""Install Engine, as the panel's button does it, without a window and so without the question."""

import importlib

import bpy
from host import MODULE, addon, answer, arguments, core_module, outcome

given, seen = arguments(), {}
with addon(""):
    dmp = importlib.import_module(f"{MODULE}.core").dmp
    seen["before"] = dmp.engine_state().status.value
    seen["plan"] = dmp.plan_installation(dmp.InstallRequest()).sentence
    if hasattr(bpy.app, "online_access"):
        seen["offline"] = outcome(bpy.ops.dmp.install_engine)[1]
    seen["wrong"] = outcome(lambda: bpy.ops.dmp.install_engine(folder=given["nothing"]))[1]
    seen["installed"] = outcome(lambda: bpy.ops.dmp.install_engine(folder=given["wheels"]))
    state = dmp.engine_state()
    seen["after"], seen["update"] = state.status.value, state.update
    seen["config"] = core_module("paths").read_config()
    seen["started"] = outcome(bpy.ops.dmp.start_engine)
    core_module("client.launcher").stop_engine(force=True)
answer(**seen)
