"""Install the zip as an artist does, enable, disable, enable again; optionally uninstall."""

import os

import bpy
from host import EXTENSIONS, MODULE, answer, arguments

given = arguments()
seen = {}
if EXTENSIONS:
    bpy.ops.extensions.package_install_files(
        filepath=given["zip"], repo="user_default", enable_on_install=True
    )
else:
    bpy.ops.preferences.addon_install(filepath=given["zip"])
    bpy.ops.preferences.addon_enable(module=MODULE)


def registered():
    return {
        "enabled": MODULE in bpy.context.preferences.addons,
        "operator": hasattr(bpy.types, "DMP_OT_matte_frame"),
        "scene": hasattr(bpy.types.Scene, "dmp"),
        "panel": hasattr(bpy.types, "DMP_PT_node_main"),
    }


seen["installed"] = registered()
bpy.ops.preferences.addon_disable(module=MODULE)
seen["disabled"] = registered()
bpy.ops.preferences.addon_enable(module=MODULE)
seen["enabled again"] = registered()
seen["core"] = __import__(MODULE, fromlist=["core"]).core.dmp.__name__
if given["uninstall"]:  # Blender 3.4 can do that in a window only
    index = [repo.module for repo in bpy.context.preferences.extensions.repos].index("user_default")
    bpy.ops.extensions.package_uninstall(repo_index=index, pkg_id="dmp_blender")
    import addon_utils  # comes with bpy

    addon_utils.modules_refresh()
    seen["uninstalled"] = registered()
    seen["left"] = MODULE in [module.__name__ for module in addon_utils.modules()]
else:
    bpy.ops.preferences.addon_disable(module=MODULE)
answer(**seen)
if given["uninstall"] and bpy.app.version < (4, 5):
    os._exit(0)  # the bpy module of 4.2 crashes at its end after an uninstall
