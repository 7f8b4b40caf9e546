"""A garbage matte drawn as a mask, the other mattes as painted images, through the engine."""

import bpy
import numpy as np
from host import addon, answer, arguments, configure, load, outcome, square_mask

given = arguments()
width, height = given["size"]


def painted(name, value, rows, columns, ground=0.0):
    """An image of ``ground`` with a rectangle of ``value``; rows from the top, as in the EXR."""
    pixels = np.full((height, width, 4), ground, np.float32)
    pixels[..., 3] = 1.0
    pixels[rows, columns, :3] = value
    image = bpy.data.images.new(name, width, height, is_data=True, float_buffer=True)
    image.pixels.foreach_set(pixels[::-1].ravel())  # Blender's first row is the lowest
    return image


with addon(given["python"]) as scene:
    settings = {**given["settings"], "output": given["output"]}
    configure(scene, load(given["plate"]), load(given["clean"]), **settings)
    mattes = scene.dmp
    mattes.garbage.kind, mattes.garbage.mask = "MASK", square_mask("left half")
    mattes.core.image = painted("core", 1.0, slice(height - 4, height), slice(0, 4))
    mattes.holdout.image = painted("holdout", 0.6, slice(22, 26), slice(0, width))
    trimap = painted("trimap", 1.0, slice(0, 4), slice(8, 20), ground=0.5)
    pixels = np.array(trimap.pixels, np.float32).reshape(height, width, 4)
    pixels[-4:, :8, :3] = 0.0
    trimap.pixels.foreach_set(pixels.ravel())
    mattes.trimap.image = trimap
    answer(ended=outcome(bpy.ops.dmp.matte_frame))
