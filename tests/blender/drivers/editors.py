"""In a real window: a double click, editors that are closed under a job, the add-on disabled.

The job is a pretence, without an engine: it shows a preview until it is ended.
"""

import importlib
import os
import sys

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))

import bpy
import story
from host import MODULE, arguments
from story import note, wait, window

given = arguments()
seen = {"started": 0, "closed": 0}
kept = {}


def part(name):
    return importlib.import_module(f"{MODULE}.{name}")


class Pretence:
    """In place of a Session."""

    def __init__(self, *_):
        self.scene, self.is_new, self.finished, self.warnings, self.note = None, False, [], [], ""
        self.result = None

    def leave_out_missing(self):
        pass

    def questions(self):
        return []

    def steps(self):
        seen["started"] += 1
        try:
            while not kept.get("end"):
                if kept.get("preview"):
                    part("preview").update(kept["picture"])
                seen["steps"] = seen.get("steps", 0) + 1
                yield part("session").Status(0.5, "Frame 1: solving")
        finally:
            seen["closed"] += 1

    def show(self):
        return None

    def summary(self):
        return ""


def enable():
    bpy.ops.preferences.addon_enable(module=MODULE)
    part("operators").Session = Pretence
    picture = bpy.data.images.new("alpha", 8, 8, alpha=True)
    picture.filepath_raw = kept["picture"] = os.path.join(given["output"], "alpha_in.png")
    picture.file_format = "PNG"
    picture.save()
    kept.pop("end", None)
    return True


def arrange():
    """A Compositor, and everything else an empty Image Editor."""
    areas = sorted(window().screen.areas, key=lambda one: -one.width * one.height)
    areas[0].ui_type = "CompositorNodeTree"
    for one in areas[1:]:
        one.ui_type = "IMAGE_EDITOR"
        one.spaces.active.image = None
    kept["areas"] = areas
    seen["editors"] = len(areas) - 1
    return True


def click():
    area = kept["areas"][0]
    with bpy.context.temp_override(window=window(), screen=window().screen, area=area):
        try:
            bpy.ops.dmp.matte_range("INVOKE_DEFAULT")
        except RuntimeError:
            pass  # it may not be pressed now
    return True


def shown():
    return [
        area.spaces.active.image.name if area.spaces.active.image else ""
        for area in window().screen.areas
        if area.ui_type == "IMAGE_EDITOR"
    ]


def preview_in_all():
    kept["preview"] = True
    return shown().count("DMP Preview") == seen["editors"]


def change_editors():
    """One shows something else, one becomes another editor, one is closed."""
    first, second, third = kept["areas"][1:4]
    first.spaces.active.image = bpy.data.images["alpha"]
    kept["hidden"] = second.spaces.active
    second.ui_type = "OUTLINER"
    with bpy.context.temp_override(window=window(), screen=window().screen, area=third):
        seen["area closed"] = sorted(bpy.ops.screen.area_close())
    part("preview").forget()  # as a save does
    return True


def hidden():
    return kept["hidden"].image.name if kept["hidden"].image else ""


def end():
    kept["end"] = True
    return True


def ended():
    return part("run").Run.current is None


def disable():
    bpy.ops.preferences.addon_disable(module=MODULE)
    seen["after disabling"] = [
        hasattr(bpy.types.WindowManager, "dmp_progress"),
        [one for one in dir(bpy.types) if one.startswith("DMP_")],
        "DMP Preview" in bpy.data.images,
    ]
    return True


def open_window():
    """A second one, in which the job is started."""
    bpy.ops.wm.window_new_main()
    kept["window"] = next(one for one in all_windows() if one != window())
    area = max(kept["window"].screen.areas, key=lambda one: one.width * one.height)
    area.ui_type = "IMAGE_EDITOR"
    area.spaces.active.image = None
    kept["second"] = area
    return True


def click_there():
    place = {"window": kept["window"], "screen": kept["window"].screen, "area": kept["second"]}
    with bpy.context.temp_override(**place):
        bpy.ops.dmp.matte_range("INVOKE_DEFAULT")
    return True


def shown_there():
    kept["preview"] = True
    image = kept["second"].spaces.active.image
    return image is not None and image.name == "DMP Preview"


def close_window():
    with bpy.context.temp_override(window=kept["window"]):
        bpy.ops.wm.window_close()
    return True


def all_windows():
    return list(bpy.context.window_manager.windows)


def goes_on():
    """Windows, whether the job has one, and how often it was asked for the next step."""
    run = part("run").Run.current
    return [len(all_windows()), run is not None and run.has_window, seen["steps"] - kept["steps"]]


def keep_steps():
    kept["steps"] = seen["steps"]
    return True


def press_escape():
    story.move(window().width / 2, window().height / 2)
    story.xdotool("sleep", 0.3, "key", "Escape")
    return True


def open_another():
    bpy.ops.wm.open_mainfile(filepath=given["blend"])
    return True


def count():
    return [seen["started"], seen["closed"]]


STEPS = [
    enable, arrange, wait(1), click, click, wait(1), note(seen, "double click", count),
    preview_in_all, change_editors, wait(1),
    note(seen, "changed", shown), note(seen, "hidden", hidden),
    end, ended, wait(0.5), note(seen, "at the end", shown), note(seen, "ended", count),
    enable, click, wait(1), disable, wait(1), note(seen, "disabled", count),
    enable, click, wait(1), note(seen, "enabled", count), end, ended,
    # The job's window is closed: it goes on in the other one, where Esc ends it.
    enable, open_window, wait(1), click_there, shown_there, close_window, wait(0.5), keep_steps,
    wait(1), note(seen, "window closed", goes_on), press_escape, ended,
    note(seen, "escaped", count),
    # Another file is opened while there are two windows: both close, and the job ends.
    open_window, wait(1), click_there, wait(1), open_another, ended,
    note(seen, "another file", count),
]  # fmt: skip
story.tell(STEPS, seen)
