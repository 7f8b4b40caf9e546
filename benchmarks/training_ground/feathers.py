"""Feathers: a shaft, and barbs that stick together in groups or, in down, do not."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from stage import Points, Triple, principled, shaded, strands


def feather(
    base: Triple, angle: float, length: float, width: float, loose: float,
    random: np.random.Generator, count: int = 420,
) -> tuple[Points, Points]:  # fmt: skip
    """The shaft (1, 24, 3) and the barbs (N, 10, 3); ``angle`` is from the vertical."""
    t = np.linspace(0, 1, 24)
    bow = 0.12 * length * np.square(t)
    along = np.asarray([math.sin(angle), 0.0, math.cos(angle)])
    across = np.asarray([math.cos(angle), 0.0, -math.sin(angle)])
    shaft = np.asarray(base) + t[:, None] * length * along + bow[:, None] * across
    at = random.uniform(0.16, 1.0, count)
    side = np.where(random.random(count) < 0.5, -1.0, 1.0)
    group = np.round(at * 14 + side * 0.3) / 14  # barbs of a group end together
    reach = width * np.sqrt(np.clip(np.sin(math.pi * np.clip(at, 0, 0.97) ** 0.8), 0, 1))
    lean = 0.9 + (group - at) * 2.2 * (1 - loose) + 0.5 * loose * random.normal(size=count)
    root = np.asarray(base) + (at * length)[:, None] * along
    root = root + (0.12 * length * np.square(at))[:, None] * across
    s = np.linspace(0, 1, 10)[None, :, None]
    out = (side * np.cos(lean))[:, None] * across + np.sin(lean)[:, None] * along
    depth = np.stack(
        [np.zeros(count), random.normal(size=count) * (0.1 + loose), np.zeros(count)], 1
    )
    droop = loose * random.normal(size=(count, 1)) * across + 0.25 * side[:, None] * across
    barbs = root[:, None] + reach[:, None, None] * (
        s * out[:, None] + s**2 * (0.3 * droop + 0.3 * depth)[:, None]
    )
    if loose:
        barbs += np.cumsum(random.normal(size=barbs.shape) * 0.012 * loose, axis=1)
    return shaft[None], barbs


def fan(
    seed: int, dark: Triple, light: Triple, feathers: int = 9, loose: float = 0.0,
    length: float = 1.25, width: float = 0.2, thick: float = 0.0024, count: int = 520,
) -> list[Any]:  # fmt: skip
    random = np.random.default_rng(seed)
    made = []
    for index in range(feathers):
        angle = (index - (feathers - 1) / 2) * 0.2 if feathers > 1 else 0.25
        base = (0.15 * math.sin(angle), 0.02 * index, -0.75)
        shaft, barbs = feather(base, angle, length, width, loose, random, count)
        pale = principled((0.6, 0.55, 0.45), 0.4)
        made.append(strands(shaft, np.linspace(0.012, 0.002, 24)[None], pale))
        radius = thick * np.linspace(1.2, 0.35, 10)[None, :]
        made.append(strands(barbs, radius, shaded(dark, light, 0.4)))
    return made


def wing(seed: int) -> list[Any]:
    return fan(seed, (0.12, 0.07, 0.04), (0.5, 0.38, 0.26))


def down(seed: int) -> list[Any]:
    return fan(seed, (0.6, 0.58, 0.55), (0.8, 0.78, 0.75), 3, 0.8, 1.2, 0.34, 0.0012, 2200)


def raven(seed: int) -> list[Any]:
    return fan(seed, (0.004, 0.005, 0.008), (0.02, 0.022, 0.03), 7)
