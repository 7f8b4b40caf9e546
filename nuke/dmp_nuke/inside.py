"""The nodes inside a DMP node, as the text of a script.

Nuke pastes them: an edition that lets Python hold ten nodes at most builds the node like any other.

    plate ────────────┬─────────────────────────────────────────────┐
    clean_plate ─┐    │                                             │0
    garbage_matte┤    └ write_plate                               Switch "shown" ─ FrameRange
    core_matte,  ┤                                                │1      │2
    holdout, ... ┤                                                │       │
                 └ write_clean, write_garbage, ...                │     preview (while it solves)
    result (Read) ─┬────────────────────────────── 0 Switch "output"
                   ├ straight (Copy) ───────────── 1              │
                   ├ alpha_only (Copy) ─────────── 2              │
                   ├ confidence_only (Copy) ────── 3              │
    plate ─────────┼────────────────────────────── 4              │
                   ├ over_checker (Expression) ─── 5              │
    background ────┴ over_background (Merge2) ──── 6 ─────────────┘

Which frames have a matte is decided by the disk when a frame is rendered, never by a knob:
``result`` reads the output's own path, and its range is wider than any shot. A Read shows its
first or last frame outside its range, whatever *missing frames* says; here no frame is outside,
so that a frame without an EXR is an error, black or the plate. ``FrameRange`` hands on the node's
own range in place of the wide one. ``shown`` gives the preview at the frame that is being solved
as long as its file is there: a crash leaves no preview behind in a script. The preview is small and
knows nothing of windows: it is spread over the plate's data window, in the plate's format. The
Writes are disabled but for the moment that they render, so that no render of the script ever runs
them.
"""

from __future__ import annotations

import os
import re
import tempfile
from typing import Dict, Iterator, List, NamedTuple, Sequence, Union

import nuke

from dmp_matting.hosts import Role

LAYERS = {  # those of the results that Nuke does not know by itself
    "foreground": ("red", "green", "blue"),
    "confidence": ("alpha",),
}
OLDER = ("foreground",)  # what older versions had inside, beside what is here today
BACKGROUND = "background"  # the input behind the roles' own
# What the node gives, in the order of the Switch.
OUTPUTS = (
    "result", "straight foreground", "alpha", "confidence", "plate", "over checker",
    "over background",
)  # fmt: skip
# The plate only where Missing frames is "plate" and the frame's EXR is not there.
# A relative output lies below the project directory; `join` takes a whole path as it is.
# Between two frames, as a retime below the node may ask, it is the nearer one's file.
FRAME = (
    "[file join [value root.project_directory] "
    "[format [value result.file] [expr {round([frame])}]]]"
)
FRAME_THERE = f"[file exists {FRAME}]"
RESULT = f'[if {{[value parent.on_error] == "plate"}} {{return {FRAME_THERE}}} {{return 1}}]'
SHOWN = f"[file exists [value preview.file]] && frame == preview.first ? 2 : {RESULT}"
# Squares of 16 pixels, darker and lighter than middle grey.
CHECKER = "(1 - a) * (0.12 + 0.12 * abs((floor(x / 16) + floor(y / 16)) % 2))"
ANY_FRAME = 1_000_000  # no shot has such a frame, nor one below its negative
SPACING = 100  # pixels between two inner nodes in the node graph


class Expression(str):
    """A knob's expression, where any other text is its value."""


Value = Union[str, int, float, bool]


class Inner(NamedTuple):
    """One node: its class, the names of what is connected to it, its knobs, its place."""

    kind: str
    name: str
    above: Sequence[str]
    values: Dict[str, Value]
    column: int
    row: int


def paste(node: nuke.Group) -> None:
    """Make the inner nodes of ``node``, which has none yet."""
    for layer, leaves in LAYERS.items():
        nuke.Layer(layer, [f"{layer}.{leaf}" for leaf in leaves])
    handle, path = tempfile.mkstemp(suffix=".nk", prefix="dmp-")
    try:
        with open(handle, "w", encoding="utf-8") as file:
            file.write(text())
        with node:
            nuke.nodePaste(path.replace("\\", "/"))
            for one in nodes_by_name(node):  # a paste selects what it makes
                one.setSelected(False)
    finally:
        os.remove(path)


def text() -> str:
    """All inner nodes, as a script has them."""
    return "\n".join(line for one in inner_nodes() for line in _lines(one)) + "\n"


def names() -> List[str]:
    """The names of the inner nodes."""
    return [one.name for one in inner_nodes()]


def nodes_by_name(node: nuke.Group) -> Iterator[nuke.Node]:
    """Those inner nodes that are there, of which only one is held at a time."""
    for name in names():
        found = node.node(name)
        if found is not None:
            yield found


def write_name(role: Role) -> str:
    """The inner Write of an input."""
    return f"write_{role.value}"


def input_name(role: Role) -> str:
    """The inner Input of a role, and its arrow's label."""
    return role.called.replace(" ", "_")


def inner_nodes() -> Iterator[Inner]:
    """The nodes in an order in which each stands below those that it is connected to."""
    plate = input_name(Role.IMAGE)
    for column, role in enumerate(Role):
        name = input_name(role)
        yield Inner("Input", name, (), {"number": column}, column, 0)
        yield Inner("Write", write_name(role), (name,), {"disable": True}, column, 1)
    column = len(Role)
    yield Inner("Input", BACKGROUND, (), {"number": column}, column, 0)
    yield from _preview(plate)
    yield Inner("Read", "result", (), _result(), -2, 0)
    colours = ("red", "green", "blue")
    for row, (name, sources) in enumerate(
        (
            ("straight", [f"foreground.{leaf}" for leaf in colours]),
            ("alpha_only", ["rgba.alpha"] * 3),
            ("confidence_only", ["confidence.alpha"] * 3),
        ),
        1,
    ):
        values: Dict[str, Value] = {}
        for index, (source, leaf) in enumerate(zip(sources, colours)):
            values[f"from{index}"], values[f"to{index}"] = source, f"rgba.{leaf}"
        yield Inner("Copy", name, ("result", "result"), values, -2, row)
    over = {f"expr{at}": f"{letter} + {CHECKER}" for at, letter in enumerate("rgb")}
    yield Inner("Expression", "over_checker", ("result",), {**over, "expr3": "1"}, -2, 4)
    yield Inner("Merge2", "over_background", (BACKGROUND, "result"), {"operation": "over"}, -2, 5)
    outputs = ("result", "straight", "alpha_only", "confidence_only", plate, "over_checker",
               "over_background")  # fmt: skip
    yield Inner("Switch", "output", outputs, {"which": Expression("parent.output")}, 0, 3)
    shown = (plate, "output", "preview_window")
    yield Inner("Switch", "shown", shown, {"which": Expression(SHOWN)}, 0, 7)
    ends: Dict[str, Value] = {
        f"{end}_frame": Expression(f"parent.{end}") for end in ("first", "last")
    }
    yield Inner("FrameRange", "span", ("shown",), ends, 0, 8)
    yield Inner("Output", "Output1", ("span",), {}, 0, 9)


def _result() -> Dict[str, Value]:
    """The Read that holds the matte. Raw: the values are what the engine wrote."""
    return {
        "file": "[value parent.file]",
        "first": -ANY_FRAME,
        "last": ANY_FRAME,
        "origfirst": -ANY_FRAME,
        "origlast": ANY_FRAME,
        "origset": True,
        # The Read's own fourth choice is the nearest frame; where ours is "plate", `shown` decides.
        "on_error": Expression("parent.on_error < 3 ? parent.on_error : 0"),
        "localizationPolicy": "off",  # a copy of an older matte would be shown
        "raw": True,
    }


def _preview(plate: str) -> Iterator[Inner]:
    """The matte while it is being solved: a small PNG with the straight foreground and alpha."""
    read: Dict[str, Value] = {"on_error": "black", "localizationPolicy": "off"}
    yield Inner("Read", "preview", (), read, -4, 0)
    yield Inner("Premult", "preview_premult", ("preview",), {}, -4, 1)
    size: Dict[str, Value] = {
        "type": "to box",
        "box_width": Expression(f"{plate}.bbox.w"),
        "box_height": Expression(f"{plate}.bbox.h"),
        "box_fixed": True,
        "resize": "distort",
    }
    yield Inner("Reformat", "preview_size", ("preview_premult",), size, -4, 2)
    moved: Dict[str, Value] = {
        "translate": Expression(f"{{{plate}.bbox.x}} {{{plate}.bbox.y}}"),
    }
    yield Inner("Position", "preview_place", ("preview_size",), moved, -4, 3)
    copied: Dict[str, Value] = {}
    for index, leaf in enumerate(("red", "green", "blue", "alpha")):
        copied[f"from{index}"] = copied[f"to{index}"] = f"rgba.{leaf}"
    yield Inner("Copy", "preview_window", (plate, "preview_place"), copied, -4, 4)


def _lines(one: Inner) -> Iterator[str]:
    for name in reversed(one.above):
        yield f"push $N_{name}"
    yield f"{one.kind} {{"
    if len(one.above) != 1:
        yield f" inputs {len(one.above)}"
    yield f" name {one.name}"
    yield f" xpos {one.column * SPACING}"
    yield f" ypos {one.row * SPACING}"
    for name, value in one.values.items():
        yield f" {name} {word(value)}"
    yield "}"
    yield f"set N_{one.name} [stack 0]"


def word(value: Value) -> str:
    """A knob's value as one word of Tcl."""
    if isinstance(value, Expression):
        if value.startswith("{"):  # of a knob with several numbers, each in braces
            return f"{{{value}}}"
        return f"{{{{{quoted(value)}}}}}"
    if isinstance(value, bool):
        return "true" if value else "false"
    return quoted(value) if isinstance(value, str) else str(value)


def quoted(value: str) -> str:
    """Text as a word of Tcl in which nothing is substituted."""
    if re.fullmatch(r"[\w.]+", value):
        return value
    return '"' + re.sub(r'([\\"\[\]{}$])', r"\\\1", value) + '"'
