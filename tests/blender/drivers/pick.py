"""In a real window: the subject is clicked where a screenshot shows it, in both editors."""

import os
import sys

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))

import bpy
import numpy as np
import story
from host import MODULE, arguments, compositor, configure, load, new_compositor
from story import biggest, click, inside, move, shot, wait, xdotool

given = arguments()
seen = {}
kept = {}


def enable():
    bpy.ops.preferences.addon_enable(module=MODULE)
    scene = bpy.context.scene
    kept["plate"] = load(given["plate"])
    configure(scene, kept["plate"], load(given["clean"]))
    return True


def image_editor():
    area = biggest()
    area.ui_type = "IMAGE_EDITOR"
    area.spaces.active.image = kept["plate"]
    return True


def fit():
    with inside(biggest()):
        bpy.ops.image.view_all()
    return True


def backdrop():
    scene, area = bpy.context.scene, biggest()
    area.ui_type = "CompositorNodeTree"
    tree = compositor(scene) or new_compositor(scene)
    scene.use_nodes = True
    tree.nodes.clear()  # nothing is in front of the backdrop
    picture, viewer = tree.nodes.new("CompositorNodeImage"), tree.nodes.new("CompositorNodeViewer")
    picture.image = kept["plate"]
    picture.location, viewer.location = (-3000, 0), (-2700, 0)
    tree.links.new(picture.outputs[0], viewer.inputs[0])
    tree.nodes.active = viewer
    space = area.spaces.active
    space.show_backdrop = True
    space.backdrop_zoom, space.backdrop_offset = 1.5, (-60, 30)
    return True


def choose(subject):
    def step():
        bpy.context.scene.dmp.subject = subject
        with inside(biggest()):
            bpy.ops.dmp.pick_subject("INVOKE_DEFAULT")
        return True

    return step


def find(name):
    """Where the screenshot has the red disc: its left, right, lower and upper end."""

    def step():
        picture = bpy.data.images.load(shot(name))
        width, height = picture.size
        pixels = np.empty(len(picture.pixels), np.float32)
        picture.pixels.foreach_get(pixels)
        bpy.data.images.remove(picture)
        area, (r, g, b) = biggest(), np.moveaxis(pixels.reshape(height, width, -1)[..., :3], -1, 0)
        red = (r > 0.5) & (g < r / 2) & (b < r / 2)
        inside = np.zeros_like(red)
        region = next(one for one in area.regions if one.type == "WINDOW")
        free = sys.modules[f"{MODULE}.compat"].uncovered(area, region)  # assets are red, too
        left, low, right, high = np.add(free, (region.x, region.y) * 2)
        inside[low:high, left:right] = True
        rows, columns = np.nonzero(red & inside)
        kept["disc"] = [int(np.percentile(one, at)) for one in (columns, rows) for at in (1, 99)]
        return True

    return step


def click_it():
    left, right, low, high = kept["disc"]
    click((left + right) / 2, (low + high) / 2)
    return True


def beside():
    """Left of the picture, as high as the disc is."""
    left, _, low, high = kept["disc"]
    click(left - 200, (low + high) / 2)
    return True


def to_corner():
    left, _, low, _ = kept["disc"]
    move(left + 3, low)
    move(left, low)
    xdotool("sleep", 0.3, "mousedown", 1)
    return True


def to_other_corner():
    _, right, _, high = kept["disc"]
    move(right - 3, high)
    move(right, high)
    xdotool("sleep", 0.3, "mouseup", 1)
    return True


def result(name, place):
    def step():
        seen[name] = list(getattr(bpy.context.scene.dmp, place))
        return True

    return step


def one_after_another():
    """A key is set where there are some, at the frame that is shown."""
    scene = bpy.context.scene
    scene.dmp.keyframe_insert(data_path="keep_point", frame=1)
    scene.frame_set(5)
    scene.dmp.keep_point = (1, 1)
    return True


def keys():
    seen["at frame 1"] = [round(one.evaluate(1)) for one in _curves()]
    seen["at frame 5"] = [round(one.evaluate(5)) for one in _curves()]
    return True


def _curves():
    module = sys.modules[f"{MODULE}.compat"]
    return module.fcurves_of(bpy.context.scene.animation_data)


story.tell(
    [
        enable, image_editor, wait(1), fit, wait(1), find("image_editor"),
        choose("POINT"), wait(0.5), click_it, wait(1), result("point", "keep_point"),
        choose("BOX"), wait(0.5), to_corner, wait(0.5), to_other_corner, wait(1),
        result("box", "keep_box"),
        one_after_another, choose("POINT"), wait(0.5), click_it, wait(1), keys,
        backdrop, wait(3), find("backdrop"), choose("POINT"), wait(0.5), click_it, wait(1),
        result("on the backdrop", "keep_point"),
        choose("POINT"), wait(0.5), beside, wait(1), result("beside it", "keep_point"),
    ],
    seen,
)  # fmt: skip
