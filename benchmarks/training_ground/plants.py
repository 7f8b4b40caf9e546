"""Leaves, grass and seeds."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from stage import Triple, mesh, principled, shaded, strands

OUTLINE = 9  # points along each side of a leaf


def leaves(
    places: Any, angles: Any, sizes: Any, dark: Triple, light: Triple, narrow: float,
    random: np.random.Generator,
) -> Any:  # fmt: skip
    """One mesh of pointed, bent leaves at places (N, 3), at angles (N,) to the vertical."""
    points: list[list[float]] = []
    faces: list[tuple[int, ...]] = []
    shade: list[float] = []
    for place, angle, size in zip(places, angles, sizes, strict=True):
        first = len(points)
        tilt, tone = random.normal() * 0.6, random.random()
        for step in range(OUTLINE):
            t = step / (OUTLINE - 1)
            half = narrow * math.sin(math.pi * t**0.8) * (1 - 0.1 * math.cos(t * 60))
            for side in (-1, 0, 1):
                across, up = side * half, t
                back = 0.25 * abs(side) * half + 0.3 * t * t * tilt
                points.append([
                    place[0] + size * (up * math.sin(angle) + across * math.cos(angle)),
                    place[1] + size * (back + across * math.sin(tilt)),
                    place[2] + size * (up * math.cos(angle) - across * math.sin(angle)),
                ])  # fmt: skip
                shade.append(min(1.0, max(0.0, tone + 0.15 * (side == 0))))
        for step in range(OUTLINE - 1):
            for side in (0, 1):
                a = first + 3 * step + side
                faces.append((a, a + 1, a + 4, a + 3))
    return mesh(points, faces, shaded(dark, light, 0.45, "shade"), shade)


def branch(
    seed: int, dark: Triple = (0.03, 0.1, 0.015), light: Triple = (0.25, 0.4, 0.06),
    size: float = 0.26, count: int = 16,
) -> list[Any]:  # fmt: skip
    random = np.random.default_rng(seed)
    twigs, places, angles = [], [], []
    for index in range(7):
        start = np.asarray([-1.0 + 0.22 * index, 0.05 * random.normal(), -0.75 + 0.12 * index])
        heading = 0.5 + 0.35 * random.normal()
        t = np.linspace(0, 1, 20)
        line = start + np.stack([
            1.0 * t * math.sin(heading), 0.1 * random.normal() * t,
            1.0 * t * math.cos(heading) - 0.15 * t**2,
        ], axis=1)  # fmt: skip
        twigs.append(line)
        for k in range(count):
            places.append(line[3 + k * 17 // count] + 0.01 * random.normal(size=3))
            angles.append(heading + (0.9 if k % 2 else -0.9) + 0.35 * random.normal())
    sizes = size * random.uniform(0.55, 1.1, len(places))
    bark = principled((0.1, 0.06, 0.035), 0.8)
    return [
        strands(np.stack(twigs), np.linspace(0.014, 0.004, 20)[None], bark),
        leaves(places, angles, sizes, dark, light, 0.22, random),
    ]


def pale_branch(seed: int) -> list[Any]:
    """The same greens as the foliage behind it."""
    return branch(seed, (0.03, 0.1, 0.012), (0.16, 0.24, 0.03), 0.2, 22)


def fern(seed: int) -> list[Any]:
    random = np.random.default_rng(seed)
    places, angles, sizes, ribs = [], [], [], []
    for index in range(7):
        heading = (index - 3) * 0.36 + 0.08 * random.normal()
        t = np.linspace(0, 1, 60)
        bent = heading * (1 + 0.7 * t)
        step = 1.45 / 60
        moves = np.stack([np.sin(bent) * step, -0.1 * t * step, np.cos(bent) * step], axis=1)
        line = np.asarray([0.0, 0.06 * index - 0.2, -0.95]) + np.cumsum(moves, axis=0)
        ribs.append(line)
        for k in range(4, 60):
            for side in (-1, 1):
                places.append(line[k])
                angles.append(bent[k] + side * 1.15 + 0.06 * random.normal())
                sizes.append(0.24 * math.sin(math.pi * min(1.0, 0.12 + 0.88 * t[k])) + 0.015)
    stem = principled((0.12, 0.14, 0.03), 0.6)
    return [
        strands(np.stack(ribs), np.linspace(0.01, 0.002, 60)[None], stem),
        leaves(places, angles, sizes, (0.04, 0.12, 0.02), (0.2, 0.35, 0.05), 0.09, random),
    ]


def grass(seed: int) -> list[Any]:
    random = np.random.default_rng(seed)
    count, steps = 700, 16
    t = np.linspace(0, 1, steps)
    base = np.stack([
        random.normal(0, 0.5, count), random.uniform(-0.5, 0.5, count), np.full(count, -1.02)
    ], axis=1)  # fmt: skip
    tall = random.uniform(0.6, 1.75, (count, 1)) * np.exp(-np.square(base[:, :1] / 0.9))
    lean, bend = random.normal(0, 0.16, (count, 2)), random.normal(0, 0.45, (count, 2))
    line = np.repeat(base[:, None], steps, axis=1)
    line[..., 0] += tall * (lean[:, :1] * t + bend[:, :1] * t**2)
    line[..., 1] += tall * (lean[:, 1:] * t + bend[:, 1:] * t**2)
    line[..., 2] += tall * (t - 0.2 * np.abs(bend[:, :1]) * t**2)
    radius = 0.008 * random.uniform(0.5, 1.2, (count, 1)) * (1.02 - t)[None, :] ** 0.8
    return [strands(line, radius, shaded((0.06, 0.13, 0.02), (0.5, 0.45, 0.17), 0.6))]


def dandelion(seed: int) -> list[Any]:
    """A ball of seeds, each with a parachute."""
    random = np.random.default_rng(seed)
    middle = np.asarray([0.0, 0.0, 0.15])
    t = np.linspace(0, 1, 20)[:, None]
    stem = (
        np.asarray([0.15, 0.0, -1.1]) * (1 - t)
        + middle * t
        + np.asarray([0.06, 0, 0]) * t * (1 - t)
    )
    way = random.normal(size=(170, 3))
    way /= np.linalg.norm(way, axis=1, keepdims=True)
    stalks = middle + way[:, None] * np.linspace(0.07, 0.5, 5)[None, :, None]
    threads = []
    for direction in way:
        side = np.cross(direction, (0.3, 0.5, 0.8))
        side /= np.linalg.norm(side)
        other = np.cross(direction, side)
        for angle in np.linspace(0, 2 * math.pi, 26, endpoint=False) + random.random() * 0.2:
            out = math.cos(angle) * side + math.sin(angle) * other
            s = np.linspace(0, 1, 5)[:, None]
            reach = 0.13 * random.uniform(0.8, 1.1)
            threads.append(middle + 0.5 * direction + reach * (s * out + 0.5 * s**0.7 * direction))
    white = shaded((0.55, 0.53, 0.5), (0.8, 0.78, 0.74), 0.5)
    return [
        strands(stem[None], 0.018, principled((0.25, 0.28, 0.1), 0.5)),
        strands(stalks, 0.0022, principled((0.35, 0.25, 0.15), 0.5)),
        strands(np.stack(threads), 0.0012, white),
    ]
