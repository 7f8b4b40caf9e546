"""In a real window: the panel, a click on Matte range, progress, Esc, undo, the matte in the tree.

A story of small steps on Blender's own timer: each is asked again until it says that it is through.
Coordinates are Blender's: from the lower left corner. Screenshots go to ``output``.
"""

import os
import subprocess
import sys
import time

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))

import bpy  # noqa: E402
from host import MODULE, answer, arguments, configure, group_node, load  # noqa: E402

given = arguments()
seen = {"texts": [], "fractions": []}
WIDTH, HEIGHT = given["window"]


def shot(name):
    path = os.path.join(given["output"], f"{name}.png")
    subprocess.run(["import", "-window", "root", path], check=True)


def window():
    return bpy.context.window_manager.windows[0]


def area(kind):
    return next(one for one in window().screen.areas if one.type == kind)


def simulate(kind, value, x, y):
    window().event_simulate(type=kind, value=value, x=int(x), y=int(y))


def click(x, y):
    simulate("MOUSEMOVE", "NOTHING", x - 1, y)
    simulate("MOUSEMOVE", "NOTHING", x, y)
    simulate("LEFTMOUSE", "PRESS", x, y)
    simulate("LEFTMOUSE", "RELEASE", x, y)


def press(key, where):
    simulate("MOUSEMOVE", "NOTHING", where.x + 200, where.y + 200)
    simulate(key, "PRESS", where.x + 200, where.y + 200)
    simulate(key, "RELEASE", where.x + 200, where.y + 200)


def sidebar(where):
    return next(region for region in where.regions if region.type == "UI")


def button(dx, dy):
    """A place in the compositor's sidebar, from its upper left corner."""
    region = sidebar(area("NODE_EDITOR"))
    return region.x + dx, region.y + region.height - dy


def running():
    return sys.modules[f"{MODULE}.session"].Session.current is not None


# --- the steps ---


def prepare():
    bpy.ops.preferences.addon_enable(module=MODULE)
    chosen = bpy.context.preferences.addons[MODULE].preferences
    chosen.engine_python, chosen.device, chosen.threads = given["python"], "cpu", 1
    scene = bpy.context.scene
    scene.use_nodes = True
    plate, clean = load(given["plate"], sequence=True), load(given["clean"])
    for image, y in ((plate, 300), (clean, -80)):
        node = scene.node_tree.nodes.new("CompositorNodeImage")
        node.image, node.location = image, (-420, y)
        if image == plate:
            node.frame_start, node.frame_offset, node.frame_duration = 1001, 1000, 8
    scene.frame_start, scene.frame_end = 1001, given["last"]
    scene.frame_set(1001)
    configure(scene, plate, clean, output=given["output"], **given["settings"])
    seen["nodes before"] = len(scene.node_tree.nodes)
    return True


def arrange():
    """The compositor over the whole window but for an Image Editor on the right."""
    screen = window().screen
    biggest = max(screen.areas, key=lambda one: one.width * one.height)
    biggest.type, biggest.ui_type = "NODE_EDITOR", "CompositorNodeTree"
    place = {"window": window(), "screen": screen, "area": biggest}
    with bpy.context.temp_override(**place):
        biggest.spaces.active.show_region_ui = True
    other = next(one for one in screen.areas if one.type in ("OUTLINER", "PROPERTIES"))
    other.type = "IMAGE_EDITOR"
    other.spaces.active.show_region_ui = False
    return True


def open_tab():
    region = sidebar(area("NODE_EDITOR"))
    with bpy.context.temp_override(window=window(), area=area("NODE_EDITOR"), region=region):
        bpy.context.space_data.show_region_ui = True
        region.active_panel_category = "DMP" if hasattr(region, "active_panel_category") else ""
    return True


def wait(seconds):
    start = []

    def step():
        start.append(time.monotonic())
        return start[-1] - start[0] >= seconds

    return step


def photograph(name):
    def step():
        shot(name)
        return True

    return step


STEPS = [prepare, arrange, wait(2), photograph("first")]


def tick():
    try:
        if STEPS[0]():
            print("STEP", STEPS.pop(0).__name__, flush=True)
        if STEPS:
            return 0.2
    except Exception:
        import traceback

        traceback.print_exc()
        shot("failed")
    answer(**seen)
    bpy.ops.preferences.addon_disable(module=MODULE)
    bpy.ops.wm.quit_blender()
    return None


bpy.app.timers.register(tick, first_interval=1.0)
