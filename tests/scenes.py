"""Little scenes with a known answer, and the one writer of image files for tests.

`disc_over` makes the scene: a soft disc of one colour over a clean plate. For a shot, move its
centre; for files, pass its pictures to `write_image`. `blocks` and `waves` are clean
plates: of square patches, and of a picture that is known between its pixels too.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import OpenImageIO as oiio
from numpy.typing import NDArray

Array = NDArray[Any]
RED = (0.9, 0.2, 0.1)


@dataclass(frozen=True)
class Scene:
    """A plate, its clean plate and its answer, float64."""

    plate: Array  # (H, W, 3)
    clean: Array  # (H, W, 3)
    alpha: Array  # (H, W), [0, 1]


def disc_over(
    clean: Array,
    centre: tuple[float, float],
    radius: float,
    softness: float,
    colour: Sequence[float] = RED,
) -> Scene:
    """A disc of one colour over ``clean`` (H, W, 3).

    ``centre`` is (x, y) in pixels. Alpha falls from 1 to 0 over ``softness`` pixels; it is 0.5 at
    ``radius``.
    """
    y, x = np.mgrid[: clean.shape[0], : clean.shape[1]]
    away = np.hypot(x - centre[0], y - centre[1])
    alpha = np.clip((radius - away) / softness + 0.5, 0, 1)
    cover = alpha[..., None]
    return Scene(cover * np.array(colour) + (1 - cover) * clean, clean, alpha)


def blocks(random: np.random.Generator, rows: int, columns: int, size: int) -> Array:
    """(rows * size, columns * size, 3) in [0, 1): square patches of ``size`` pixels."""
    return np.kron(random.random((rows, columns, 3)), np.ones((size, size, 1)))


def waves(x: Array, y: Array, seed: int = 0) -> NDArray[np.float32]:
    """Colours in about [0.1, 0.8] at any place, (H, W, 3): waves from 60 down to 5 pixels."""
    random = np.random.default_rng(seed)
    total = np.zeros((*x.shape, 3))
    for length in np.geomspace(5, 60, 40):
        angle, phase = random.uniform(0, 2 * np.pi, 2)
        wave = np.sin(2 * np.pi * (x * np.cos(angle) + y * np.sin(angle)) / length + phase)
        total += wave[..., None] * random.uniform(0.2, 1, 3) * np.sqrt(length / 60)
    return (0.45 + 0.06 * total).clip(0.02, 0.9).astype(np.float32)


def write_image(
    path: Path,
    pixels: Array,
    kind: str = "half",
    *,
    channels: Sequence[str] = (),
    at: tuple[int, int] = (0, 0),
    window: tuple[int, int, int, int] | None = None,
    tile: int = 0,
    attributes: dict[str, Any] | None = None,
) -> Path:
    """Write pixels (H, W, C) to a file in the format of its suffix; its path.

    ``kind`` is OpenImageIO's name of a sample's type. ``at`` is the corner of the data window and
    ``window`` the display window (x, y, width, height), by default (0, 0) and the picture's size.
    ``attributes`` are plain values, or (type, value).
    """
    height, width, count = pixels.shape
    spec = oiio.ImageSpec(width, height, count, kind)
    if channels:
        spec.channelnames = tuple(channels)
    spec.x, spec.y = at
    spec.full_x, spec.full_y, spec.full_width, spec.full_height = window or (0, 0, width, height)
    spec.tile_width = spec.tile_height = tile
    for name, value in (attributes or {}).items():
        if isinstance(value, tuple):
            spec.attribute(name, value[0], value[1])
        else:
            spec.attribute(name, value)
    output = oiio.ImageOutput.create(str(path))
    assert output is not None, oiio.geterror()
    assert output.open(str(path), spec), output.geterror()
    assert output.write_image(np.ascontiguousarray(pixels, np.float32)), output.geterror()
    assert output.close()
    return path
