"""Clean plates: colours (..., 3) at points (x, z) of the frame, scene-linear, without noise.

Patterns of one lattice hash and numpy only, so they are the same on every machine and in every
Blender. They hold detail down to a four-hundredth of the frame's width, for the close-ups.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]


def hashed(i: Floats, j: Floats, seed: int) -> Floats:
    """Values in [0, 1) by chance, one for each cell (i, j)."""
    n = i.astype(np.int64).astype(np.uint32) * np.uint32(0x9E3779B1)
    n ^= j.astype(np.int64).astype(np.uint32) * np.uint32(0x85EBCA77)
    n += np.uint32((seed * 0xC2B2AE3D) & 0xFFFFFFFF)
    for shift, factor in ((15, 0x2C1B3C6D), (12, 0x297A2D39)):
        n ^= n >> np.uint32(shift)
        n *= np.uint32(factor)
    n ^= n >> np.uint32(15)
    return n / 4294967296.0


def noise(x: Floats, z: Floats, seed: int) -> Floats:
    """Smooth values in [0, 1], of one cell's size."""
    i, j = np.floor(x), np.floor(z)
    u, v = x - i, z - j
    u, v = u * u * (3 - 2 * u), v * v * (3 - 2 * v)
    low = hashed(i, j, seed) * (1 - u) + hashed(i + 1, j, seed) * u
    high = hashed(i, j + 1, seed) * (1 - u) + hashed(i + 1, j + 1, seed) * u
    return low * (1 - v) + high * v


def clouds(x: Floats, z: Floats, seed: int, octaves: int = 6) -> Floats:
    """Noise over octaves, in [0, 1]."""
    total, weight, whole = np.zeros_like(x), 1.0, 0.0
    for octave in range(octaves):
        total += weight * noise(x * 2**octave + 17.3 * octave, z * 2**octave, seed + octave)
        whole += weight
        weight *= 0.55
    return total / whole


def blend(first: Floats, second: Floats | tuple[float, ...], share: Floats) -> Floats:
    return first + (np.asarray(second) - first) * share[..., None]


def flat(x: Floats, colour: tuple[float, ...]) -> Floats:
    return np.broadcast_to(np.asarray(colour, np.float64), (*x.shape, 3))


def bricks(x: Floats, z: Floats, seed: int) -> Floats:
    row = np.floor(z / 0.13)
    along = x / 0.34 + 0.5 * (row % 2)
    column = np.floor(along)
    gap = np.minimum(
        np.minimum(along - column, 1 - along + column) * 0.34,
        np.minimum(z / 0.13 - row, 1 - z / 0.13 + row) * 0.13,
    )
    chance = hashed(column, row, seed)
    stone = blend(flat(x, (0.34, 0.1, 0.05)), (0.16, 0.07, 0.05), chance)
    ragged = gap + 0.008 * (clouds(x * 20, z * 20, seed + 9, 3) - 0.5)
    wall = blend(stone, (0.4, 0.38, 0.34), np.clip((0.011 - ragged) / 0.004, 0, 1))
    return wall * (0.45 + 1.1 * clouds(x * 9, z * 9, seed + 3))[..., None]


def foliage(x: Floats, z: Floats, seed: int) -> Floats:
    """Leaves upon leaves, dark behind, lit in front."""
    colour = flat(x, (0.006, 0.012, 0.005)) * (0.5 + clouds(x * 4, z * 4, seed))[..., None]
    for layer, size in enumerate((0.3, 0.24, 0.2, 0.17, 0.14)):
        here = seed * 31 + layer * 101
        u, v = x / size + 0.37 * layer, z / size + 0.61 * layer
        for di in (-1, 0, 1):
            for dj in (-1, 0, 1):
                i, j = np.floor(u) + di, np.floor(v) + dj
                a, b, c = (hashed(i, j, here + k) for k in range(3))
                du, dv = u - i - a, v - j - b
                angle = 6.283 * c
                along = du * np.cos(angle) + dv * np.sin(angle)
                across = -du * np.sin(angle) + dv * np.cos(angle)
                width = 0.26 * np.clip(1 - np.square(along / 0.62), 0, 1)
                inside = np.clip((width - np.abs(across)) / 0.02, 0, 1)
                lit = 0.15 + 0.17 * layer * (0.4 + a) + 0.25 * (across > 0) * b
                vein = 1 - 0.35 * (np.abs(across) < 0.012)
                leaf = blend(flat(x, (0.05, 0.17, 0.02)), (0.24, 0.3, 0.04), b)
                colour = blend(colour, leaf * (lit * vein)[..., None], inside)
    return colour * (0.75 + 0.5 * clouds(x * 30, z * 30, seed + 5, 4))[..., None]


def sky(x: Floats, z: Floats, seed: int) -> Floats:
    blue = blend(flat(x, (0.5, 0.62, 0.75)), (0.12, 0.27, 0.62), np.clip(z / 1.9 + 0.5, 0, 1))
    thick = clouds(x * 1.3, z * 2.2, seed, 8)
    white = 0.75 + 0.5 * (clouds(x * 1.3 + 0.15, z * 2.2 + 0.15, seed, 8) - 0.5)
    share = np.clip((thick - 0.45) / 0.22, 0, 1)
    return blend(blue, np.repeat(white[..., None], 3, axis=2), share * share * (3 - 2 * share))


def room(x: Floats, z: Floats, seed: int) -> Floats:
    """Striped paper, a picture, a shelf of books, a floor."""
    stripe = (np.floor(x / 0.09) % 2)[..., None]
    paper = np.where(stripe > 0, (0.4, 0.33, 0.22), (0.46, 0.4, 0.29))
    colour = paper * (0.85 + 0.3 * clouds(x * 25, z * 25, seed, 5))[..., None]
    framed = (np.abs(x + 0.75) < 0.36) & (np.abs(z - 0.4) < 0.3)
    painted = (np.abs(x + 0.75) < 0.31) & (np.abs(z - 0.4) < 0.25)
    colour = np.where(framed[..., None], (0.09, 0.04, 0.015), colour)
    scene = blend(flat(x, (0.06, 0.16, 0.25)), (0.5, 0.25, 0.06), clouds(x * 4, z * 6, seed + 1))
    colour = np.where(painted[..., None], scene * 1.2, colour)
    book = np.floor(x / 0.07)
    tall = 0.02 + 0.24 * hashed(book, book * 0, seed) + 0.14
    edge = np.abs(x / 0.07 - book - 0.5) > 0.44
    back = np.stack([hashed(book, book * 0 + k, seed + 7) for k in range(1, 4)], -1) ** 2 * 0.5
    band = (np.floor(z / 0.035) % 7 == 3)[..., None]
    back = (
        np.where(band, back * 0.3 + 0.1, back) * (0.8 + 0.4 * noise(x * 90, z * 12, 3))[..., None]
    )
    shelf = (x > 0.15) & (x < 1.2)
    books = shelf & (z > 0.1) & (z < 0.1 + tall)
    colour = np.where(books[..., None], np.where(edge[..., None], 0.01, back), colour)
    board = shelf & (np.abs(z - 0.08) < 0.025)
    wood = flat(x, (0.2, 0.11, 0.05)) * (0.5 + clouds(x * 6, z * 60, seed + 2))[..., None]
    colour = np.where(board[..., None], wood, colour)
    depth = 1 / np.maximum(0.25, -z)  # planks run away from the camera
    plank = np.floor(x * depth / 0.22)
    planks = wood * (0.5 + hashed(plank, plank * 0, seed + 4))[..., None]
    return np.where((z < -0.5)[..., None], planks, colour)


def wall(x: Floats, z: Floats, seed: int) -> Floats:
    """Flat grey, hardly a texture."""
    fall = 1 - 0.12 * (np.square(x) + np.square(z))
    grain = 0.97 + 0.06 * clouds(x * 12, z * 12, seed, 6)
    return flat(x, (0.19, 0.18, 0.17)) * (fall * grain)[..., None]


def curtain(x: Floats, z: Floats, seed: int) -> Floats:
    """Dark cloth in folds."""
    bent = x + 0.05 * noise(x * 2, z * 1.5, seed)
    fold = 0.5 + 0.5 * np.sin(bent * 19 + 2.5 * noise(x * 3, z * 0.7, seed + 1))
    weave = 0.8 + 0.4 * noise(x * 160, z * 160, seed + 2)
    return flat(x, (0.022, 0.017, 0.016)) * ((0.25 + fold) * weave)[..., None]


def lights(x: Floats, z: Floats, seed: int) -> Floats:
    """Lamps of a street, out of focus; the brightest are above 1."""
    colour = blend(flat(x, (0.02, 0.02, 0.03)), (0.03, 0.05, 0.1), np.clip(z / 2 + 0.5, 0, 1))
    colour = colour * (0.5 + clouds(x * 1.5, z * 1.5, seed, 3))[..., None]
    random = np.random.default_rng(seed)
    tints = ((1.0, 0.55, 0.2), (1.0, 0.85, 0.6), (0.9, 0.15, 0.1), (0.3, 0.7, 1.0), (0.4, 1, 0.5))
    for _ in range(34):
        cx, cz, radius = (
            random.uniform(-1.4, 1.4),
            random.normal(0, 0.35),
            random.uniform(0.05, 0.16),
        )
        power = 2.5 * random.random() ** 3 + 0.12
        tint = np.asarray(tints[random.integers(len(tints))]) * power
        far = np.hypot(x - cx, z - cz) / radius
        disc = np.clip((1 - far) / 0.06, 0, 1) * (0.75 + 0.25 * np.clip(far, 0, 1) ** 6)
        colour = colour + disc[..., None] * tint
    return colour


def cloth(x: Floats, z: Floats, seed: int) -> Floats:
    """A green screen, lit unevenly, with creases."""
    crease = clouds(x * 1.2 + z * 0.6, z * 0.9 - x * 0.3, seed, 4)
    weave = 0.97 + 0.06 * noise(x * 220, z * 220, seed + 1)
    return flat(x, (0.04, 0.34, 0.07)) * ((0.55 + 0.7 * crease) * weave)[..., None]


BACKDROPS: dict[str, Callable[[Floats, Floats, int], Floats]] = {
    "bricks": bricks,
    "foliage": foliage,
    "sky": sky,
    "room": room,
    "wall": wall,
    "curtain": curtain,
    "lights": lights,
    "cloth": cloth,
}
