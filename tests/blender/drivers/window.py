"""In a real window: the panel, a click on Matte range, progress, Esc, undo, the matte in the tree.

A story of small steps on Blender's own timer: each is called again until it returns true.
"""

import os
import sys

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))

import bpy
import story
from host import MODULE, arguments, compositor, group_node, job_states, mattes
from story import click, move, photograph, shot, sidebar, wait, window, xdotool

given = arguments()
seen, kept = {"texts": [], "fractions": []}, {}


def area(kind):
    return next(one for one in window().screen.areas if one.type == kind)


def press(key, where):
    move(where.x + 200, where.y + 200)
    xdotool("sleep", 0.2, "key", key)


# --- the steps ---


def enable():
    bpy.ops.preferences.addon_enable(module=MODULE)
    chosen = bpy.context.preferences.addons[MODULE].preferences
    chosen.engine_python, chosen.device, chosen.threads = given["python"], "cpu", 1
    seen.setdefault("nodes before", len(compositor(bpy.context.scene).nodes))
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


def drag_sidebar(part):
    """Its rows are to be read in the screenshots; Blender wants to see each part on its own."""

    def step():
        region = sidebar(area("NODE_EDITOR"))
        if part == "to":
            move(region.x + 2, region.y + 60)
        elif part == "down":
            xdotool("mousedown", 1)
        elif part == "up":
            xdotool("mouseup", 1)
        else:
            move(region.x - part, region.y + 60)
        return True

    return step


def open_tab():
    region = sidebar(area("NODE_EDITOR"))
    if given["tab"] is None:  # a newer Blender can be asked for it
        region.active_panel_category = "DMP"
    else:
        click(region.x + region.width - 12, region.y + region.height - given["tab"])
    return True


def press_matte_range():
    region = sidebar(area("NODE_EDITOR"))
    click(region.x + region.width / 2, region.y + region.height - given["button"])
    return True


def running():
    if f"{MODULE}.session" not in sys.modules:
        return False
    return sys.modules[f"{MODULE}.session"].Session.current is not None


def started():
    return running()


def watch(until):
    """Note the progress that the panel shows until it is far enough, then take its picture."""

    def step():
        status = sys.modules[f"{MODULE}.run"].Progress.status
        if status is not None and status.fraction not in seen["fractions"]:
            seen["fractions"].append(status.fraction)
            seen["texts"].append(status.text)
        far = status is not None and status.fraction >= until and "DMP Preview" in bpy.data.images
        if far:
            shot("running")
        return far or not running()

    return step


def ended():
    return not running()


def groups():
    nodes = compositor(bpy.context.scene).nodes
    groups = [one for one in nodes if one.bl_idname == "CompositorNodeGroup"]
    return [one.name for one in groups if "dmp_result" in one.node_tree]


def files():
    return [os.path.basename(one) for one in mattes(given["output"])]


def unsaved_images():
    """What Blender would ask to save when it quits."""
    return [one.name for one in bpy.data.images if one.is_dirty and one.source != "VIEWER"]


def viewed():
    """What the viewer shows: the name of the node and of its output."""
    links = compositor(bpy.context.scene).links
    return [
        [one.from_node.label, one.from_socket.name]
        for one in links
        if one.to_node.bl_idname == "CompositorNodeViewer"
    ]


def users():
    """Of the plate, as Blender counts them: what has none is not saved."""
    return bpy.context.scene.dmp.plate.image.users


def in_view():
    """Whether all of the group lies where neither sidebar nor asset shelf covers it."""
    place, node = area("NODE_EDITOR"), group_node(bpy.context.scene)
    region = next(one for one in place.regions if one.type == "WINDOW")
    scale = bpy.context.preferences.system.ui_scale
    left, high = (one * scale for one in node.location)
    right, low = left + node.dimensions.x, high - node.dimensions.y
    to_region = region.view2d.view_to_region
    left, low = to_region(left, low, clip=False)
    right, high = to_region(right, high, clip=False)
    over = [one for one in place.regions if one != region and min(one.width, one.height) > 1]
    covered = any(
        one.x - region.x < right and left < one.x - region.x + one.width
        and one.y - region.y < high and low < one.y - region.y + one.height
        for one in over
    )  # fmt: skip
    inside = 0 <= left and right <= region.width and 0 <= low and high <= region.height
    return inside and not covered


def compositing(name):
    """Another workspace, in which the group lies below what is seen."""

    def step():
        kept.setdefault("before", window().workspace)
        window().workspace = bpy.data.workspaces[name] if name else kept["before"]
        group_node(bpy.context.scene).location.y -= 500 if name else 0
        return True

    return step


def present():
    scene = bpy.context.scene
    sys.modules[f"{MODULE}.view"].present(scene, group_node(scene))
    return True


def previews():
    return [one.name for one in bpy.data.images if one.name.startswith("DMP Preview")]


def click_view(view):
    """What the button does."""

    def step():
        place = {"window": window(), "screen": window().screen, "area": area("NODE_EDITOR")}
        with bpy.context.temp_override(**place):
            bpy.ops.dmp.view("INVOKE_DEFAULT", view=view)
        return True

    return step


def play():
    place = {"window": window(), "screen": window().screen, "area": area("NODE_EDITOR")}
    with bpy.context.temp_override(**place):
        bpy.ops.screen.animation_play()
    return True


def plays():
    return window().screen.is_animation_playing


def plays_no_more():
    return not plays()


def note(name, what):
    return story.note(seen, name, what)


def show_result():
    """The artist's next step: the matte over nothing, in the viewer."""
    tree = compositor(bpy.context.scene)
    node = group_node(bpy.context.scene)
    for one in tree.nodes:
        one.select = one == node
    tree.nodes.active = node
    return True


def key(name):
    def step():
        press(name, area("NODE_EDITOR"))
        return True

    return step


def make_long():
    scene = bpy.context.scene
    scene.frame_start, scene.frame_end = 1001, given["last"]
    scene.dmp.joint_steps = 1_000_000
    return True


def no_job_runs():
    return not {"running", "queued"} & set(job_states())


def open_another():
    bpy.ops.wm.open_mainfile(filepath=given["blend"])
    return True


def show_preferences():
    bpy.ops.screen.userpref_show()
    bpy.context.preferences.active_section = "ADDONS"
    bpy.context.window_manager.addon_search = "DMP"
    import addon_utils  # comes with bpy

    addon_utils.modules_refresh()
    addon_utils.module_bl_info(addon_utils.addons_fake_modules[MODULE])["show_expanded"] = True
    return True


def ask_for_a_frame_too_many():
    """The plates end at 1008."""
    scene = bpy.context.scene
    scene.frame_start, scene.frame_end = 1008, 1009
    scene.dmp.publish_to = os.path.join(given["output"], "published")
    return True


def press_publish():
    region = sidebar(area("NODE_EDITOR"))
    click(region.x + region.width / 2, region.y + region.height - given["publish"])
    return True


def failures():
    found = sys.modules[f"{MODULE}.publish"].Outcome.of(bpy.context.scene)
    return [[one.check, one.sentence, list(one.repairs)] for one in found]


def repair(label):
    """What the button below the failure does; its place depends on how the sentence wraps."""

    def step():
        found = sys.modules[f"{MODULE}.publish"].Outcome.of(bpy.context.scene)
        text = "\n".join((found[0].check, found[0].shot, label))
        place = {"window": window(), "screen": window().screen, "area": area("NODE_EDITOR")}
        with bpy.context.temp_override(**place):
            bpy.ops.dmp.publish("INVOKE_DEFAULT", repair=text)
        return True

    return step


def published():
    top = os.path.join(given["output"], "published")
    return sorted(
        os.path.relpath(os.path.join(at, one), top)
        for at, _, names in os.walk(top)
        for one in names
    )


def accept_the_rest():
    """A matte of a few steps may not pass; True when nothing is left to accept."""
    if running():
        return False
    if not failures():
        return True
    repair("Accept as it is")()
    return False


ARRANGED = [arrange, wait(1)]
STEPS = [
    enable, *ARRANGED, *map(drag_sidebar, ("to", "down", 40, 40, "up")), wait(1), open_tab,
    wait(4), photograph("panel"),
    press_matte_range, started, watch(0.4), ended, wait(2), show_result, wait(1),
    photograph("result"), note("groups", groups), note("files", files), note("in view", in_view),
    note("unsaved images", unsaved_images), note("previews", previews), note("viewed", viewed),
    key("shift+r"), wait(1), note("repeated", running),
    key("ctrl+z"), wait(1), note("groups after undo", groups),
    key("ctrl+shift+z"), wait(1), note("groups after redo", groups),
    note("users", users), click_view("CHECKER"), wait(3), photograph("checker"),
    note("over checker", viewed), note("users later", users),
    compositing("Compositing"), wait(2), note("in view before", in_view), present, wait(2),
    note("in its workspace", in_view), photograph("workspace"), compositing(""), wait(2),
    make_long, wait(1), press_matte_range, started, wait(2),
    play, wait(1), key("Escape"), plays_no_more, wait(1), note("while playing", running),
    key("Escape"), ended,
    note("after escape", groups), no_job_runs,
    press_matte_range, started, wait(2), open_another, ended, no_job_runs,
    *ARRANGED, *map(drag_sidebar, ("to", "down", 40, 40, "up")), wait(1), open_tab, wait(4),
    ask_for_a_frame_too_many,
    press_matte_range, wait(1), photograph("question"), note("before the answer", running),
    key("Return"), started, ended, note("after the answer", files),
    press_publish, started, ended, wait(2), photograph("unpublished"),
    note("failures", failures), repair("Leave out missing frames"), started, ended,
    accept_the_rest, note("published", published),
    wait(1), show_preferences, wait(4), photograph("preferences"),
]  # fmt: skip


story.tell(STEPS, seen)
