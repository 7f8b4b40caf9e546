"""The node's knobs: made from the metadata of dmp_matting.Settings, read back into Settings.

The preset has every value, unless "Change the preset" is on: then the knobs below it count. Seed
and device always count. A new setting therefore needs no line here.
"""

from __future__ import annotations

import re
from dataclasses import Field, fields
from typing import Any, Iterator, Optional, Tuple

import nuke

from dmp_matting.hosts import (
    AUTO,
    PRESETS,
    FrameStatus,
    Resolved,
    Settings,
    resolve,
    still_valid,
)

ALWAYS = ("seed", "device")  # count with every preset
COLOURS = {  # what the plates hold, and the colour space of the job
    "scene-linear": "auto",
    "raw": "raw",
    "named": "",
}
ON_ERROR = ("error", "black", "checkerboard", "plate")  # never another frame's matte
MISSING_HELP = (
    "What a frame without an EXR on disk gives, in a viewer and in every render: an error, which "
    "ends a render; black; a checkerboard; or the plate."
)
SOLVE = {  # which frames of the range Matte range solves, by their state; None means all
    "all frames": None,
    "missing and stale": (FrameStatus.MISSING, FrameStatus.STALE),
    "missing": (FrameStatus.MISSING,),
}
NODE_VERSION = 3  # goes up with each change of the knobs or of the nodes inside
SETTING = "set_"  # prefix of the knobs that mirror a setting

# The whole text of a button. It stays in the script, where the plug-in may be missing.
PRESSED = """\
try:
    import dmp_nuke.buttons
except ImportError:
    nuke.message("DMP is not installed here. The node shows the EXRs that it has.")
else:
    dmp_nuke.buttons.press("{action}")"""


def add(node: nuke.Group) -> None:
    """Give a new DMP node its knobs."""
    tab = nuke.Tab_Knob("dmp", "DMP")
    node.addKnob(tab)
    _enumeration(node, "preset", "Preset", (AUTO, *PRESETS), _preset_help())
    for name in ALWAYS:
        node.addKnob(_setting(_field(name), name))
    _enumeration(
        node,
        "colour",
        "Colour",
        tuple(COLOURS),
        "What the inputs hold: the script's scene-linear working space; raw values, solved as "
        "they are; or the colour space of OCIO that is named beside.",
    )
    _text(node, nuke.String_Knob("colour_space", ""), "A colour space of OCIO.", same_line=True)
    _numbers(node)
    _enumeration(
        node,
        "solve",
        "Solve",
        tuple(SOLVE),
        "Which frames Matte range solves. Stale: its plates or settings have changed since.",
    )
    file = nuke.File_Knob("file", "Output")
    _text(node, file, "The EXRs to write, such as matte.%04d.exr; %V stands for the view.")
    _check(node, "premultiplied", "Premultiplied", True, "Off: rgb is the straight foreground.")
    _check(node, "clean_still", "Clean plate is a still", False, "Render the clean plate once.")
    _divider(node, "actions")
    _button(node, "matte_frame", "Matte frame", "Solve the current frame.")
    _button(node, "matte_range", "Matte range", "Solve all frames of the range.")
    _button(node, "cancel", "Cancel", "End the running matte; finished frames stay.")
    _button(node, "clear", "Clear", "Disable the node, so that it shows the plate; the EXRs stay.")
    _button(node, "reload", "Reload", "Show the EXRs that are on disk now.")
    status = nuke.Text_Knob("status", "Status", "No matte yet.")
    node.addKnob(status)
    frames = nuke.String_Knob("frame_states", "Frames")
    frames.setEnabled(False)
    _text(node, frames, "The range's frames on disk, as of the last job or Reload.")
    _advanced(node)
    _hidden(node)


def _advanced(node: nuke.Group) -> None:
    node.addKnob(nuke.Tab_Knob("advanced", "Advanced"))
    _check(node, "live_preview", "Live preview", True, "Show the matte while it is being solved.")
    _check(
        node,
        "compute_missing",
        "Compute when missing",
        False,
        "Allows dmp_batch.py to solve missing frames before it renders. A render never does.",
    )
    _enumeration(node, "on_error", "Missing frames", ON_ERROR, MISSING_HELP)
    _text(node, nuke.String_Knob("views", "Views"), "Views to solve; empty means all.")
    _divider(node, "solver")
    _check(node, "custom", "Change the preset", False, "The values below replace the preset's.")
    of_paper = False
    for one in _custom_fields():
        if one.metadata["group"] and not of_paper:
            of_paper = True
            node.addKnob(nuke.Text_Knob("paper_line", "Preset paper"))
        node.addKnob(_setting(one, SETTING + one.name))
    follow_preset(node)


def _hidden(node: nuke.Group) -> None:
    """What a saved script has to remember."""
    for name, label in (("is_dmp", "Marks this Group as a DMP node"),):
        knob = nuke.Boolean_Knob(name, label)
        knob.setVisible(False)
        node.addKnob(knob)
        if name == "is_dmp":
            knob.setValue(True)
    version = nuke.Int_Knob("node_version", "Version of the node")
    version.setVisible(False)
    node.addKnob(version)
    version.setValue(NODE_VERSION)
    for name, label in (("job", "The running job"), ("tile_before", "The tile before an error")):
        text = nuke.String_Knob(name, label)
        text.setVisible(False)
        node.addKnob(text)


def version_of(node: nuke.Group) -> int:
    """Which of our nodes it is; 1 for those that were saved before the knob."""
    knob = node.knob("node_version")
    return 1 if knob is None else int(knob.value())


def replace_all(node: nuke.Group) -> None:
    """Give a node of an older version today's knobs, in their order, with the values it had.

    A setting that it did not have gets its preset's value; a choice that is no more, the default.
    Knobs of the artist's own stay.
    """
    fresh, plain = nuke.nodes.Group(), nuke.nodes.Group()
    add(fresh)
    ours = set(fresh.knobs()) - set(plain.knobs())
    for made in (fresh, plain):
        nuke.delete(made)
    kept = {}
    for name, knob in node.knobs().items():
        if name in ours or name.startswith(SETTING) or name == "has_result":
            if not isinstance(knob, (nuke.Tab_Knob, nuke.PyScript_Knob)):
                kept[name] = knob.value()
            node.removeKnob(knob)
    add(node)
    shown = _shown(str(kept["preset"])).to_json()
    kept.update(
        {
            SETTING + one.name: shown[one.name]
            for one in _custom_fields()
            if SETTING + one.name not in kept
        }
    )
    for name, value in kept.items():
        new = node.knob(name)
        if new is None or name == "node_version":
            continue
        if isinstance(new, nuke.Enumeration_Knob) and value not in new.values():
            continue
        new.setValue(value)
    follow_preset(node)


def settings_of(node: nuke.Group) -> Resolved:
    """The settings of the knobs. SettingsError for a value that is out of range.

    Of the knobs behind "Change the preset" those count that differ from what the preset shows, so
    that the rest can follow the device where the preset is ``auto``.
    """
    changes = {name: node[name].value() for name in ALWAYS}
    name = str(node["preset"].value())
    if node["custom"].value():
        shown = _shown(name).to_json()
        values = {one.name: _value(node, one) for one in _custom_fields() if _has(node, one)}
        values = still_valid(values)  # an older node may show a choice that is no more
        changes.update({key: value for key, value in values.items() if value != shown[key]})
    return resolve(name, changes)


def _shown(name: str) -> Settings:
    """The values that the knobs of a preset show; ``auto`` shows those of a GPU."""
    return resolve(name).settings


def colour_space(node: nuke.Group) -> str:
    """The colour space of the plates for the job; "" when its name is missing."""
    return COLOURS[str(node["colour"].value())] or str(node["colour_space"].value()).strip()


def states_to_solve(node: nuke.Group) -> Optional[Tuple[FrameStatus, ...]]:
    """The states of the frames that Matte range solves; None means all of them."""
    knob = node.knob("solve")
    return None if knob is None else SOLVE[str(knob.value())]


def follow_preset(node: nuke.Group) -> None:
    """Let the setting knobs show the preset's values, greyed out unless they count."""
    custom = bool(node["custom"].value())
    name = str(node["preset"].value())
    values = _shown(name).to_json()
    for one in _custom_fields():
        knob = node.knob(SETTING + one.name)
        if knob is None:  # a setting that is younger than the node: the preset's value counts
            continue
        if not custom:
            knob.setValue(values[one.name])
        knob.setEnabled(custom)


def knob_changed() -> None:
    """A callback for all Groups of a GUI session: it sets knobs and does nothing else."""
    node, knob = nuke.thisNode(), nuke.thisKnob()
    if not is_dmp(node) or not isinstance(node, nuke.Group):
        return
    if knob.name() in ("preset", "custom", "showPanel"):
        follow_preset(node)
    if knob.name() == "file":
        number_as_printf(node)
    if knob.name() in ("colour", "showPanel"):
        node["colour_space"].setVisible(node["colour"].value() == "named")


def number_as_printf(node: nuke.Group) -> None:
    """Write ``####`` in the output as ``%04d``: the node's own Tcl knows only the latter."""
    text = str(node["file"].value())
    printf = re.sub(r"#+", lambda at: f"%0{len(at[0])}d", text)
    if printf != text:
        node["file"].setValue(printf)


def is_dmp(node: Any) -> bool:
    return node is not None and node.Class() == "Group" and node.knob("is_dmp") is not None


def _custom_fields() -> Iterator[Field[Any]]:
    """The settings behind "Change the preset": those that artists use most, others, the paper's."""
    named = [one for one in fields(Settings) if one.name not in (*ALWAYS, "preset")]
    yield from sorted(named, key=lambda one: (not one.metadata["basic"], one.metadata["group"]))


def _field(name: str) -> Field[Any]:
    return next(one for one in fields(Settings) if one.name == name)


def _default(one: Field[Any]) -> Any:
    return one.default


def _setting(one: Field[Any], name: str) -> nuke.Knob:
    """The knob of one setting."""
    about = one.metadata
    label, default = about["label"], _default(one)
    kind = type(default)
    knob: nuke.Knob
    if about["choices"]:
        knob = nuke.Enumeration_Knob(name, label, list(about["choices"]))
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
    equation = f" (eq. {about['equation']})" if about["equation"] else ""
    knob.setTooltip(about["help"] + equation)
    return knob


def _has(node: nuke.Group, one: Field[Any]) -> bool:
    """False for a setting that is younger than the node."""
    return node.knob(SETTING + one.name) is not None


def _value(node: nuke.Group, one: Field[Any]) -> Any:
    """The value of a setting's knob, in the setting's own type."""
    return type(_default(one))(node[SETTING + one.name].value())


def _numbers(node: nuke.Group) -> None:
    first, last = nuke.Int_Knob("first", "Frame range"), nuke.Int_Knob("last", "")
    first.setTooltip("First frame of Matte range.")
    last.setTooltip("Last frame of Matte range.")
    last.clearFlag(nuke.STARTLINE)
    for knob, value in ((first, nuke.root().firstFrame()), (last, nuke.root().lastFrame())):
        knob.setValue(int(value))
        node.addKnob(knob)


def _enumeration(
    node: nuke.Group, name: str, label: str, values: Tuple[str, ...], help: str
) -> None:
    knob = nuke.Enumeration_Knob(name, label, list(values))
    knob.setTooltip(help)
    node.addKnob(knob)


def _check(node: nuke.Group, name: str, label: str, on: bool, help: str) -> None:
    knob = nuke.Boolean_Knob(name, label)
    knob.setFlag(nuke.STARTLINE)
    knob.setTooltip(help)
    node.addKnob(knob)
    knob.setValue(on)


def _text(node: nuke.Group, knob: nuke.Knob, help: str, same_line: bool = False) -> None:
    knob.setTooltip(help)
    if same_line:
        knob.clearFlag(nuke.STARTLINE)
    node.addKnob(knob)


def _button(node: nuke.Group, name: str, label: str, help: str) -> None:
    knob = nuke.PyScript_Knob(name, label, PRESSED.format(action=name))
    knob.setTooltip(help)
    if name == "matte_frame":
        knob.setFlag(nuke.STARTLINE)
    node.addKnob(knob)


def _divider(node: nuke.Group, name: str) -> None:
    node.addKnob(nuke.Text_Knob(f"{name}_line", ""))


def _preset_help() -> str:
    from dmp_matting.hosts import DESCRIPTIONS

    about = " ".join(f"{name}: {text}" for name, text in DESCRIPTIONS.items())
    return f"auto: final on a GPU, draft on the CPU. {about}"
