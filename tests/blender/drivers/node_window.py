"""In a real window: Add > Keying > DMP Matte, two branches linked to it, a matte, undo."""

import os
import sys

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))

import bpy
import story
from host import MODULE, arguments, compositor, mattes
from story import biggest, click, inside, move, photograph, sidebar, wait, xdotool

given = arguments()
seen = {}


def point_at(x, y):
    """Somewhere in the editor: pixels from its lower left corner."""
    move(biggest().x + x, biggest().y + y)


def enable():
    bpy.ops.preferences.addon_enable(module=MODULE)
    chosen = bpy.context.preferences.addons[MODULE].preferences
    chosen.engine_python, chosen.device, chosen.threads = given["python"], "cpu", 1
    biggest().ui_type = "CompositorNodeTree"
    return True


def show_sidebar():
    biggest().spaces.active.show_region_ui = True
    point_at(360, 420)
    return True


def add():
    with inside(biggest()):
        bpy.ops.dmp.add_node("INVOKE_DEFAULT")
    return True


def drop():
    point_at(420, 330)
    xdotool("sleep", 0.3, "click", 1)
    return True


def nodes(kind):
    return [one for one in compositor(bpy.context.scene).nodes if one.bl_idname == kind]


def link():
    scene = bpy.context.scene
    tree = compositor(scene)
    (node,) = nodes("CompositorNodeGroup")
    pictures = sorted(nodes("CompositorNodeImage"), key=lambda one: "clean" in one.image.name)
    scene.render.resolution_x, scene.render.resolution_y = given["size"]
    for number, (picture, socket) in enumerate(zip(pictures, node.inputs, strict=True)):
        grade = tree.nodes.new("CompositorNodeExposure")
        grade.inputs[1].default_value = 0.5
        grade.location = (-60, 380 - 300 * number)
        tree.links.new(picture.outputs[0], grade.inputs[0])
        tree.links.new(grade.outputs[0], socket)
    node.location = (160, 180)
    seen["plate"] = [scene.dmp.plate.kind, scene.dmp.plate.group == node.node_tree]
    with inside(biggest()):
        bpy.ops.node.view_all()
        bpy.ops.ed.undo_push(message="Link")
    return True


def matte():
    with inside(biggest()):
        bpy.ops.dmp.matte_frame("INVOKE_DEFAULT")
    return True


def ended():
    return sys.modules[f"{MODULE}.session"].Session.current is None


def open_tab():
    region = sidebar(biggest())
    click(region.x + region.width - 12, region.y + region.height - given["tab"])
    if bpy.app.version >= (5, 0):
        bpy.ops.dmp.add_comps()
    return True


def viewed():
    links = compositor(bpy.context.scene).links
    return [
        [one.from_node.node_tree.name, one.from_socket.name]
        for one in links
        if one.to_node.bl_idname == "CompositorNodeViewer"
    ]


def undo():
    with inside(biggest()):
        bpy.ops.ed.undo()
    return True


def again():
    """After an undo the node is empty, and is filled anew."""
    (node,) = nodes("CompositorNodeGroup")
    seen["after undo"] = [one.bl_idname for one in node.node_tree.nodes]
    return matte()


def note(name, what):
    return story.note(seen, name, what)


STEPS = [
    enable, wait(1), show_sidebar, wait(1), add, wait(1), drop, wait(1),
    link, wait(1),
    matte, wait(0.5), ended, open_tab, wait(3), photograph("node"), note("viewed", viewed),
    note("files", lambda: [os.path.basename(one) for one in mattes(given["output"])]),
    undo, wait(1), again, wait(0.5), ended, wait(1), note("viewed again", viewed),
    note("scenes", lambda: [one.name for one in bpy.data.scenes]),
]  # fmt: skip

story.tell(STEPS, seen)
