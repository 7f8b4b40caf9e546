"""Nuke scripts as text: the nodes in order, their inputs through a stack, Tcl's quoting."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from . import knobs
from .session import session
from .tcl import words

if TYPE_CHECKING:
    from .nodes import Group, Node

OPENS = re.compile(r"^( *)(\w+) \{$")


def whole() -> str:
    """The script of this session."""
    root = session.root
    head = [
        "version 15.1 v5",
        f"Root {{\n inputs 0\n first_frame {root.firstFrame()}\n last_frame {root.lastFrame()}",
        *(
            f" {knob._name} {knob.toScript()}"
            for knob in root._knobs.values()
            if knob._name not in ("name", "frame", "first_frame", "last_frame")
            and knob._value != knob._initial
        ),
        f" views {{{' '.join(session.views)}}}\n}}",
    ]
    for layer, leaves in session.layers.items():
        if layer not in ("rgba", "rgb", "alpha"):
            head.append(f"add_layer {{{layer} {' '.join(f'{layer}.{leaf}' for leaf in leaves)}}}")
    return "\n".join(head) + "\n" + saved(root._nodes)


def saved(nodes: list[Node], indent: str = "") -> str:
    """The text of some nodes of one group; what is connected to outside nodes comes out loose."""
    ordered: list[Node] = []

    def visit(node: Node) -> None:
        if node in ordered:
            return
        for index in range(node.inputs()):
            above = node._up(index)
            if above is not None and above in nodes:
                visit(above)
        ordered.append(node)

    for node in nodes:
        visit(node)
    lines: list[str] = []
    for number, node in enumerate(ordered):
        above = [node._up(index) for index in range(node.inputs())]
        for one in reversed(above):
            place = ordered.index(one) if one is not None and one in ordered else None
            lines.append(f"{indent}push {'0' if place is None else f'$N{place}'}")
        lines += _node(node, len(above), indent)
        lines.append(f"{indent}set N{number} [stack 0]")
    return "\n".join(lines) + "\n"


def _node(node: Node, inputs: int, indent: str) -> list[str]:
    from .nodes import Group

    lines = [f"{indent}{node._kind} {{"]
    if inputs != 1:
        lines.append(f"{indent} inputs {inputs}")
    for knob in node._knobs.values():
        if knob in node._user or knob._name == "selected":
            continue
        if knob._expression or knob._value != knob._initial:
            lines.append(f"{indent} {knob._name} {knob.toScript()}")
    for knob in node._user:
        lines.append(f"{indent} addUserKnob {knob._user_definition()}")
        no_value = isinstance(knob, (knobs.Text_Knob, knobs.Tab_Knob, knobs.PyScript_Knob))
        if not no_value and (
            knob._expression or knob._value != type(knob)(knob._name, "", *_again(knob))._value
        ):
            lines.append(f"{indent} {knob._name} {knob.toScript()}")
    lines.append(f"{indent}}}")
    if isinstance(node, Group):
        lines.append(saved(node._nodes, indent + " ").rstrip("\n"))
        lines.append(f"{indent}end_group")
    return lines


def _again(knob: knobs.Knob) -> list[list[str]]:
    return [knob._values] if isinstance(knob, knobs.Enumeration_Knob) else []


def loaded(text: str, group: Group) -> list[Node]:
    """Make the nodes of ``text`` in ``group``; returns those of its first level."""
    session.undo_off += 1
    try:
        return _loaded(text.splitlines(), group)
    finally:
        session.undo_off -= 1


def _loaded(lines: list[str], group: Group) -> list[Node]:
    from .api import _adopt
    from .nodes import Group as GroupNode
    from .nodes import made

    stack: list[Node | None] = []
    names: dict[str, Node | None] = {}
    first, open_groups = [], []
    at = 0
    while at < len(lines):
        line = lines[at].strip()
        opens = OPENS.match(lines[at])
        at += 1
        if opens:
            end = at
            while lines[end] != opens[1] + "}":
                end += 1
            body = words("\n".join(lines[at:end]))
            at = end + 1
            if opens[2] == "Root":
                _root(body)
                continue
            node = made(opens[2])
            _adopt(node, group)
            _fill(node, body, stack)
            if not open_groups:
                first.append(node)
            if isinstance(node, GroupNode):
                open_groups.append((group, stack, names, node))
                group, stack, names = node, [], {}
            else:
                stack.append(node)
                _born(node)
        elif line == "end_group":
            group, stack, names, node = open_groups.pop()
            stack.append(node)
            _born(node)
        elif line.startswith("push "):
            word = line[5:]
            stack.append(None if word == "0" else names[word[1:]])
        elif line.startswith("set "):
            names[line.split()[1]] = stack[-1]
        elif line.startswith("add_layer "):
            layer, *channels = words(words(line)[1])
            session.layers.setdefault(layer, [one.partition(".")[2] for one in channels])
        elif line and not line.startswith("version "):
            raise ValueError(f"invalid command name in the script: {line}")
    return first


def _born(node: Node) -> None:
    node._loaded = True
    session.fire("onCreate", node)


def _root(body: list[str]) -> None:
    for name, value in zip(body[::2], body[1::2], strict=True):
        if name == "views":
            session.views = words(value)
        elif name in session.root._knobs:
            session.root._knobs[name].fromScript(value)


def _fill(node: Node, body: list[str], stack: list[Node | None]) -> None:
    count, name = 1, node._kind
    for word, value in zip(body[::2], body[1::2], strict=True):
        if word == "inputs":
            count = int(value)
        elif word == "name":
            name = value
        elif word == "addUserKnob":
            _user_knob(node, words(value))
        else:
            knob = node.knob(word)
            if knob is None:
                raise ValueError(f"{node._kind} has no knob {word}")
            inside = re.fullmatch(r"\{(.*)\}", value, re.DOTALL)
            if isinstance(knob, (knobs.XY_Knob, knobs.BBox_Knob)):
                knob._value = knob._read(value)
            elif inside and not isinstance(knob, knobs.String_Knob):
                knob._expression = words(inside[1])[0]
            else:
                knob._value = knob._read(value)
    above = [stack.pop() if stack else None for _ in range(count)]
    node._inputs = above
    while node._inputs and node._inputs[-1] is None:
        node._inputs.pop()
    node.setName(name)


def _user_knob(node: Node, parts: list[str]) -> None:
    kind = knobs.BY_CODE[int(parts[0])]
    options: dict[str, str] = {}
    flags = []
    rest = parts[2:]
    while rest:
        word = rest.pop(0)
        if word[0] in "+-":
            flags.append(word)
        elif word == "R":
            options["R"] = f"{rest.pop(0)} {rest.pop(0)}"
        else:
            options[word] = rest.pop(0)
    more: list[object] = []
    if "M" in options:
        more = [words(options["M"])]
    elif "T" in options:
        more = [options["T"]]
    elif "n" in options:
        more = [int(options["n"])]
    knob = kind(parts[1], options.get("l", parts[1]), *more)
    knob._tooltip = options.get("t", "")
    knob._visible = "+HIDDEN" not in flags
    knob._flags = knobs.STARTLINE * ("+STARTLINE" in flags) | knobs.DISABLED * (
        "+DISABLED" in flags
    )
    knob._startline = False if "-STARTLINE" in flags else None
    if "R" in options:
        low, high = options["R"].split()
        knob._range = (float(low), float(high))
    node.addKnob(knob)
