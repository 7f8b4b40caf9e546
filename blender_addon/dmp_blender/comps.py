"""Ready comps for what follows a matte, as node groups that are assets of the .blend: Blender 5.

    DMP Edge           grows or shrinks alpha by whole pixels, and premultiplies the foreground anew
    DMP Despill Green  green is at most the higher of red and blue
    DMP Light Wrap     the blurred background shines over the inner edge of the subject

They are made of Blender's own nodes, so a .blend with them opens where DMP is not installed.
"""

from __future__ import annotations

from typing import Any, Callable, Dict, List, NamedTuple

import bpy

from . import compat

COMP = "dmp_comp"  # custom property of the groups


class _Builder:
    """Nodes of one group, from the left to the right."""

    def __init__(self, group: Any) -> None:
        self._group = group
        self._start = self.node("NodeGroupInput")

    def node(self, kind: str, inputs: Any = (), **values: Any) -> Any:
        """A node with these values; ``inputs``: what is linked to its first ones, or a number."""
        made = self._group.nodes.new(kind)
        made.location = (200.0 * len(self._group.nodes), 0.0)
        for name, value in values.items():
            if name in made.inputs:
                made.inputs[name].default_value = value
            else:
                setattr(made, name, value)
        for number, source in enumerate(inputs):
            self.link(source, made.inputs[number])
        return made

    def link(self, source: Any, socket: Any) -> None:
        if isinstance(source, float):
            socket.default_value = source
        else:
            self._group.links.new(source, socket)

    def math(self, operation: str, one: Any, other: Any) -> Any:
        return self.node("ShaderNodeMath", (one, other), operation=operation).outputs[0]

    def given(self, name: str) -> Any:
        """The socket of one of the group's inputs."""
        return self._start.outputs[name]

    def give(self, *sockets: Any) -> None:
        """The group's outputs."""
        self.node("NodeGroupOutput", sockets)


def _edge(build: _Builder) -> None:
    grown = build.node("CompositorNodeDilateErode", (build.given("Alpha"),), Type="Steps")
    build.link(build.given("Size"), grown.inputs["Size"])
    over = (build.given("Foreground"), grown.outputs[0])
    build.give(build.node("CompositorNodeSetAlpha", over, Type="Apply Mask").outputs[0], over[1])


def _despill(build: _Builder) -> None:
    red, green, blue, alpha = build.node(
        "CompositorNodeSeparateColor", (build.given("Image"),)
    ).outputs
    over = build.math("SUBTRACT", green, build.math("MAXIMUM", red, blue))
    spill = build.math("MULTIPLY", build.math("MAXIMUM", over, 0.0), build.given("Amount"))
    rest = build.math("SUBTRACT", green, spill)
    build.give(build.node("CompositorNodeCombineColor", (red, rest, blue, alpha)).outputs[0])


def _light_wrap(build: _Builder) -> None:
    def blurred(source: Any) -> Any:
        return build.node(
            "CompositorNodeBlur", (source, build.given("Size")), Type="Gaussian"
        ).outputs[0]

    combined = build.given("Combined")
    alpha = build.node("CompositorNodeSeparateColor", (combined,)).outputs["Alpha"]
    inside = build.math("MULTIPLY", alpha, build.math("SUBTRACT", 1.0, blurred(alpha)))
    light = build.node(
        "CompositorNodeSetAlpha",
        (blurred(build.given("Background")), build.math("MULTIPLY", inside, build.given("Amount"))),
        Type="Apply Mask",
    )
    both = build.node("ShaderNodeMix", data_type="RGBA", blend_type="ADD")
    below, above = (one for one in both.inputs if one.type == "RGBA")
    both.inputs[0].default_value = 1.0
    build.link(combined, below)
    build.link(light.outputs[0], above)
    mixed = next(one for one in both.outputs if one.type == "RGBA")
    build.give(
        build.node("CompositorNodeSetAlpha", (mixed, alpha), Type="Replace Alpha").outputs[0]
    )


class _Comp(NamedTuple):
    description: str
    inputs: Dict[str, Any]  # by name: a default; None for a colour
    outputs: Dict[str, str]  # by name: the kind of socket
    build: Callable[[_Builder], None]


COLOUR = {"Image": "NodeSocketColor"}
COMPS = {
    "DMP Edge": _Comp(
        "Grow (Size above 0) or shrink the edge of a matte by whole pixels. Link Foreground and "
        "Alpha of the matte",
        {"Foreground": None, "Alpha": 1.0, "Size": 1},
        {"Combined": "NodeSocketColor", "Alpha": "NodeSocketFloat"},
        _edge,
    ),
    "DMP Despill Green": _Comp(
        "Take green off where it is above the higher of red and blue",
        {"Image": None, "Amount": 1.0},
        COLOUR,
        _despill,
    ),
    "DMP Light Wrap": _Comp(
        "Let the background shine over the inner edge of a matte. Link Combined of the matte and "
        "the background, then Alpha Over",
        {"Combined": None, "Background": None, "Size": 10.0, "Amount": 0.5},
        COLOUR,
        _light_wrap,
    ),
}


def ensure(name: str) -> Any:
    """The group of a ready comp, as an asset; made where the .blend has none."""
    for group in bpy.data.node_groups:
        if group.get(COMP) == name and group.library is None:
            return group
    comp = COMPS[name]
    group = compat.new_tree(name, *comp.outputs.items())
    kinds = {float: "NodeSocketFloat", int: "NodeSocketInt", type(None): "NodeSocketColor"}
    for label, default in comp.inputs.items():
        made = compat.add_input(group, label, kinds[type(default)])
        if default is not None:
            made.default_value = default
            if isinstance(default, float):
                made.min_value = 0.0
    comp.build(_Builder(group))
    group[COMP] = name
    group.asset_mark()
    group.asset_data.description = comp.description
    return group


class DMP_OT_add_comps(bpy.types.Operator):
    """Put DMP's ready comps into this file as assets: edge, despill and light wrap"""

    bl_idname = "dmp.add_comps"
    bl_label = "DMP Comps as Assets"
    bl_options = {"REGISTER", "UNDO"}

    @classmethod
    def poll(cls, context: Any) -> bool:
        return compat.TREES_ARE_DATA

    def execute(self, context: Any) -> Any:
        made: List[str] = [ensure(name).name for name in COMPS]
        self.report({"INFO"}, f"Assets of this file: {', '.join(made)}.")
        return {"FINISHED"}


def register() -> None:
    bpy.utils.register_class(DMP_OT_add_comps)


def unregister() -> None:
    bpy.utils.unregister_class(DMP_OT_add_comps)
