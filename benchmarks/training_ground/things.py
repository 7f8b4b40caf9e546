"""Solid things with a sharp edge, and things that move or lie out of focus."""

from __future__ import annotations

import math
from typing import Any

import fur
import hair
import nets
import plants
from stage import Triple, defocused, mesh, moved, principled, revolved, surface


def mug(seed: int, colour: Triple = (0.17, 0.16, 0.15)) -> list[Any]:
    """In the grey of the wall behind it."""
    clay = principled(colour, 0.35)
    side = [(0.0, -0.7), (0.42, -0.7), (0.45, -0.6), (0.45, 0.55), (0.43, 0.57), (0.4, 0.55),
            (0.4, -0.5), (0.0, -0.55)]  # fmt: skip

    def handle(u: float, v: float) -> Triple:
        angle, around = math.pi * (0.5 - u), 2 * math.pi * v  # from the top to the bottom
        radius = 0.32 + 0.06 * math.cos(around)
        x = 0.33 + 0.8 * radius * math.cos(angle)
        return (x, 0.06 * math.sin(around), radius * math.sin(angle))

    return [revolved(side, clay, -0.1), surface(handle, 24, 16, clay)]


def thrown(seed: int) -> list[Any]:
    """A furry animal that flies past."""
    made = fur.animal(seed, (0.12, 0.08, 0.05), (0.5, 0.4, 0.3))
    moved(made, (0.3, 0.0, 0.12), 0.1)
    return made


def propeller(seed: int) -> list[Any]:
    blades = []
    for k in range(3):
        turn = 2 * math.pi * k / 3 + 0.4
        points = []
        for i in range(13):
            t = i / 12
            wide = 0.05 + 0.11 * math.sin(math.pi * min(1.0, 0.15 + 0.8 * t))
            for side in (-1, 1):
                r, w = 0.05 + 0.8 * t, side * wide
                points.append((r * math.cos(turn) - w * math.sin(turn), 0.5 * w * (1 - t),
                               r * math.sin(turn) + w * math.cos(turn)))  # fmt: skip
        faces = [(2 * i, 2 * i + 1, 2 * i + 3, 2 * i + 2) for i in range(12)]
        blades.append(mesh(points, faces, principled((0.7, 0.35 - 0.15 * k, 0.05), 0.4)))
    moved(blades, (0.0, 0.0, 0.0), 0.55)
    hub = revolved(
        [(0.0, -0.1), (0.1, -0.08), (0.1, 0.08), (0.0, 0.1)], principled((0.1,) * 3, 0.4)
    )
    hub.rotation_euler = (math.pi / 2, 0, 0)
    return [*blades, hub]


def tossed(seed: int) -> list[Any]:
    """Long hair in a fast turn of the head."""
    made = hair.head(seed, "brown", 0.95, 4500, (0.1, 0.2, 0.25), 3.0, 0.4, wind=(-4.5, 0.2, 1.0))
    moved(made, (0.12, 0.0, 0.0), 0.14)
    return made


def blurred_hair(seed: int) -> list[Any]:
    made = hair.curly(seed, "brown")
    defocused(-2.2, 0.05)
    return made


def blurred_branch(seed: int) -> list[Any]:
    """In front, while the focus is far behind."""
    made = plants.branch(seed, (0.1, 0.05, 0.01), (0.5, 0.25, 0.04), 0.3, 12)
    defocused(3.0, 0.09)
    return made


def blurred_fence(seed: int) -> list[Any]:
    made = nets.fence(seed)
    defocused(3.0, 0.035)
    return made
