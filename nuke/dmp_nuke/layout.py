"""The node's knobs as an artist sees them: a short front, the rest in closed groups.

The knobs that mirror a setting are made from the metadata of dmp_matting.Settings. A new setting
therefore needs no line here: it comes into one of the last groups.
"""

from __future__ import annotations

from dataclasses import Field
from typing import Any, Iterator, Sequence

import nuke

from dmp_matting.hosts import (
    AUTO,
    DESCRIPTIONS,
    PRESETS,
    FrameStatus,
    host_choices,
    host_fields,
)

from . import NAME, colour, subject
from .inside import OUTPUTS

NODE_VERSION = 10  # goes up with each change of the knobs or of the nodes inside
SETTING = "set_"  # prefix of the knobs that mirror a setting
ALWAYS = ("seed", "device")  # settings that count with every preset
FRONT = ("solve_size", "recompositions")
SHOT = ("temporal", "align", "illumination", "shadows", "clean_layer")

NAMED = "named"
COLOURS = {  # what the plates hold, and the colour space of the job
    "scene-linear": "auto",
    "raw": "raw",
    NAMED: "",
}
ON_ERROR = ("error", "black", "checkerboard", "plate")  # never another frame's matte
SOLVE = {  # which frames of the range Matte range solves, by their state; None means all
    "missing and stale": (FrameStatus.MISSING, FrameStatus.STALE),
    "all frames": None,
    "missing": (FrameStatus.MISSING,),
    "stale": (FrameStatus.STALE,),
}
RANGES = ("custom", "input", "global")
HELP = (
    "Mattes a plate with its clean plate: alpha, and the foreground without the background's "
    "light. Connect both, set the range and press Matte range. Nuke stays free while the engine "
    "works; the EXRs lie where Output says, and the node shows what lies there."
)

# The whole text of a button. It stays in the script, where the plug-in may be missing.
PRESSED = """\
try:
    import dmp_nuke.buttons
except ImportError:
    nuke.message("DMP Matte is not installed here. The node shows the EXRs that it has.")
else:
    dmp_nuke.buttons.press("{action}")"""


def add(node: nuke.Group) -> None:
    """Give a new node its knobs."""
    node["help"].setValue(HELP)
    node.addKnob(nuke.Tab_Knob("dmp", NAME))
    _range(node)
    _files(node)
    _divider(node, "quality")
    _enumeration(node, "preset", "Preset", (AUTO, *PRESETS), _preset_help())
    _add(node, _setting(_field("device"), "device", front=True))
    _subject(node)
    _check(node, "custom", "Change the preset", False, "The values below replace the preset's.")
    for name in FRONT:
        _add(node, _setting(_field(name), SETTING + name, front=True))
    _divider(node, "actions")
    _button(node, "matte_frame", "Matte frame", "Solve the current frame.")
    _button(node, "matte_range", "Matte range", "Solve the frames of the range.")
    _button(node, "cancel", "Cancel", "End what runs for this node; finished frames stay.")
    _button(node, "clear", "Clear", "Disable the node, so that it shows the plate; the EXRs stay.")
    _button(node, "reload", "Reload", "Show the EXRs that are on disk now.")
    _button(
        node,
        "build_clean",
        "Build clean plate",
        "Where none was shot: make one of the plate's own range, in which the subject moves, and "
        "connect it. What no frame shows is marked in its layer unseen.",
    )
    node.addKnob(nuke.Text_Knob("status", "Status", "No matte yet."))
    frames = nuke.String_Knob("frame_states", "On disk")
    frames.setEnabled(False)
    _text(
        node,
        frames,
        "The range's frames on disk, as of the last job or Reload. A change of the node or of the "
        "nodes above it is shown.",
    )
    _folded(node)
    _hidden(node)


def _range(node: nuke.Group) -> None:
    _enumeration(
        node,
        "range",
        "Frame range",
        RANGES,
        "custom: the two numbers beside; input: the plate's own range; global: the project's.",
    )
    ends = nuke.root().firstFrame(), nuke.root().lastFrame()
    for name, value in zip(("first", "last"), ends):
        knob = nuke.Int_Knob(name, "")
        knob.setTooltip(f"The {name} frame of the range.")
        knob.clearFlag(nuke.STARTLINE)
        knob.setValue(int(value))
        _add(node, knob)
    only = nuke.String_Knob("only", "Only frames")
    _text(node, only, "Frames of the range to solve, such as 1001-1100x10 1120; empty: all.")
    _enumeration(
        node,
        "solve",
        "Solve",
        tuple(SOLVE),
        "Which of them Matte range solves. Stale: the plates or the settings have changed since. "
        "After Cancel, missing and stale goes on where it was.",
    )


def _files(node: nuke.Group) -> None:
    file = nuke.File_Knob("file", "Output")
    _text(node, file, "The EXRs to write, such as matte.%04d.exr; %V stands for the view.")
    _button(node, "version_up", "Version up", "The next version in the output's path.")
    _enumeration(
        node,
        "output",
        "Show",
        OUTPUTS,
        "What the node gives. result: premultiplied foreground and alpha, with all layers.",
    )


def _subject(node: nuke.Group) -> None:
    about = _field("keep").metadata
    _enumeration(
        node,
        subject.MENU,
        about["label"],
        tuple(subject.KINDS),
        "Which regions of the matte stay: everything; the largest of each frame; the one at a "
        "point, or those in a box, that you drag in the viewer. The rest becomes 0.",
    )
    point = nuke.XY_Knob(subject.POINT, "Point")
    point.setTooltip("The region at this point stays. With keyframes it moves with the subject.")
    box = nuke.BBox_Knob(subject.BOX, "Box")
    box.setTooltip(
        "The regions of which more than half lies in this box stay, else the one with most in it. "
        "With keyframes it moves with the subject."
    )
    for knob in (point, box):  # they may be animated: each frame has its own place
        knob.setFlag(nuke.NO_MULTIVIEW)
        node.addKnob(knob)
    _text(node, nuke.String_Knob(subject.WRITTEN, "As written"), about["help"])
    subject.show(node)


def _folded(node: nuke.Group) -> None:
    """All that a first matte does not need."""
    with_group = _Groups(node)
    with_group.begin("plates", "Plates")
    _enumeration(
        node,
        "colour",
        "Colour",
        tuple(COLOURS),
        "What the inputs hold: the script's scene-linear working space; raw values, solved as "
        "they are; or the colour space that is chosen beside. The matte has the same colours.",
    )
    space = nuke.Enumeration_Knob("colour_space", "", colour.spaces())
    space.clearFlag(nuke.STARTLINE)
    _text(node, space, "A colour space of the script's OCIO configuration.")
    _text(
        node,
        nuke.String_Knob("layer", "Layer"),
        "The layer of the plate to matte, where it has several, as Nuke names it; of the clean "
        "plate too, if that has one of this name. Empty: rgba.",
    )
    _check(node, "clean_still", "Clean plate is a still", False, "Take it at the first frame only.")
    _text(node, nuke.String_Knob("views", "Views"), "Views to solve; empty means all.")
    with_group.end()
    with_group.begin("showing", "Missing frames and preview")
    _enumeration(
        node,
        "on_error",
        "Missing frames",
        ON_ERROR,
        "What a frame without an EXR on disk gives, in a viewer and in every render: an error, "
        "which ends a render; black; a checkerboard; or the plate.",
    )
    _check(node, "live_preview", "Live preview", True, "Show the matte while it is being solved.")
    _check(
        node,
        "compute_missing",
        "Compute when missing",
        False,
        "Allows dmp_batch.py to solve missing frames before it renders. A render never does.",
    )
    with_group.end()
    with_group.begin("disk", "Files and farm")
    _button(node, "list_files", "Files...", "What lies on disk of this node; frames are deleted.")
    _button(node, "submit", "Submit...", "Write a job for a render farm (Open Job Description).")
    with_group.end()
    with_group.begin("shot", "Clean plate and shot")
    for name in SHOT:
        _add(node, _setting(_field(name), SETTING + name))
    with_group.end()
    with_group.begin("solver", "Solver")
    _add(node, _setting(_field("seed"), "seed"))
    rest = [one for one in custom_fields() if one.name not in (*FRONT, *SHOT, subject.MENU)]
    for one in rest:
        if not one.metadata["group"]:
            _add(node, _setting(one, SETTING + one.name))
    with_group.end()
    with_group.begin("paper", "Preset paper only")
    for one in rest:
        if one.metadata["group"]:
            _add(node, _setting(one, SETTING + one.name))
    with_group.end()


class _Groups:
    """Closed groups of knobs in a panel."""

    def __init__(self, node: nuke.Group) -> None:
        self._node, self._open = node, ""

    def begin(self, name: str, label: str) -> None:
        self._open = f"{name}_group"
        self._node.addKnob(nuke.Tab_Knob(self._open, label, nuke.TABBEGINCLOSEDGROUP))

    def end(self) -> None:
        self._node.addKnob(nuke.Tab_Knob(f"{self._open}_end", "", nuke.TABENDGROUP))


def _hidden(node: nuke.Group) -> None:
    """What a saved script has to remember."""
    mark = nuke.Boolean_Knob("is_dmp", f"Marks this Group as a {NAME} node")
    version = nuke.Int_Knob("node_version", "Version of the node")
    mark.setValue(True)
    version.setValue(NODE_VERSION)
    texts = (
        ("job", "The running job"), ("tile_before", "The tile before an error"),
        ("shown_preset", "The preset whose values the settings show"),
        ("states_of", "The nodes above when the states on the tile were found"),
    )  # fmt: skip
    for knob in (mark, version, *(nuke.String_Knob(name, label) for name, label in texts)):
        knob.setVisible(False)
        _add(node, knob)


def custom_fields() -> Iterator[Field[Any]]:
    """The settings behind "Change the preset"."""
    for one in host_fields():
        if one.name not in (*ALWAYS, "preset"):
            yield one


def _field(name: str) -> Field[Any]:
    return next(one for one in host_fields() if one.name == name)


def _setting(one: Field[Any], name: str, front: bool = False) -> nuke.Knob:
    """The knob of one setting; on the front without the paper's equation."""
    about = one.metadata
    default: Any = one.default
    label, kind = about["label"], type(default)
    knob: nuke.Knob
    if about["choices"]:
        knob = nuke.Enumeration_Knob(name, label, list(host_choices(one)))
    elif kind is bool:
        knob = nuke.Boolean_Knob(name, label)
        knob.setFlag(nuke.STARTLINE)
    elif kind is int:
        knob = nuke.Int_Knob(name, label)
    elif kind is float:
        knob = nuke.Double_Knob(name, label)
        knob.setRange(about["low"], about["high"])
    else:
        knob = nuke.String_Knob(name, label)
    knob.setValue(default)
    equation = f" (eq. {about['equation']})" if about["equation"] and not front else ""
    knob.setTooltip(about["help"] + equation)
    return knob


def _add(node: nuke.Group, knob: nuke.Knob) -> None:
    """A job has one value of each knob: none of them is animated."""
    knob.setFlag(nuke.NO_ANIMATION)
    node.addKnob(knob)


def _enumeration(node: nuke.Group, name: str, label: str, values: Sequence[str], help: str) -> None:
    knob = nuke.Enumeration_Knob(name, label, list(values))
    knob.setTooltip(help)
    _add(node, knob)


def _check(node: nuke.Group, name: str, label: str, on: bool, help: str) -> None:
    knob = nuke.Boolean_Knob(name, label)
    knob.setFlag(nuke.STARTLINE)
    knob.setTooltip(help)
    _add(node, knob)
    knob.setValue(on)


def _text(node: nuke.Group, knob: nuke.Knob, help: str) -> None:
    knob.setTooltip(help)
    _add(node, knob)


def _button(node: nuke.Group, name: str, label: str, help: str) -> None:
    knob = nuke.PyScript_Knob(name, label, PRESSED.format(action=name))
    knob.setTooltip(help)
    if name in ("matte_frame", "build_clean", "list_files"):
        knob.setFlag(nuke.STARTLINE)
    node.addKnob(knob)


def _divider(node: nuke.Group, name: str) -> None:
    node.addKnob(nuke.Text_Knob(f"{name}_line", ""))


def _preset_help() -> str:
    about = " ".join(f"{name}: {text}" for name, text in DESCRIPTIONS.items())
    return f"auto: final on a GPU, draft on the CPU. {about}"
