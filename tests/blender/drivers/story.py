"""A story of small steps on Blender's own timer: each is called again until it returns true.

And the hands and eyes of all stories: real events of the X server, and screenshots into ``output``.
Coordinates are Blender's: from the lower left corner.
"""

import os
import subprocess
import time
import traceback

import bpy
from host import MODULE, answer, arguments

PATIENCE = 90.0  # seconds for one step
given = arguments()


def tell(steps, seen):
    """Do the steps; then, or when one fails, answer with ``seen`` and quit."""
    if bpy.app.version >= (4, 2):  # it greets a user who has no preferences yet
        steps = [wait(1), _close_splash, wait(1), *steps]

    def tick():
        seen.setdefault("since", time.monotonic())
        try:
            if steps[0]():
                seen.update(step=steps.pop(0).__name__, since=time.monotonic())
            if steps and time.monotonic() - seen["since"] < PATIENCE:
                return 0.2
        except Exception:
            traceback.print_exc()
            shot("failed")
        seen["left"] = len(steps)
        bpy.ops.preferences.addon_disable(module=MODULE)
        answer(**seen)
        bpy.ops.wm.quit_blender()
        return None

    bpy.app.timers.register(tick, first_interval=1.0, persistent=True)


def _close_splash():
    xdotool("mousemove", 400, 700, "sleep", 0.2, "key", "Escape")
    return True


# --- steps ---


def wait(seconds):
    start = []

    def step():
        start.append(time.monotonic())
        return start[-1] - start[0] >= seconds

    return step


def note(seen, name, what):
    def step():
        seen[name] = what()
        return True

    return step


def photograph(name):
    def step():
        shot(name)
        return True

    return step


# --- hands and eyes ---


def window():
    return bpy.context.window_manager.windows[0]


def biggest():
    """The area over most of the window."""
    return max(window().screen.areas, key=lambda one: one.width * one.height)


def inside(area):
    """To call operators as from an area."""
    region = next(one for one in area.regions if one.type == "WINDOW")
    return bpy.context.temp_override(
        window=window(), screen=window().screen, area=area, region=region
    )


def sidebar(area):
    return next(region for region in area.regions if region.type == "UI")


def shot(name):
    """Take a picture of the whole screen; its path."""
    path = os.path.join(given["output"], f"{name}.png")
    subprocess.run(["import", "-window", "root", path], check=True)
    return path


def xdotool(*words):
    subprocess.run(["xdotool", *map(str, words)], check=True)


def move(x, y):
    xdotool("mousemove", int(x), int(given["window"][1] - 1 - y))  # X counts from above


def click(x, y):
    move(x - 2, y)
    move(x, y)
    xdotool("sleep", 0.3, "click", 1)
