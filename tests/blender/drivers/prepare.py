"""A shot as an artist has it before the first matte, saved for a window to open."""

import bpy
from host import addon, answer, arguments, configure, load, new_compositor

given = arguments()
with addon(given["python"]) as scene:
    tree = new_compositor(scene)
    plate, clean = load(given["plate"], sequence=True), load(given["clean"])
    for image, y in ((plate, 420), (clean, -20)):
        node = tree.nodes.new("CompositorNodeImage")
        node.image, node.location = image, (-260, y)
        if image == plate:
            node.frame_start, node.frame_offset, node.frame_duration = 1001, 1000, 8
    scene.frame_start, scene.frame_end = 1001, given["last"]
    scene.frame_set(1001)
    configure(scene, plate, clean, output=given["output"], **given["settings"])
    bpy.ops.wm.save_as_mainfile(filepath=given["blend"])
answer()
