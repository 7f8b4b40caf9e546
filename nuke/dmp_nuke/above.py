"""What stands above an input of a DMP node: digests that change with it, and what it reads.

A digest is of the knobs and the connections of all nodes above. A knob with an expression may
follow a node that is not among them, such as a slider that several nodes share: its values count as
well.
"""

from __future__ import annotations

import hashlib
import re
from typing import Any, Dict, Iterable, Iterator, List, Sequence, Tuple

import nuke

from . import knobs
from .node import children, names_above, upstream

# Nodes that give other frames than the one that is asked for, by a part of their class.
TIME = re.compile(
    r"time(?!code)|frameblend|framehold|append|oflow|kronos|echo|temporal|denoise|deflicker|motionblur"
    r"|vectorgenerator|smartvector|paint|dustbust|neatvideo|revisionfx",
    re.IGNORECASE,
)
COLOUR_KNOBS = ("colorManagement", "OCIO_config", "customOCIOConfigPath", "workingSpaceLUT")
# Knobs that change no pixel, and what a job sets on a DMP node.
WITHOUT_EFFECT = {
    "name", "label", "tile_color", "gl_color", "note_font", "note_font_size", "note_font_color",
    "xpos", "ypos", "selected", "hide_input", "icon", "indicators", "bookmark", "postage_stamp",
    "dope_sheet", "cached", "localizationPolicy", "reload", "help", "knobChanged", "onCreate",
    "autolabel", "status", "frame_states", "job", "tile_before", "shown_preset", "states_of",
    "solve", "only", "live_preview",
}  # fmt: skip

Place = Tuple[str, str]  # a node's full name, and the name of one of its knobs


def digest_of(source: nuke.Node) -> str:
    """Eight digits that change with any knob or connection from ``source`` upwards."""
    colours = [nuke.root().knob(name) for name in COLOUR_KNOBS]  # Nuke converts with them
    texts = [knob.toScript() for knob in colours if knob is not None]
    return _short("\n".join([*texts, _digest(upstream(source), {})]))


def with_values(digest: str, linked: Sequence[Place], numbers: Sequence[int], view: str) -> str:
    """``digest``, changed by what the knobs of ``linked`` are at the frames ``numbers``."""
    if not linked:
        return digest
    values = (
        f"{number} {text}" for number in numbers for text in sorted(_values(linked, number, view))
    )
    return _short("\n".join([digest, *values]))


def linked(source: nuke.Node) -> List[Place]:
    """The knobs with expressions from ``source`` upwards."""
    return [
        (one.fullName(), name)
        for one in _each(source)
        for name, knob in sorted(one.knobs().items())
        if name not in WITHOUT_EFFECT and isinstance(knob, nuke.Array_Knob) and knob.hasExpression()
    ]


def readers(source: nuke.Node) -> List[Tuple[str, str]]:
    """The full names of ``source`` and all above it that read files, with the knobs of these.

    Reads first that stand in the open, then all else, such as a Read inside of a group, a table of
    colours, a DMP node with its results.
    """
    open_ones, others = [], []
    for above in upstream(source):
        if above.Class() == "Read":
            open_ones.append((above.fullName(), "file"))
        else:
            others += [
                (one.fullName(), knob) for one in _with_inside(above) for knob in _file_knobs(one)
            ]
    return [*open_ones, *others]


def takes_other_frames(source: nuke.Node) -> bool:
    """True where a node above gives the picture of another frame than the one it is asked for."""
    return any(
        TIME.search(one.Class()) or one.Class() == "Read" and is_shifted(one)
        for one in _each(source)
    )


def is_shifted(read: nuke.Node) -> bool:
    """True where the Read gives another frame's file at a frame, by its frame mode."""
    text = str(value_of(read, "frame", "")).strip()
    same = {"expression": "frame", "offset": "0", "start at": str(int(read["first"].value()))}
    mode = str(value_of(read, "frame_mode", "expression"))
    return text not in ("", same.get(mode, ""))


def value_of(node: nuke.Node, name: str, otherwise: Any) -> Any:
    """A knob's value; ``otherwise`` where the class has no such knob: a Dot has no ``disable``."""
    knob = node.knob(name)
    return otherwise if knob is None else knob.value()


def _values(linked: Sequence[Place], number: int, view: str) -> Iterator[str]:
    for name, knob in linked:
        node = nuke.toNode(f"root.{name}")
        found = None if node is None else node.knob(knob)
        if isinstance(found, nuke.Array_Knob):
            several = range(found.arraySize())
            try:
                values = [found.getValueAt(number, index, view) for index in several]
            except (RuntimeError, ValueError):  # what it follows is gone: Nuke fails the render
                values = []
            yield f"{knob} {values}"


def _digest(nodes: Iterable[nuke.Node], numbers: Dict[str, int]) -> str:
    """Of the nodes, and of those inside their groups. ``numbers``: of the nodes met so far."""
    digest = hashlib.sha256()
    for node in nodes:
        names = [node.fullName(), *names_above(node)]
        wires = [numbers.setdefault(name, len(numbers)) for name in names]
        digest.update(f"{node.Class()} {wires}".encode())
        for name, knob in sorted(node.knobs().items()):
            if name not in WITHOUT_EFFECT and not isinstance(knob, nuke.PyScript_Knob):
                digest.update(f"\n{name} {knob.toScript()}".encode())
        if isinstance(node, nuke.Group) and not knobs.is_dmp(node):
            digest.update(_digest(_inside(node), numbers).encode())
    return digest.hexdigest()


def _short(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()[:8]


def _each(source: nuke.Node) -> Iterator[nuke.Node]:
    """``source``, all above it, and all inside their groups."""
    for above in upstream(source):
        yield from _with_inside(above)


def _with_inside(node: nuke.Node) -> Iterator[nuke.Node]:
    """``node`` and all nodes in it, where it is a group; a DMP node's are its own affair."""
    yield node
    if isinstance(node, nuke.Group) and not knobs.is_dmp(node):
        for one in _inside(node):
            yield from _with_inside(one)


def _inside(group: nuke.Group) -> Iterator[nuke.Node]:
    """What a group's picture is made from: a walk up from its end, since a script that is opened
    again may list the nodes in another order."""
    ends = sorted(one.name() for one in children(group) if one.Class() == "Output")
    for name in ends:
        end = group.node(name)
        if end is not None:
            yield from upstream(end, leave=False)


def _file_knobs(node: nuke.Node) -> List[str]:
    """The knobs that name what a node reads; of a Write only where it reads its file."""
    if node.Class() == "Read":
        return ["file"]  # and not its proxy: plates are rendered at full size
    if not value_of(node, "reading", "Write" not in node.Class()):
        return []
    found = node.knobs().items()
    return [name for name, knob in found if isinstance(knob, nuke.File_Knob) and knob.value()]
