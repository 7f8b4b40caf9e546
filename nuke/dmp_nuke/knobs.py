"""What the node's knobs say, and the callback that keeps them in step.

The preset has every value, unless "Change the preset" is on: then those knobs below it count that
the artist has changed. Seed and device always count. A callback lets the others show the preset's
values; ``shown_preset`` remembers whose they show, so that a script in a terminal, where there are
no callbacks, gets the same settings.
"""

from __future__ import annotations

import re
from dataclasses import Field
from typing import Any, List, Optional, Sequence, Tuple

import nuke

from dmp_matting.hosts import (
    FrameStatus,
    InputError,
    Resolved,
    Settings,
    SettingsError,
    resolve,
    still_valid,
)

from . import colour, layout, subject
from .layout import ALWAYS, COLOURS, NAMED, SETTING, SOLVE, custom_fields

# What a frame's state depends on, beside the settings.
COUNTS = (
    "preset", "custom", "seed", "colour", "colour_space", "layer", "clean_still", "views", "file",
    "range", "first", "last", "only", "inputChange", subject.MENU, subject.POINT, subject.BOX,
    subject.WRITTEN,
)  # fmt: skip
MAIN_LAYER = ("rgba", "rgb")
LOOKED_AT = 20  # frames of the range, at which an expression may have another value
OUTDATED = "changed since: press Reload"
# Of older nodes: knobs that today's have not.
OLDER = ("has_result", "premultiplied", "advanced", "solver_line", "paper_line")


WITHOUT_VALUE = (nuke.Tab_Knob, nuke.PyScript_Knob)


def version_of(node: nuke.Group) -> int:
    """Which of our nodes it is; 1 for those that were saved before the knob."""
    knob = node.knob("node_version")
    return 1 if knob is None else int(knob.value())


def add(node: nuke.Group) -> None:
    """Give a new node its knobs, with the preset's values."""
    layout.add(node)
    follow_preset(node)


def replace_all(node: nuke.Group) -> None:
    """Give a node of an older version today's knobs, in their order, with the values it had.

    A setting that it did not have gets its preset's value; a choice that is no more, the default.
    Knobs of the artist's own stay.
    """
    fresh, plain = nuke.nodes.Group(), nuke.nodes.Group()
    layout.add(fresh)
    ours = {*fresh.knobs(), *OLDER} - set(plain.knobs())
    for made in (fresh, plain):
        nuke.delete(made)
    kept, scripts = {}, {}  # values; and what has keyframes, or an expression
    for name, knob in node.knobs().items():
        if name in ours or name.startswith(SETTING):
            is_linked = isinstance(knob, nuke.Array_Knob) and knob.hasExpression()
            if name in subject.DRAGGED or is_linked:
                scripts[name] = knob.toScript()
            if name not in subject.DRAGGED and not isinstance(knob, WITHOUT_VALUE):
                kept[name] = knob.value()
            node.removeKnob(knob)
    layout.add(node)
    if kept.get("premultiplied") is False:
        kept["output"] = "straight foreground"
    kept.setdefault("shown_preset", kept["preset"])
    shown = _shown(str(kept["shown_preset"])).to_json()
    for one in custom_fields():
        kept.setdefault(SETTING + one.name, shown[one.name])
    for name, value in kept.items():
        new = node.knob(name)
        if new is None or name == "node_version":
            continue
        if name == "colour_space" and isinstance(new, nuke.Enumeration_Knob):
            offer(new, str(value))
        if isinstance(new, nuke.Enumeration_Knob) and value not in new.values():
            continue
        new.setValue(value)
    for name, script in scripts.items():
        if node.knob(name) is not None:
            node[name].fromScript(script)
    if subject.MENU not in kept and kept.get("custom"):
        subject.take_over(node, str(kept.get(SETTING + "keep", "")))
    subject.show(node)
    follow_preset(node)


def settings_of(node: nuke.Group, frames: Sequence[int] = ()) -> Resolved:
    """The settings of the knobs. SettingsError for a value that is out of range, or animated.

    ``frames``: those to solve, at which a place to keep that moves is read; none: the node's range.
    Of the knobs behind "Change the preset" those count that differ from the preset that they show,
    so that the rest can follow the preset, and the device where that is ``auto``.
    """
    changes = {name: _still(node[name]).value() for name in ALWAYS}
    if node.knob(subject.MENU) is not None:  # in an older node it is one of the texts below
        changes["keep"] = subject.keep_of(node, frames or own_range(node))
    name = str(_still(node["preset"]).value())
    if node["custom"].value():
        shown = _shown(_shown_preset(node)).to_json()
        values = {one.name: _value(node, one) for one in custom_fields() if _has(node, one)}
        values = still_valid(values)  # an older node may show a choice that is no more
        changes.update({key: value for key, value in values.items() if value != shown[key]})
    return resolve(name, changes)


def _still(knob: nuke.Knob) -> nuke.Knob:
    """The knob. SettingsError where its value moves: a job has one value for all of its frames.

    An expression is evaluated at a few frames of the node's range: a link to a value is none.
    """
    if not isinstance(knob, nuke.Array_Knob):
        return knob
    what = "keyframes" if knob.isAnimated() else ""
    if knob.hasExpression():
        some = some_of_range(knob.node())
        moves = len({knob.getValueAt(number) for number in some}) > 1
        what = "an expression that moves" if moves else ""
    if what:
        raise SettingsError(
            f"{knob.label() or knob.name()} has {what}, but a shot is solved with one value; "
            "remove the animation."
        )
    return knob


def _shown(name: str) -> Settings:
    """The values that the knobs of a preset show; ``auto`` shows those of a GPU."""
    return resolve(name).settings


def _shown_preset(node: nuke.Group) -> str:
    """The preset whose values the unchanged knobs show; the chosen one in a node of older days."""
    knob = node.knob("shown_preset")
    return (str(knob.value()) if knob is not None else "") or str(node["preset"].value())


def colour_space(node: nuke.Group) -> str:
    """The colour space of the plates for the job; "" when its name is missing."""
    return COLOURS[str(node["colour"].value())] or str(node["colour_space"].value()).strip()


def layer(node: nuke.Group) -> str:
    """The layer of the plate that is matted; "" for rgba, as in a node that has no such knob."""
    knob = node.knob("layer")
    text = "" if knob is None else str(knob.value()).strip()
    return "" if text.lower() in MAIN_LAYER else text


def keeps_space(node: nuke.Group) -> bool:
    """Whether the plates are converted for the solve, so that the matte is converted back."""
    return bool(node["colour"].value() == NAMED)


def offer(knob: nuke.Enumeration_Knob, chosen: str) -> None:
    """Let the pulldown show the script's colour spaces of today, and the chosen one in any case."""
    names = colour.spaces()
    knob.setValues(names if not chosen or chosen in names else [chosen, *names])
    if chosen:
        knob.setValue(chosen)


def states_to_solve(node: nuke.Group) -> Optional[Tuple[FrameStatus, ...]]:
    """The states of the frames that Matte range solves; None means all of them."""
    knob = node.knob("solve")
    return None if knob is None else SOLVE[str(knob.value())]


def set_range(node: nuke.Group, first: int, last: int) -> None:
    """Set the two numbers of the range, which the node hands on to what is below it."""
    for name, value in (("first", first), ("last", last)):
        if node[name].value() != value:
            node[name].setValue(value)


def follow_range(node: nuke.Group) -> None:
    """Set the two numbers where the range is the plate's or the project's."""
    knob = node.knob("range")
    chosen = "custom" if knob is None else str(knob.value())
    if chosen == "custom":
        return
    source = nuke.root() if chosen == "global" else node.input(0)
    if source is not None:
        ends = source.frameRange()
        set_range(node, int(ends.first()), int(ends.last()))


def own_range(node: nuke.Node) -> range:
    """The frames between the two numbers of the range, both of them included."""
    return range(int(node["first"].value()), int(node["last"].value()) + 1)


def some_of_range(node: nuke.Node) -> Sequence[int]:
    """A few frames all over the range, at which an expression may have another value."""
    numbers = own_range(node)
    return numbers[:: max(len(numbers) // LOOKED_AT, 1)] or (int(nuke.frame()),)


def whole_range(node: nuke.Group) -> List[int]:
    """The frames that Matte range looks at. InputError when there are none."""
    follow_range(node)
    first, last = (int(_still(node[name]).value()) for name in ("first", "last"))
    if last < first:
        raise InputError(f"The frame range ends at {last}, before it starts at {first}.")
    only = node.knob("only")
    text = "" if only is None else str(only.value()).strip()
    if not text:
        return list(range(first, last + 1))
    found = frames_of(text)
    outside = [number for number in found if not first <= number <= last]
    if outside:
        raise InputError(f"Frame {outside[0]} lies outside the range {first}-{last}.")
    return found


def frames_of(text: str) -> List[int]:
    """The frames of ``1001-1100x10 1120``, in order. InputError when that names none."""
    try:
        found = nuke.FrameRanges(text.replace(",", " ")).toFrameList()
    except (RuntimeError, ValueError):
        found = []
    if not found:
        raise InputError(f"'{text}' names no frames; write them as 1001-1100x10 1120.")
    return sorted({int(number) for number in found})


def follow_preset(node: nuke.Group) -> None:
    """Let the setting knobs show the preset's values, greyed out unless they count.

    Where they count, those that the artist has changed stay. For a script without callbacks: call
    it after ``preset`` was set, before the values below it are.
    """
    custom, name = bool(node["custom"].value()), str(node["preset"].value())
    before, values = _shown(_shown_preset(node)).to_json(), _shown(name).to_json()
    for one in custom_fields():
        knob = node.knob(SETTING + one.name)
        if knob is None:  # a setting that is younger than the node: the preset's value counts
            continue
        if not custom or knob.value() == before[one.name] != values[one.name]:
            knob.setValue(values[one.name])
        knob.setEnabled(custom)
    shown = node.knob("shown_preset")
    if shown is not None and shown.value() != name:
        shown.setValue(name)


def knob_changed() -> None:
    """A callback for all Groups of a GUI session: it sets knobs and does nothing else."""
    node, knob = nuke.thisNode(), nuke.thisKnob()
    if not is_dmp(node) or not isinstance(node, nuke.Group):
        return
    name = knob.name()
    if name in ("preset", "custom", "showPanel"):
        follow_preset(node)
    if name in ("range", "inputChange", "showPanel"):
        follow_range(node)
    if name == "file":
        number_as_printf(node)
    if name in (subject.MENU, "showPanel") and node.knob(subject.MENU) is not None:
        subject.show(node)
        if name == subject.MENU:
            subject.place(node)
    if name in COUNTS or name.startswith(SETTING) and node["custom"].value():
        outdate_states(node)
    if name in ("colour", "showPanel"):
        space = node["colour_space"]
        space.setVisible(keeps_space(node))
        if isinstance(space, nuke.Enumeration_Knob):  # text in a node of an older version
            offer(space, str(space.value()))


def outdate_states(node: nuke.Group) -> None:
    """The tile shows no states of what was before; a button finds new ones: it reads files."""
    if shows_states(node):
        node["frame_states"].setValue(OUTDATED)


def shows_states(node: nuke.Group) -> bool:
    """Whether states were found that nothing has outdated since."""
    knob = node.knob("frame_states")
    return knob is not None and knob.value() not in ("", OUTDATED)


def number_as_printf(node: nuke.Group) -> None:
    """Write ``####`` in the output as ``%04d``: the node's own Tcl knows only the latter."""
    text = str(node["file"].value())
    printf = re.sub(r"#+", lambda at: f"%0{len(at[0])}d", text)
    if printf != text:
        node["file"].setValue(printf)


def is_dmp(node: Any) -> bool:
    return node is not None and node.Class() == "Group" and node.knob("is_dmp") is not None


def _has(node: nuke.Group, one: Field[Any]) -> bool:
    """False for a setting that is younger than the node."""
    return node.knob(SETTING + one.name) is not None


def _value(node: nuke.Group, one: Field[Any]) -> Any:
    """The value of a setting's knob, in the setting's own type."""
    default: Any = one.default
    return type(default)(_still(node[SETTING + one.name]).value())
