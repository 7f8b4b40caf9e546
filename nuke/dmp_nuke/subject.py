"""Which subject: what the artist picks in the viewer, and the text of Settings.keep.

Nuke counts pixels from the lower left corner of the format, the engine from its upper left one. A
knob counts pixels of the picture, as the engine does: the pixel aspect changes none of them, nor
does a data window that is larger or smaller than the format.

    point   (x, y)         ->  at x,H-y
    box     (x, y, r, t)   ->  box x,H-t,r,H-y        H: the height of the plate's format

A knob that moves (keyframes, an expression, a link to a tracker) is read at each frame.
"""

from __future__ import annotations

from typing import Dict, Sequence, Tuple

import nuke

from dmp_matting.hosts import Keep, SettingsError

from .proxy import full_size

MENU, POINT, BOX, WRITTEN = "keep", "keep_point", "keep_box", "keep_text"
EVERYTHING, LARGEST, AT_POINT, IN_BOX, AS_WRITTEN = (
    "everything", "largest", "point", "box", "as written",
)  # fmt: skip
DRAGGED = (POINT, BOX)
KINDS = {EVERYTHING: "all", LARGEST: "largest", AT_POINT: "at", IN_BOX: "box", AS_WRITTEN: ""}
KNOB_OF = {AT_POINT: POINT, IN_BOX: BOX, AS_WRITTEN: WRITTEN}  # what a choice of the menu shows


def keep_of(node: nuke.Group, frames: Sequence[int]) -> str:
    """The text of Settings.keep for these frames. SettingsError where it cannot be one."""
    chosen = str(node[MENU].value())
    if chosen == AS_WRITTEN:
        return str(node[WRITTEN].value()).strip()
    if chosen not in KNOB_OF:
        return KINDS[chosen]
    knob = node[KNOB_OF[chosen]]
    assert isinstance(knob, nuke.Array_Knob)
    moves = bool(frames) and (knob.isAnimated() or knob.hasExpression())
    with full_size():
        height = _height(node)
        keys = tuple((one, _numbers(knob, one, height)) for one in (frames if moves else (1,)))
    if chosen == IN_BOX and any(one[0] == one[2] or one[1] == one[3] for _, one in keys):
        raise SettingsError(f"The box of Keep has no area; drag it in the viewer of {node.name()}.")
    return Keep(KINDS[chosen], tuple(sorted(keys)), moves).thinned().text()


def show(node: nuke.Group) -> None:
    """Show the knob that belongs to the menu's choice, and no other one."""
    chosen = str(node[MENU].value())
    for choice, name in KNOB_OF.items():
        node[name].setVisible(choice == chosen)


def place(node: nuke.Group) -> None:
    """Put a point or a box that nobody has moved yet into the middle of the plate."""
    size = (node.input(0) or nuke.root()).format()
    width, height = size.width(), size.height()
    middle: Dict[str, Tuple[float, ...]] = {
        POINT: (width / 2, height / 2),
        BOX: (width / 4, height / 4, 3 * width / 4, 3 * height / 4),
    }
    numbers = middle.get(KNOB_OF.get(str(node[MENU].value()), ""))
    if numbers is None:
        return
    knob = node[KNOB_OF[str(node[MENU].value())]]
    assert isinstance(knob, nuke.Array_Knob)
    moves = knob.isAnimated() or knob.hasExpression()
    if not moves and not any(knob.getValue(index) for index in range(len(numbers))):
        for index, number in enumerate(numbers):
            knob.setValue(number, index)


def take_over(node: nuke.Group, text: str) -> None:
    """The knobs for a text of an older node: it stays as it was written."""
    kinds = [name for name, kind in KINDS.items() if kind == text.strip().lower()]
    if text.strip():
        node[MENU].setValue(kinds[0] if kinds else AS_WRITTEN)
        node[WRITTEN].setValue("" if kinds else text)
    show(node)


def _height(node: nuke.Group) -> int:
    return int((node.input(0) or nuke.root()).format().height())


def _numbers(knob: nuke.Array_Knob, frame: int, height: int) -> Tuple[float, ...]:
    """The engine's numbers of a point or a box at a frame, to a thousandth of a pixel."""
    count = 4 if isinstance(knob, nuke.BBox_Knob) else 2
    found = [float(knob.getValueAt(frame, index)) for index in range(count)]
    if count == 2:
        x, y = found
        found = [x, height - y]
    else:
        x, y, right, top = found
        found = [x, height - top, right, height - y]
    return tuple(round(one, 3) for one in found)
