"""Meshes, cloth of threads, a wheel, a frayed rope: thin things with holes."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from stage import Points, Triple, principled, shaded, strands


def fence(seed: int) -> list[Any]:
    """Chain link: zigzags that touch at their corners."""
    random = np.random.default_rng(seed)
    lines = []
    for column in range(18):
        k = np.arange(60)
        x = -1.05 + 0.12 * column + np.where((k + column) % 2, 0.122, -0.002)
        y = np.where((k + column) % 2, 0.006, -0.006)
        z = -1.2 + 0.075 * k * (1.3 / 1.5) + 0.003 * random.normal(size=60)
        lines.append(np.stack([x, y, z], axis=1))
    steel = shaded((0.2, 0.2, 0.21), (0.4, 0.41, 0.42), 0.4)
    rail: Points = np.asarray([[[-1.12, 0.03, z] for z in np.linspace(-1.3, 0.85, 8)]])
    return [
        strands(np.stack(lines), 0.006, steel),
        strands(rail, 0.035, principled((0.3, 0.31, 0.32), 0.4)),
    ]


def veil(seed: int) -> list[Any]:
    """Tulle: two sets of fine threads in folds, so that it is denser where it turns away."""
    random = np.random.default_rng(seed)
    phase = random.random() * 6

    def folded(u: Points, v: Points) -> Points:
        x = -0.85 + 1.7 * u + 0.05 * np.sin(9 * u + phase) + 0.12 * (v - 0.5) * np.sin(5 * u)
        y = 0.12 * np.sin(26 * u + 3 * v + phase) * (0.4 + v)
        z = 0.85 - 1.7 * v - 0.1 * np.sin(3.1 * u)
        return np.stack([x, y, z], axis=-1)

    t = np.linspace(0, 1, 160)
    upright = folded(*np.meshgrid(np.linspace(0, 1, 170), t, indexing="ij"))
    level = folded(*np.meshgrid(t, np.linspace(0, 1, 130), indexing="ij")).transpose(1, 0, 2)
    seam = folded(*np.meshgrid(t, np.asarray([0.0, 0.012, 1.0]), indexing="ij")).transpose(1, 0, 2)
    thread = shaded((0.6, 0.56, 0.55), (0.75, 0.72, 0.7), 0.6)
    return [
        strands(upright, 0.0016, thread),
        strands(level, 0.0016, thread),
        strands(seam, 0.008, thread),
    ]


def wheel(seed: int) -> list[Any]:
    """A bicycle's: rim, tyre, spokes."""
    around = np.linspace(0, 2 * math.pi, 97)
    ring = np.stack([np.cos(around), 0 * around, np.sin(around)], axis=1)
    spokes = []
    for k in range(36):
        a, b = 2 * math.pi * k / 36, 2 * math.pi * k / 36 + (0.9 if k % 2 else -0.9)
        hub = np.asarray([0.06 * math.cos(b), 0.06 * (-1) ** (k // 2), 0.06 * math.sin(b)])
        rim = np.asarray([0.76 * math.cos(a), 0.0, 0.76 * math.sin(a)])
        spokes.append(hub + (rim - hub) * np.linspace(0, 1, 4)[:, None])
    hub = np.asarray([[[0.0, y, 0.0] for y in (-0.1, 0.0, 0.1)]])
    chrome = principled((0.6, 0.6, 0.62), 0.25, 1.0)
    return [
        strands((0.84 * ring)[None], 0.035, principled((0.012, 0.012, 0.012), 0.7)),
        strands((0.775 * ring)[None], 0.02, chrome),
        strands(np.stack(spokes), 0.004, chrome),
        strands(hub, 0.05, chrome),
    ]


def web(seed: int) -> list[Any]:
    """A spider's: spokes, and a spiral that sags between them; drops hang on it."""
    random = np.random.default_rng(seed)
    angles = np.linspace(0, 2 * math.pi, 23, endpoint=False) + random.normal(0, 0.05, 23)
    reach = random.uniform(0.75, 1.1, 23)
    spokes = np.stack([
        np.stack([s * np.cos(angles) * reach, 0 * angles, s * np.sin(angles) * reach], axis=1)
        for s in np.linspace(0, 1, 4)
    ], axis=1)  # fmt: skip
    sags, drops = [], []
    for turn in range(22):
        share = 0.12 + 0.035 * turn
        for k in range(23):
            ends = [
                (share + 0.035 * j / 23) * reach[i % 23] * np.asarray(
                    [math.cos(angles[i % 23]), 0.0, math.sin(angles[i % 23])])
                for i, j in ((k, k), (k + 1, k + 1))
            ]  # fmt: skip
            s = np.linspace(0, 1, 8)[:, None]
            line = ends[0] * (1 - s) + ends[1] * s
            line = line * (1 - 0.05 * 4 * s * (1 - s))
            sags.append(line)
            for place in line[1:-1:2]:
                if random.random() < 0.5:
                    drops.append(place + np.asarray([[-0.004, 0, 0], [0, 0, 0], [0.004, 0, 0]]))
    silk = principled((0.65, 0.66, 0.68), 0.3)
    bead = np.asarray([[0.0015, 0.006, 0.0015]])
    return [
        strands(spokes, 0.0018, silk),
        strands(np.stack(sags), 0.0013, silk),
        strands(np.stack(drops), bead, silk),
    ]


def rope(
    seed: int, dark: Triple = (0.22, 0.14, 0.07), light: Triple = (0.55, 0.42, 0.25)
) -> list[Any]:
    """Three twisted strands of fibres that fray towards the end, and loose fibres."""
    random = np.random.default_rng(seed)
    count, steps = 2600, 60
    t = np.linspace(0, 1, steps)[None, :]
    own = random.uniform(0.75, 1.0, (count, 1))
    s = t * own
    frayed = np.clip((s - 0.42) / 0.58, 0, 1) ** 1.6
    strand = random.integers(0, 3, (count, 1))
    turn = 2 * math.pi * (strand / 3 + 5.5 * np.minimum(s, 0.55))
    inner = 0.058 * np.sqrt(random.random((count, 1)))
    phase = 2 * math.pi * (random.random((count, 1)) + 8 * np.minimum(s, 0.5))
    spread = random.normal(size=(count, 2)) * 0.3
    wave = np.cumsum(random.normal(size=(count, steps, 2)) * 0.006, axis=1) * frayed[..., None]
    x = 0.065 * np.cos(turn) + inner * np.cos(phase) + frayed * spread[:, :1] + wave[..., 0]
    y = 0.065 * np.sin(turn) + inner * np.sin(phase) + frayed * spread[:, 1:] + wave[..., 1]
    z = 1.1 - 1.85 * s + 0.25 * frayed * np.hypot(spread[:, :1], spread[:, 1:])
    line = np.stack([x - 0.1 + 0.2 * s, y, z], axis=-1)
    return [strands(line, 0.0022, shaded(dark, light, 0.7))]
