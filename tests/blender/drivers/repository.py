"""Add a self-hosted extension repository by its folder, and install from it, as an artist does."""

import bpy
from host import MODULE, answer, arguments

given = arguments()
bpy.context.preferences.system.use_online_access = True  # of file:// as well
repos = bpy.context.preferences.extensions.repos
url = "file://" + given["folder"] + "/index.json"
repo = repos.new(name="Facility", module="facility", remote_url=url)
index = [one.module for one in repos].index("facility")
bpy.ops.extensions.repo_sync(repo_index=index)
bpy.ops.extensions.package_install(repo_index=index, pkg_id="dmp_blender", enable_on_install=True)
module = MODULE.replace("user_default", "facility")
enabled = module in bpy.context.preferences.addons
answer(enabled=enabled, operator=hasattr(bpy.types, "DMP_OT_matte_frame"))
bpy.ops.preferences.addon_disable(module=module)
