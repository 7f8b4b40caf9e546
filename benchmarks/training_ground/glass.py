"""Thin glass: clear by its angle to the camera, with reflections; it tints and does not refract."""

from __future__ import annotations

from typing import Any

import bpy
import numpy as np
from stage import Triple, ellipsoid, mesh, revolved


def thin(tint: Triple, reflects: float = 1.0) -> Any:
    """Lets `tint` through, and reflects more the flatter it is seen."""
    material = bpy.data.materials.new("glass")
    material.use_nodes = True
    nodes, links = material.node_tree.nodes, material.node_tree.links
    nodes.clear()
    clear = nodes.new("ShaderNodeBsdfTransparent")
    clear.inputs["Color"].default_value = (*tint, 1.0)
    shine = nodes.new("ShaderNodeBsdfGlossy")
    shine.inputs["Roughness"].default_value = 0.04
    shine.inputs["Color"].default_value = (1.0, 1.0, 1.0, 1.0)
    facing = nodes.new("ShaderNodeLayerWeight")  # 1 - |cos|, on both sides of the wall alike
    facing.inputs["Blend"].default_value = 0.5
    steep, scaled = nodes.new("ShaderNodeMath"), nodes.new("ShaderNodeMath")
    steep.operation, scaled.operation, scaled.use_clamp = "POWER", "MULTIPLY_ADD", True
    steep.inputs[1].default_value = 5.0  # Schlick's approximation of Fresnel
    scaled.inputs[1].default_value = 0.96 * reflects
    scaled.inputs[2].default_value = 0.04 * reflects
    mixed = nodes.new("ShaderNodeMixShader")
    output = nodes.new("ShaderNodeOutputMaterial")
    links.new(facing.outputs["Facing"], steep.inputs[0])
    links.new(steep.outputs[0], scaled.inputs[0])
    links.new(scaled.outputs[0], mixed.inputs[0])
    links.new(clear.outputs[0], mixed.inputs[1])
    links.new(shine.outputs[0], mixed.inputs[2])
    links.new(mixed.outputs[0], output.inputs["Surface"])
    return material


def softboxes() -> None:
    """Bright panels beside and behind the camera, for the reflections only."""
    glow = bpy.data.materials.new("panel")
    glow.use_nodes = True
    nodes = glow.node_tree.nodes
    nodes.clear()
    light = nodes.new("ShaderNodeEmission")
    light.inputs["Strength"].default_value = 6.0
    output = nodes.new("ShaderNodeOutputMaterial")
    glow.node_tree.links.new(light.outputs[0], output.inputs["Surface"])
    for x, y, wide in ((-3.2, -2.5, 0.5), (3.4, -1.0, 0.9), (1.2, -8.0, 0.6)):
        corners = [(x, y - wide, -1.5), (x, y + wide, -1.5), (x, y + wide, 2.0), (x, y - wide, 2.0)]
        if y < -7:
            corners = [
                (x - wide, y, 0.5),
                (x + wide, y, 0.5),
                (x + wide, y, 2.2),
                (x - wide, y, 2.2),
            ]
        panel = mesh(corners, [(0, 1, 2, 3)], glow)
        panel.visible_camera = panel.visible_diffuse = False


def goblet(seed: int) -> list[Any]:
    softboxes()
    clear = thin((0.96, 0.97, 0.97))
    bowl = [(0.015, -0.2), (0.2, -0.1), (0.36, 0.15), (0.4, 0.45), (0.34, 0.85)]
    foot = [(0.34, -0.9), (0.32, -0.88), (0.05, -0.82), (0.025, -0.5), (0.03, -0.2)]
    wine = [(0.01, -0.17), (0.18, -0.08), (0.33, 0.13), (0.35, 0.2), (0.0, 0.2)]
    return [revolved(bowl, clear), revolved(foot, clear), revolved(wine, thin((0.45, 0.03, 0.06)))]


def bottles(seed: int) -> list[Any]:
    softboxes()
    shape = [(0.0, -0.9), (0.26, -0.88), (0.28, -0.8), (0.28, 0.0), (0.25, 0.15), (0.1, 0.4),
             (0.085, 0.75), (0.11, 0.77), (0.1, 0.85)]  # fmt: skip
    low = [(0.0, -0.9), (0.22, -0.89), (0.24, -0.6), (0.24, -0.1), (0.12, 0.05), (0.12, 0.2)]
    return [
        revolved(shape, thin((0.35, 0.62, 0.3)), -0.42),
        revolved(low, thin((0.85, 0.5, 0.15)), 0.22),
        revolved([(r * 0.7, z * 0.9 - 0.09) for r, z in shape], thin((0.4, 0.6, 0.8)), 0.78),
    ]


def bubbles(seed: int) -> list[Any]:
    softboxes()
    random = np.random.default_rng(seed)
    film = thin((0.99, 0.985, 0.99), 2.2)
    made = []
    for _ in range(26):
        radius = 0.05 + 0.3 * random.random() ** 2.5
        place = (random.uniform(-0.95, 0.95), random.uniform(-0.5, 0.5), random.uniform(-0.7, 0.7))
        made.append(ellipsoid(place, (radius,) * 3, film))
    return made
