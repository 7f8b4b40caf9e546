"""A story of small steps on Blender's own timer: each is called again until it returns true."""

import subprocess
import time
import traceback

import bpy
from host import MODULE, answer

PATIENCE = 90.0  # seconds for one step


def tell(steps, seen, photograph):
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
            photograph("failed")
        seen["left"] = len(steps)
        bpy.ops.preferences.addon_disable(module=MODULE)
        answer(**seen)
        bpy.ops.wm.quit_blender()
        return None

    bpy.app.timers.register(tick, first_interval=1.0, persistent=True)


def _close_splash():
    subprocess.run(
        ["xdotool", "mousemove", "400", "700", "sleep", "0.2", "key", "Escape"], check=True
    )
    return True


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
