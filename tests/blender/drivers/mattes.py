"""A garbage matte drawn as a mask and a core matte as a painted image, through the engine."""

import bpy
import numpy as np
from host import addon, answer, arguments, configure, load, said, square_mask

given = arguments()
width, height = given["size"]
with addon(given["python"]) as scene:
    settings = {**given["settings"], "output": given["output"]}
    configure(scene, load(given["plate"]), load(given["clean"]), **settings)
    garbage, core = scene.dmp.garbage, scene.dmp.core
    garbage.kind, garbage.mask = "MASK", square_mask("left half")
    painted = np.zeros((height, width, 4), np.float32)
    painted[:4, :4] = 1.0  # Blender's first row is the lowest
    core.image = bpy.data.images.new("core", width, height, is_data=True)
    core.image.pixels.foreach_set(painted.ravel())
    answer(ended=said(bpy.ops.dmp.matte_frame))
