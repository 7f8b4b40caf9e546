"""In a real window: the panel's button *Install engine* is clicked, its question answered.

Nobody calls an operator here: what an artist's mouse and keyboard do is all that happens.
"""

import importlib
import os
import subprocess
import sys

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))

import bpy
import story
from host import MODULE, arguments, core_module
from story import wait

given = arguments()
seen = {"titles": []}
_, HEIGHT = given["window"]


def shot(name):
    path = os.path.join(given["output"], f"{name}.png")
    subprocess.run(["import", "-window", "root", path], check=True)


def area():
    screen = bpy.context.window_manager.windows[0].screen
    return max(screen.areas, key=lambda one: one.width * one.height)


def sidebar():
    return next(one for one in area().regions if one.type == "UI")


def click(x, y):
    """From the sidebar's upper left corner, to the right and down."""
    where = int(sidebar().x + x), int(HEIGHT - sidebar().y - sidebar().height + y)
    subprocess.run(["xdotool", "mousemove", *map(str, where)], check=True)
    subprocess.run(["xdotool", "sleep", "0.3", "click", "1"], check=True)


def ours(name):
    return importlib.import_module(f"{MODULE}.{name}")


def enable():
    system = bpy.context.preferences.system
    if hasattr(system, "use_online_access"):  # an artist ticks it, as a newer Blender asks for
        system.use_online_access = True
    bpy.ops.preferences.addon_enable(module=MODULE)
    area().ui_type = "CompositorNodeTree"
    area().spaces.active.show_region_ui = True
    return True


def open_tab():
    if given["tab"] is None:  # a newer Blender can be asked for it
        sidebar().active_panel_category = "DMP"
    else:
        click(sidebar().width - 12, given["tab"])
    return True


def is_missing():
    state = ours("engine")._Watch.state
    return state is not None and state.status.value == "missing"


def photograph(name):
    def step():
        shot(name)
        return True

    return step


def press():
    click(sidebar().width / 2, given["install"])
    return True


def key(name):
    def step():
        subprocess.run(["xdotool", "key", name], check=True)
        return True

    return step


def runs():
    return ours("installer").runs()


def ended():
    if runs():
        title = ours("installer").title()
        if title not in seen["titles"]:
            seen["titles"].append(title)
            shot("installing")
        return False
    return True


def is_installed():
    return ours("engine")._Watch.state.status.value == "stopped"


def note(name, what):
    return story.note(seen, name, what)


STEPS = [
    enable, wait(1), open_tab, is_missing, wait(1), photograph("missing"),
    press, wait(1), photograph("question"), note("before the answer", runs), key("Escape"),
    wait(1), note("after Escape", runs),
    press, wait(1), key("Return"), runs, ended, is_installed, wait(1), photograph("installed"),
    note("note", lambda: ours("engine")._Watch.note),
    note("config", lambda: core_module("paths").read_config()),
]  # fmt: skip

story.tell(STEPS, seen, shot)
