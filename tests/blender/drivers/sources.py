"""Every kind of input as the engine would get it: which file, in which space."""

import importlib
import os

import bpy
import numpy as np
from host import MODULE, addon, answer, arguments, load, square_mask

given = arguments()
folder, output = given["folder"], given["output"]
found, rendered = {}, []


def generated(name, is_float, pixels):
    height, width = pixels.shape[:2]
    image = bpy.data.images.new(name, width, height, float_buffer=is_float)
    rgba = np.ones((height, width, 4), np.float32)
    rgba[..., :3] = pixels[::-1]  # Blender's rows go up
    image.pixels.foreach_set(rgba.ravel())
    return image


with addon(given["python"]) as scene:
    plates = importlib.import_module(f"{MODULE}.plates")
    dmp = importlib.import_module(f"{MODULE}.core").dmp

    def ask(name, row, role, frames=(1,), plate=None):
        made = plates.read_input(row, role, plate)
        os.makedirs(os.path.join(output, name), exist_ok=True)
        rendered = [made.plate(frame, os.path.join(output, name)) for frame in frames]
        found[name] = [[one.path, one.colour_space] for one in rendered]
        return made

    def ask_image(name, image, frames=(1,), **place):
        row = scene.dmp.plate
        row.kind, row.image = "IMAGE", image
        for key, value in place.items():
            setattr(row, key, value)
        return ask(name, row, dmp.Role.IMAGE, frames)

    png, exr = os.path.join(folder, "plate.png"), os.path.join(folder, "plate.exr")
    sent = ask_image("png", load(png))
    ask_image("exr", load(exr))
    ask_image("data", load(png, "Non-Color"))
    packed = load(png)
    packed.pack()
    ask_image("packed", packed)
    packed_data = load(png, "Non-Color")
    packed_data.pack()
    ask_image("packed data", packed_data)
    painted = load(png)
    values = np.array(painted.pixels[:], np.float32).reshape(-1, 4)
    values[:8, :3] = (1.0, 0.0, 0.0)
    painted.pixels.foreach_set(values.ravel())
    painted.update()
    ask_image("painted", painted)
    ask_image("float", generated("float", True, np.load(given["float"])))
    ask_image("byte", generated("byte", False, np.load(given["byte"])))
    wide = "ACEScg" if bpy.app.version >= (4, 0) else "Linear ACEScg"
    ask_image("acescg", load(exr, wide))
    cut = load(os.path.join(folder, "cut.exr"), wide)
    ask_image("cut", cut)
    cut.pack()
    ask_image("cut packed", cut)
    frames = load(os.path.join(folder, "clear.0011.png"), sequence=True)
    ask_image("sequence", frames, frames=(5, 6, 7), start=5, first=11)
    bpy.app.handlers.render_complete.append(lambda *_: rendered.append(1))  # another add-on's
    bpy.app.handlers.render_write.append(lambda *_: rendered.append(1))
    movie = bpy.data.images.load(os.path.join(folder, "movie.avi"))
    found["movie kind"] = movie.source
    ask_image("movie", movie, frames=(4, 3), start=3, first=2)
    handlers = bpy.app.handlers.render_complete, bpy.app.handlers.render_write
    found["handlers"] = [len(rendered), *map(len, handlers)]
    for one in handlers:  # with any left, Blender 4.5 hangs at its end
        one.clear()
    row = scene.dmp.plate
    row.kind, row.clip = "CLIP", bpy.data.movieclips.load(os.path.join(folder, "movie.avi"))
    ask("clip", row, dmp.Role.IMAGE, frames=(3, 1))
    row.clip = bpy.data.movieclips.load(os.path.join(folder, "clear.0011.png"))
    found["clip start"] = row.clip.frame_start
    ask("clip of files", row, dmp.Role.IMAGE, frames=(2, 3))
    clean = scene.dmp.clean  # a picture beside a movie: both are rendered, and are of one space
    clean.kind, clean.image = "IMAGE", load(png)
    scene.dmp.plate.kind, scene.dmp.plate.image = "IMAGE", movie
    scene.dmp.plate.start = scene.dmp.plate.first = 1
    found["pair"] = [[one.space, one.job_name(2)] for one in plates.read_inputs(scene.dmp)]
    row = scene.dmp.garbage
    row.kind, row.mask = "MASK", square_mask("half")
    ask("mask", row, dmp.Role.GARBAGE, plate=sent)
    found["left over"] = [one.name for one in (*bpy.data.scenes, *bpy.data.node_groups)]
answer(**found)
