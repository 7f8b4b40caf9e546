"""In a real window: the panel's button *Install Engine* is clicked, its question answered.

Nobody calls an operator here: what an artist's mouse and keyboard do is all that happens.
"""

import importlib
import os
import sys

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))

import bpy
import story
from host import MODULE, arguments, core_module
from story import biggest, photograph, shot, sidebar, wait, xdotool

given = arguments()
seen = {"titles": [], "steps": []}
INDEX = os.environ["PIP_INDEX_URL"]


def click(x, y):
    """From the sidebar's upper left corner, to the right and down."""
    bar = sidebar(biggest())
    story.click(bar.x + x, bar.y + bar.height - y)


def ours(name):
    return importlib.import_module(f"{MODULE}.{name}")


def enable():
    system = bpy.context.preferences.system
    if hasattr(system, "use_online_access"):  # an artist ticks it, as a newer Blender asks for
        system.use_online_access = True
    bpy.ops.preferences.addon_enable(module=MODULE)
    biggest().ui_type = "CompositorNodeTree"
    biggest().spaces.active.show_region_ui = True
    return True


def open_tab():
    if given["tab"] is None:  # a newer Blender can be asked for it
        sidebar(biggest()).active_panel_category = "DMP"
    else:
        click(sidebar(biggest()).width - 12, given["tab"])
    return True


def is_missing():
    state = ours("engine")._Watch.state
    return state is not None and state.status.value == "missing"


def press():
    click(sidebar(biggest()).width / 2, given["install"])
    return True


def key(name):
    def step():
        xdotool("key", name)
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
        if ours("installer").sentence() not in seen["steps"]:
            seen["steps"].append(ours("installer").sentence())
        return False
    return True


def cut_network():
    os.environ.update(PIP_INDEX_URL="http://127.0.0.1:9/simple", PIP_RETRIES="0")
    ours("engine").READING = 0.5
    return True


def mend_network():
    os.environ["PIP_INDEX_URL"] = INDEX
    return True


def failure():
    """What the artist sees who comes back later."""
    return [ours("engine")._Watch.failed, ours("engine")._Watch.note]


def is_installed():
    return ours("engine")._Watch.state.status.value == "stopped"


def note(name, what):
    return story.note(seen, name, what)


STEPS = [
    enable, wait(1), open_tab, is_missing, wait(1), photograph("missing"),
    press, wait(1), photograph("question"), note("before the answer", runs), key("Escape"),
    wait(1), note("after Escape", runs),
    cut_network, press, wait(1), key("Return"), runs, ended, wait(2), photograph("failed"),
    note("failure", failure), mend_network,
    press, wait(1), key("Return"), runs, wait(1), note("while it runs", failure),
    ended, is_installed, photograph("installed"),
    note("success", lambda: ours("installer").worked()),
    note("config", lambda: core_module("paths").read_config()),
]  # fmt: skip

story.tell(STEPS, seen)
