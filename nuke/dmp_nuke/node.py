"""The node: a Group built through Nuke's API.

It is no gizmo: a saved script holds all of it, and opens and renders where DMP is not installed.

    plate ────────────┬──────────────────────────────────┐
    clean_plate ─┐    │                                  │0
    garbage_matte┤    └ write_plate                      Switch "shown" ─ FrameRange ─ Output
    core_matte,  ┤                                       │1      │2
    holdout, ... ┤                                       │       │
                 └ write_clean, write_garbage, ...       │       preview (a PNG while it solves)
    result (Read) ─┬───────────── Switch "straight" ─────┘
                   └ foreground (Copy) ─┘

Which frames have a matte is decided by the disk when a frame is rendered, never by a knob:
``result`` reads the output's own path, and its range is wider than any shot. A Read shows its
first or last frame outside its range, whatever *missing frames* says; here no frame is outside,
so that a frame without an EXR is an error, black or the plate. ``FrameRange`` hands on the node's
own range in place of the wide one. ``shown`` gives the preview at the frame that is being solved
as long as its file is there: a crash leaves no preview behind in a script. The Writes are disabled
but for the moment that they render, so that no render of the script ever runs them.
"""

from __future__ import annotations

from typing import Dict, List, Tuple

import nuke

from dmp_matting.hosts import InputError, Role

from . import knobs

INPUTS: Tuple[Tuple[Role, str, str], ...] = tuple(  # role, name of the input, what it is called
    (role, role.called.replace(" ", "_"), role.called) for role in Role
)
# The plate only where Missing frames is "plate" and the frame's EXR is not there.
FRAME_THERE = "[file exists [format [value result.file] [frame]]]"
RESULT = f'[if {{[value parent.on_error] == "plate"}} {{return {FRAME_THERE}}} {{return 1}}]'
SHOWN = f"[file exists [value preview.file]] && frame == preview.first ? 2 : {RESULT}"
ANY_FRAME = 1_000_000  # no shot has such a frame, nor one below its negative
LABEL = "[value frame_states]"  # on the tile, without DMP too
FOREGROUND = ("red", "green", "blue")
SPACING = 100  # pixels between two inner nodes in the node graph


def create() -> nuke.Group:
    """Make a DMP node in the current group, its inputs connected to what is selected.

    The first selected node becomes the plate, the second the clean plate. One undo step.
    """
    chosen = nuke.selectedNodes()[::-1]
    nuke.Undo.begin("Create DMP")
    try:
        node = build()
        for index, one in enumerate(chosen[: len(INPUTS)]):
            node.setInput(index, one)
        if chosen:
            node.setXYpos(chosen[0].xpos(), chosen[0].ypos() + SPACING)
        for one in chosen:
            one.setSelected(False)
        node.setSelected(True)
    finally:
        nuke.Undo.end()
    if nuke.GUI:
        node.showControlPanel()
    return node


def build() -> nuke.Group:
    """A DMP node without connections."""
    nuke.Layer("foreground", [f"foreground.{leaf}" for leaf in FOREGROUND])
    node: nuke.Group = nuke.nodes.Group()
    node.setName("DMP1")
    knobs.add(node)
    node["label"].setValue(LABEL)
    node.begin()
    try:
        _inside()
    finally:
        node.end()
    return node


def update(node: nuke.Group) -> bool:
    """Make today's node of one that was saved by an older version; False where it is today's.

    Its name, place, connections and values stay.
    """
    if knobs.version_of(node) >= knobs.NODE_VERSION:
        return False
    above = [node.input(index) for index in range(node.inputs())]
    nuke.Layer("foreground", [f"foreground.{leaf}" for leaf in FOREGROUND])
    knobs.replace_all(node)
    node.begin()
    try:
        for one in node.nodes():
            nuke.delete(one)
        _inside()
    finally:
        node.end()
    for index, source in enumerate(above):
        node.setInput(index, source)
    if not node["label"].value():
        node["label"].setValue(LABEL)
    return True


def _inside() -> None:
    inputs = _make_inputs()
    preview = _preview(inputs["plate"])
    straight = _straight(_result())
    shown = nuke.nodes.Switch(name="shown")
    for index, node in enumerate((inputs["plate"], straight, preview)):
        shown.setInput(index, node)
    shown["which"].setExpression(SHOWN)
    span = nuke.nodes.FrameRange(name="span")
    span.setInput(0, shown)
    for name in ("first", "last"):
        span[f"{name}_frame"].setExpression(f"parent.{name}")
    output = nuke.nodes.Output(name="Output1")
    output.setInput(0, span)
    for row, node in enumerate((straight, preview, shown, span, output)):
        node.setXYpos(0, 3 * SPACING + row * SPACING)


def _make_inputs() -> Dict[str, nuke.Node]:
    """The inputs, in the order of their arrows, each with the Write that renders it."""
    made = {}
    for column, (role, name, _) in enumerate(INPUTS):
        made[name] = nuke.nodes.Input(name=name)
        made[name].setXYpos(column * SPACING, 0)
        write = nuke.nodes.Write(name=write_name(role))
        write.setInput(0, made[name])
        write["disable"].setValue(True)
        write.setXYpos(column * SPACING, SPACING)
    return made


def _result() -> nuke.Node:
    """The Read that holds the matte. Raw: the values are what the engine wrote."""
    read = nuke.nodes.Read(name="result")
    read["raw"].setValue(True)
    read["localizationPolicy"].setValue("off")  # a copy of an older matte would be shown
    read["file"].setValue("[value parent.file]")
    for name, value in (("first", -ANY_FRAME), ("last", ANY_FRAME)):
        read[name].setValue(value)
        read[f"orig{name}"].setValue(value)
    read["origset"].setValue(True)
    # The Read's own fourth choice is the nearest frame; where ours is "plate", `shown` has decided.
    read["on_error"].setExpression("parent.on_error < 3 ? parent.on_error : 0")
    read.setXYpos(-2 * SPACING, 0)
    return read


def _straight(result: nuke.Node) -> nuke.Node:
    """Premultiplied, or with the straight foreground as rgb."""
    copy = nuke.nodes.Copy(name="foreground")
    copy.setInput(0, result)
    copy.setInput(1, result)
    for index, leaf in enumerate(FOREGROUND):
        copy[f"from{index}"].setValue(f"foreground.{leaf}")
        copy[f"to{index}"].setValue(f"rgba.{leaf}")
    switch = nuke.nodes.Switch(name="straight")
    switch.setInput(0, copy)
    switch.setInput(1, result)
    switch["which"].setExpression("parent.premultiplied")
    copy.setXYpos(-2 * SPACING, SPACING)
    return switch


def _preview(plate: nuke.Node) -> nuke.Node:
    """The matte while it is being solved: a small PNG with the straight foreground and alpha."""
    read = nuke.nodes.Read(name="preview")
    read["on_error"].setValue("black")
    read["localizationPolicy"].setValue("off")
    premult = nuke.nodes.Premult(name="preview_premult")
    premult.setInput(0, read)
    size = nuke.nodes.Reformat(name="preview_size")
    size.setInput(0, premult)
    size["type"].setValue("to box")
    size["box_fixed"].setValue(True)
    size["resize"].setValue("distort")
    size["box_width"].setExpression(f"{plate.name()}.width")
    size["box_height"].setExpression(f"{plate.name()}.height")
    for row, node in enumerate((read, premult)):
        node.setXYpos(-4 * SPACING, row * SPACING)
    return size


def write_name(role: Role) -> str:
    """The inner Write of an input."""
    return f"write_{role.value}"


def inner(node: nuke.Group, name: str) -> nuke.Node:
    """An inner node of a DMP node; InputError when somebody took it out."""
    found = node.node(name)
    if found is None:
        raise InputError(f"{node.name()} has lost its inner node '{name}'; make a new DMP node.")
    return found


def all_nodes() -> List[nuke.Group]:
    """Every DMP node of the script, inside other groups too."""
    found = nuke.allNodes("Group", nuke.root(), True)
    return [node for node in found if knobs.is_dmp(node) and isinstance(node, nuke.Group)]
