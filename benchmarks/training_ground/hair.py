"""Heads of hair: short, long, curly, blown by wind; each strand is a curve."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from stage import Points, Triple, ellipsoid, principled, shaded, strands

HEAD: Triple = (0.36, 0.4, 0.46)  # half axes
PLACE: Triple = (0.0, 0.0, 0.12)
COLOURS: dict[str, tuple[Triple, Triple]] = {
    "brown": ((0.03, 0.015, 0.007), (0.16, 0.08, 0.035)),
    "blond": ((0.3, 0.2, 0.09), (0.65, 0.48, 0.26)),
    "red": ((0.16, 0.04, 0.012), (0.42, 0.13, 0.04)),
    "black": ((0.006, 0.005, 0.005), (0.02, 0.017, 0.016)),
    "grey": ((0.07, 0.066, 0.062), (0.14, 0.133, 0.125)),
    "white": ((0.5, 0.5, 0.48), (0.75, 0.74, 0.7)),
}


def bust(shirt: Triple, skin: Triple = (0.42, 0.22, 0.14)) -> list[Any]:
    """Head, neck and shoulders."""
    body = principled(skin, 0.5)
    return [
        ellipsoid(PLACE, HEAD, body),
        ellipsoid((0.0, 0.05, -0.4), (0.17, 0.17, 0.35), body),
        ellipsoid((0.0, 0.1, -1.02), (0.78, 0.3, 0.42), principled(shirt, 0.8)),
        ellipsoid((-0.13, -0.37, 0.12), (0.045, 0.03, 0.03), principled((0.02, 0.015, 0.01), 0.1)),
        ellipsoid((0.13, -0.37, 0.12), (0.045, 0.03, 0.03), principled((0.02, 0.015, 0.01), 0.1)),
    ]


def roots(count: int, random: np.random.Generator) -> Points:
    """Directions (N, 3) on the scalp: the top and the back of a unit sphere."""
    found = np.empty((0, 3))
    while len(found) < count:
        tried = random.normal(size=(4 * count, 3))
        tried /= np.linalg.norm(tried, axis=1, keepdims=True)
        hairy = tried[:, 2] > 0.35 - 0.75 * (tried[:, 1] + 0.35)
        found = np.concatenate([found, tried[hairy & (tried[:, 2] > -0.55)]])
    return found[:count]


def grown(
    count: int,
    length: float,
    random: np.random.Generator,
    weight: float,
    unruly: float,
    curl: float = 0.0,
    turns: float = 0.0,
    wind: Triple = (0.0, 0.0, 0.0),
    steps: int = 24,
) -> Points:
    """Strands (N, steps, 3) that leave the scalp, bend under their weight and never enter it.

    ``weight``, ``unruly`` and ``wind`` bend the direction by so much a unit of length.
    ``curl`` is the radius of a helix about each strand, ``turns`` its turns a unit.
    """
    way = roots(count, random)
    axes, middle = np.asarray(HEAD), np.asarray(PLACE)
    at = middle + way * axes * 0.98
    direction = way / axes
    direction /= np.linalg.norm(direction, axis=1, keepdims=True)
    direction += 0.35 * random.normal(size=direction.shape) * unruly
    own = length * (1 - 0.45 * random.random((count, 1)) ** 2)
    stray = random.random((count, 1)) < 0.06  # hairs that leave the others
    bend = np.asarray([0.0, 0.0, -weight]) + np.asarray(wind)
    wander = random.normal(size=(count, 3)) * unruly * np.where(stray, 4.0, 1.0)
    points = [at]
    for step in range(1, steps):
        share = step / steps
        wander = wander + 0.6 * random.normal(size=(count, 3)) * unruly
        direction = direction + (bend * np.where(stray, 0.35, 1.0) + wander) * (own / steps)
        direction /= np.linalg.norm(direction, axis=1, keepdims=True)
        at = at + direction * (own / steps)
        inside = (at - middle) / axes
        far = np.linalg.norm(inside, axis=1, keepdims=True)
        lift = 1.02 + 0.1 * share
        at = np.where(far < lift, middle + inside / far * lift * axes, at)
        points.append(at)
    line = np.stack(points, axis=1)
    if curl:
        along = np.linspace(0, 1, steps)[None, :] * own
        phase = 2 * math.pi * (turns * along + random.random((count, 1)))
        radius = curl * np.minimum(1, 4 * along / length)
        line[..., 0] += radius * np.cos(phase)
        line[..., 1] += radius * np.sin(phase)
        line[..., 2] += 0.6 * radius * np.sin(phase + 1.0)
    return line


def tapered(count: int, steps: int, thick: float, random: np.random.Generator) -> Points:
    """Radii (N, steps): each strand's own, thin at its tip."""
    own = thick * random.uniform(0.6, 1.3, (count, 1))
    return own * np.sqrt(np.linspace(1.0, 0.02, steps))[None, :]


def head(
    seed: int, colour: str, length: float, count: int, shirt: Triple, weight: float = 3.0,
    unruly: float = 0.6, curl: float = 0.0, turns: float = 0.0, wind: Triple = (0.0, 0.0, 0.0),
    steps: int = 24, thick: float = 0.0016,
) -> list[Any]:  # fmt: skip
    random = np.random.default_rng(seed)
    lines = grown(count, length, random, weight, unruly, curl, turns, wind, steps)
    radius = tapered(count, steps, thick, random)
    return [*bust(shirt), strands(lines, radius, shaded(*COLOURS[colour], 0.4))]


def short(seed: int, colour: str = "brown") -> list[Any]:
    return head(seed, colour, 0.22, 9000, (0.05, 0.1, 0.3), 1.0, 1.6, thick=0.0018)


def long(seed: int, colour: str = "blond") -> list[Any]:
    return head(seed, colour, 1.15, 6000, (0.3, 0.03, 0.04), 9.0, 0.22)


def curly(seed: int, colour: str = "red") -> list[Any]:
    return head(
        seed, colour, 0.62, 3200, (0.03, 0.15, 0.12), 1.5, 1.3, 0.028, 9.0, steps=72, thick=0.0018
    )


def blown(seed: int, colour: str = "brown") -> list[Any]:
    return head(
        seed, colour, 1.0, 4500, (0.5, 0.48, 0.42), 2.0, 0.45, wind=(5.5, 0.3, 1.4), steps=28
    )


def frizzy(seed: int, colour: str = "black") -> list[Any]:
    return head(seed, colour, 0.5, 5000, (0.4, 0.25, 0.05), 0.3, 3.0, 0.012, 22.0, steps=64)
