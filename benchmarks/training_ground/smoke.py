"""Smoke and fire: volumes that absorb and emit, without scattering and so without noise."""

from __future__ import annotations

from typing import Any

import bpy
from stage import Triple, mesh

CORNERS = [(x, y, z) for x in (-1.15, 1.15) for y in (-0.4, 0.4) for z in (-0.9, 0.9)]
FACES = [(0, 1, 3, 2), (4, 6, 7, 5), (0, 4, 5, 1), (2, 3, 7, 6), (0, 2, 6, 4), (1, 5, 7, 3)]


def volume(
    seed: int, density: float, dark: Triple, light: Triple, emission: float, rising: float,
    narrow: float, cut: float,
) -> list[Any]:  # fmt: skip
    """Noise within a soft ellipsoid; ``rising`` stretches it upwards, ``cut`` opens holes."""
    material = bpy.data.materials.new("smoke")
    material.use_nodes = True
    nodes, links = material.node_tree.nodes, material.node_tree.links
    nodes.clear()

    def maths(operation: str, first: Any, second: Any = None, clamp: bool = False) -> Any:
        node = nodes.new("ShaderNodeMath")
        node.operation, node.use_clamp = operation, clamp
        for socket, value in zip(node.inputs, (first, second), strict=False):
            if isinstance(value, float):
                socket.default_value = value
            elif value is not None:
                links.new(value, socket)
        return node.outputs[0]

    where = nodes.new("ShaderNodeTexCoord").outputs["Object"]
    stretched = nodes.new("ShaderNodeMapping")
    stretched.inputs["Location"].default_value = (seed * 1.7, seed * 0.9, 0.0)
    stretched.inputs["Scale"].default_value = (1.0, 1.0, 1.0 / rising)
    links.new(where, stretched.inputs["Vector"])
    noise = nodes.new("ShaderNodeTexNoise")
    noise.inputs["Scale"].default_value = 2.6
    noise.inputs["Detail"].default_value = 6.0
    noise.inputs["Distortion"].default_value = 1.1
    links.new(stretched.outputs[0], noise.inputs["Vector"])
    body = nodes.new("ShaderNodeMapping")
    body.inputs["Scale"].default_value = (1.0 / narrow, 2.6, 1.2)
    links.new(where, body.inputs["Vector"])
    far = nodes.new("ShaderNodeVectorMath")
    far.operation = "LENGTH"
    links.new(body.outputs[0], far.inputs[0])
    within = maths("SUBTRACT", 1.0, far.outputs["Value"], clamp=True)
    wisps = maths("MULTIPLY", maths("SUBTRACT", noise.outputs["Fac"], cut, clamp=True), within)
    thick = maths("MULTIPLY", wisps, density)
    absorb = nodes.new("ShaderNodeVolumeAbsorption")
    absorb.inputs["Color"].default_value = (0.0, 0.0, 0.0, 1.0)
    links.new(thick, absorb.inputs["Density"])
    shades = nodes.new("ShaderNodeValToRGB")
    shades.color_ramp.elements[0].position, shades.color_ramp.elements[1].position = 0.35, 0.75
    shades.color_ramp.elements[0].color = (*dark, 1.0)
    shades.color_ramp.elements[1].color = (*light, 1.0)
    links.new(noise.outputs["Fac"], shades.inputs["Fac"])
    emit = nodes.new("ShaderNodeEmission")
    links.new(shades.outputs["Color"], emit.inputs["Color"])
    links.new(maths("MULTIPLY", thick, emission), emit.inputs["Strength"])
    both = nodes.new("ShaderNodeAddShader")
    output = nodes.new("ShaderNodeOutputMaterial")
    links.new(absorb.outputs[0], both.inputs[0])
    links.new(emit.outputs[0], both.inputs[1])
    links.new(both.outputs[0], output.inputs["Volume"])
    return [mesh(CORNERS, FACES, material)]


def white(seed: int) -> list[Any]:
    return volume(seed, 60.0, (0.35, 0.36, 0.38), (0.75, 0.75, 0.75), 1.0, 1.3, 1.05, 0.42)


def black(seed: int) -> list[Any]:
    return volume(seed, 110.0, (0.012, 0.011, 0.01), (0.05, 0.045, 0.04), 1.0, 1.6, 0.9, 0.42)


def fire(seed: int) -> list[Any]:
    return volume(seed, 40.0, (0.9, 0.12, 0.01), (1.0, 0.5, 0.08), 6.0, 2.4, 0.7, 0.45)
