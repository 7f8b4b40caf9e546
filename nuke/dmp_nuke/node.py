"""The node: a Group of a few knobs, whose inner nodes are pasted (inside.py).

It is no gizmo: a saved script holds all of it, and opens and renders where DMP is not installed.
"""

from __future__ import annotations

from typing import Dict, Iterator, List, Optional, Tuple

import nuke

from dmp_matting.hosts import InputError, Role

from . import NAME, NODE, inside, knobs, layout, output

INPUTS: Tuple[Tuple[Role, str, str], ...] = tuple(  # role, name of the input, what it is called
    (role, inside.input_name(role), role.called) for role in Role
)
LABEL = "[value frame_states]"  # on the tile, without DMP too
OLDER_LABEL = "other frames' mattes are shown:\nDMP Matte > Update nodes"
HELD = 10  # nodes that Python may hold in the Non-commercial and Indie editions
NODES = (  # Tcl: the full names of the nodes in a group, none of which Python holds
    "set dmp_names {{}}; "
    "foreach dmp_node [nodes {outer}] {{lappend dmp_names [full_name $dmp_node]}}; "
    "set dmp_names"
)
SPACING = 100  # pixels between the node and what it is put below


def create() -> nuke.Group:
    """Make a DMP Matte node in the current group. One undo step.

    The first selected node becomes the plate, the second the clean plate; what was connected to the
    first is then connected to the new node, as Nuke's own nodes come into the pipe. Without a
    selection it appears at the cursor.
    """
    chosen = nuke.selectedNodes()[::-1][: len(INPUTS)]
    for one in chosen:
        one.setSelected(False)
    nuke.Undo.begin(f"Create {NAME}")
    try:
        at_cursor = nuke.GUI and not chosen
        node = build(nuke.createNode("Group", "", False) if at_cursor else None)
        if chosen:
            _into_the_pipe(node, chosen)
        node.setSelected(True)
    finally:
        nuke.Undo.end()
    if nuke.GUI:
        node.showControlPanel()
    return node


def _into_the_pipe(node: nuke.Group, chosen: List[nuke.Node]) -> None:
    plate = chosen[0]
    # What a clean plate is made from stays where it is: it would be made from the node else.
    above = {other.fullName() for one in chosen[1:] for other in upstream(one)}
    for below in plate.dependent(nuke.INPUTS, False):
        if below.fullName() in above:
            continue
        for index in range(below.inputs()):
            source = below.input(index)
            if source is not None and source.fullName() == plate.fullName():
                below.setInput(index, node)
    for index, one in enumerate(chosen):
        node.setInput(index, one)
    node.setXYpos(plate.xpos(), plate.ypos() + SPACING)
    ends = plate.frameRange()
    knobs.set_range(node, int(ends.first()), int(ends.last()))


def build(empty: Optional[nuke.Node] = None) -> nuke.Group:
    """A DMP Matte node without connections, made of an empty Group."""
    node = empty or nuke.nodes.Group()
    assert isinstance(node, nuke.Group)
    for one in list(children(node)):  # a Group of createNode may not be empty
        nuke.delete(one)
    node.setName(f"{NODE}1")
    knobs.add(node)
    node["file"].setValue(output.default_output(node.name()))
    node["label"].setValue(LABEL)
    inside.paste(node)
    return node


def update(node: nuke.Group) -> bool:
    """Make today's node of one that was saved by an older version; False where it is today's.

    Its name, place, connections and values stay.
    """
    if knobs.version_of(node) >= layout.NODE_VERSION:
        return False
    above = _connections(node)
    knobs.replace_all(node)
    for name in (*inside.names(), *inside.OLDER):
        old = node.node(name)
        if old is not None:
            nuke.delete(old)
    inside.paste(node)
    numbers = _input_numbers(node)
    for index in range(node.inputs()):
        node.setInput(index, None)
    for name, source in above.items():
        node.setInput(numbers[name], source)
    if node["label"].value() in ("", OLDER_LABEL):
        node["label"].setValue(LABEL)
    return True


def _connections(node: nuke.Group) -> Dict[str, nuke.Node]:
    """What is connected to the node, by the names of its inputs."""
    found = {name: node.input(number) for name, number in _input_numbers(node).items()}
    return {name: source for name, source in found.items() if source is not None}


def _input_numbers(node: nuke.Group) -> Dict[str, int]:
    """The numbers of the inputs by their names: an older node may have others."""
    names = [name for _, name, _ in INPUTS] + [inside.BACKGROUND]
    found = {name: node.node(name) for name in names}
    return {name: int(one["number"].value()) for name, one in found.items() if one is not None}


def inner(node: nuke.Group, name: str) -> nuke.Node:
    """An inner node of a DMP node; InputError when somebody took it out."""
    found = node.node(name)
    if found is None:
        raise InputError(f"{node.name()} has lost its inner node '{name}'; make a new DMP node.")
    return found


def upstream(source: nuke.Node, leave: bool = True) -> Iterator[nuke.Node]:
    """``source`` and every node above it, in a fixed order; out of its group too, with ``leave``.

    Only a few are held at a time: some editions let Python hold ten.
    """
    found, left = set(), [source.fullName()]
    while left:
        name = left.pop(0)
        one = source if name == source.fullName() else nuke.toNode(f"root.{name}")
        if name in found or one is None:
            continue
        found.add(name)
        yield one
        if leave or one.Class() != "Input":
            left += filter(None, names_above(one))


def names_above(one: nuke.Node) -> List[str]:
    """The full names of what is connected to a node, "" where an input is free.

    An Input has what its group has there.
    """
    outer = one.parent() if one.Class() == "Input" else None
    places: List[Tuple[nuke.Node, int]] = [(one, index) for index in range(one.inputs())]
    if isinstance(outer, nuke.Group):
        places.append((outer, int(one["number"].value())))
    found = []
    for node, index in places:  # one of them is held at a time
        source = node.input(index)
        found.append("" if source is None else source.fullName())
    return found


def is_same(held: Optional[nuke.Group], node: nuke.Group) -> bool:
    """Whether ``held``, kept from earlier, is ``node``, whatever it was called; False once gone.

    Nuke has several Python objects for one node; a pasted copy has every knob of it.
    """
    try:
        return held is not None and held.fullName() == node.fullName()
    except ValueError:  # deleted
        return False


def each_node() -> Iterator[nuke.Group]:
    """Every DMP Matte node of the script, inside other groups too."""
    try:
        found = nuke.allNodes("Group", nuke.root(), True)
        whole = len(found) != HELD
    except RuntimeError:
        whole = False
    if whole:
        yield from (one for one in found if isinstance(one, nuke.Group) and knobs.is_dmp(one))
        return
    # An edition that lets Python hold so many nodes at most: one after the other, by their names.
    for name in _groups("root"):
        one = nuke.toNode(f"root.{name}")
        if isinstance(one, nuke.Group) and knobs.is_dmp(one):
            yield one


def children(group: nuke.Group) -> Iterator[nuke.Node]:
    """The nodes in a group, one after the other where Python may hold only a few."""
    try:
        found = group.nodes()
    except RuntimeError:
        names = nuke.tcl(NODES.format(outer=f"root.{group.fullName()}")).split()
        for one in (nuke.toNode(f"root.{name}") for name in names):
            if one is not None:
                yield one
        return
    yield from found


def _groups(outer: str) -> Iterator[str]:
    """The full names of all Groups in a group, at any depth; from Tcl, which holds no node."""
    for name in nuke.tcl(NODES.format(outer=outer)).split():
        one = nuke.toNode(f"root.{name}")
        if isinstance(one, nuke.Group):
            yield name
            yield from _groups(f"root.{name}")


def all_nodes() -> List[nuke.Group]:
    """Every DMP Matte node of the script, all of them held."""
    return list(each_node())
