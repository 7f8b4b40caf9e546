"""Furry animals: a round body with ears, an undercoat and guard hairs."""

from __future__ import annotations

from typing import Any

import numpy as np
from hair import tapered
from stage import Points, Triple, ellipsoid, principled, shaded, strands

PARTS: tuple[tuple[Triple, Triple], ...] = (
    ((0.0, 0.0, -0.28), (0.5, 0.42, 0.42)),  # body
    ((0.0, -0.1, 0.24), (0.34, 0.32, 0.3)),  # head
    ((-0.24, 0.0, 0.54), (0.1, 0.07, 0.17)),
    ((0.24, 0.0, 0.54), (0.1, 0.07, 0.17)),
)


def coat(
    count: int, length: float, weight: float, clump: float, random: np.random.Generator
) -> Points:
    """Strands (N, 8, 3) on every part; ``clump`` draws neighbours' tips together."""
    lines = []
    areas = np.asarray([size[0] * size[2] for _, size in PARTS])
    for (place, size), share in zip(PARTS, areas / areas.sum(), strict=True):
        way = random.normal(size=(round(count * share), 3))
        way /= np.linalg.norm(way, axis=1, keepdims=True)
        root = np.asarray(place) + way * np.asarray(size) * 0.98
        direction = way / np.asarray(size)
        direction /= np.linalg.norm(direction, axis=1, keepdims=True)
        direction = direction + 0.25 * random.normal(size=way.shape)
        own = length * random.uniform(0.6, 1.15, (len(way), 1)) * min(1.0, 0.35 + size[2] * 1.6)
        points = [root]
        for _ in range(7):
            direction = direction + np.asarray([0, 0, -weight]) * own / 7
            direction = direction + 0.06 * random.normal(size=way.shape)
            direction /= np.linalg.norm(direction, axis=1, keepdims=True)
            points.append(points[-1] + direction * own / 7)
        line = np.stack(points, axis=1)
        if clump:
            guides = random.integers(0, len(way), max(1, len(way) // 18))
            near = np.linalg.norm(root[:, None] - root[None, guides], axis=2).argmin(axis=1)
            drawn = clump * np.linspace(0, 1, 8)[None, :, None] ** 1.5
            line = line + (line[guides[near]] - line) * drawn
        lines.append(line)
    return np.concatenate(lines)


def animal(
    seed: int, dark: Triple, light: Triple, length: float = 0.17, count: int = 14000,
    weight: float = 4.0, clump: float = 0.0,
) -> list[Any]:  # fmt: skip
    random = np.random.default_rng(seed)
    skin = principled(tuple(0.5 * c for c in dark), 0.8)
    made = [ellipsoid(place, size, skin) for place, size in PARTS]
    gloss = principled((0.008, 0.006, 0.005), 0.08)
    for x in (-0.12, 0.12):
        made.append(ellipsoid((x, -0.44, 0.3), (0.05, 0.05, 0.055), gloss))
    made.append(ellipsoid((0.0, -0.5, 0.2), (0.05, 0.04, 0.035), gloss))
    for number, thick, long in ((count, 0.0022, length), (count // 10, 0.0026, 1.7 * length)):
        lines = coat(number, long, weight, clump, random)
        radius = tapered(*lines.shape[:2], thick, random)
        made.append(strands(lines, radius, shaded(dark, light, 0.5)))
    return made


def fox(seed: int) -> list[Any]:
    return animal(seed, (0.2, 0.07, 0.02), (0.6, 0.3, 0.1))


def wet(seed: int) -> list[Any]:
    return animal(seed, (0.05, 0.035, 0.02), (0.3, 0.22, 0.14), 0.24, 12000, 7.0, 0.9)


def panther(seed: int) -> list[Any]:
    return animal(seed, (0.006, 0.005, 0.005), (0.022, 0.018, 0.017), 0.13)


def white(seed: int) -> list[Any]:
    return animal(seed, (0.5, 0.48, 0.44), (0.78, 0.76, 0.72), 0.2)
