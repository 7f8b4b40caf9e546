"""The composite benchmark: alphamatting.com alphas over photographs, made the same way by everyone.

Recipe: image k (in order of its number): F = pymatting.estimate_foreground_ml(input, alpha);
F and alpha resized with area filtering so that the long side is S, both sides rounded to
multiples of 8; background = the k-th, cyclically, of BACKGROUNDS, scaled with area filtering to
cover 1.02 x the frame and cropped at the top left; I = alpha F + (1 - alpha) B; I and B rounded
to 8 bits. The values are solved as stored, without linearisation.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image

Array = NDArray[np.float64]

BACKGROUNDS = (
    "real_pairs/0001_back.png",
    "real_pairs/background_indoor.png",
    "lemur/beach.png",
    "real_pairs/0500_back.png",
)


@dataclass(frozen=True)
class Pair:
    """One benchmark item; all arrays float64 in [0, 1]."""

    name: str
    image: Array  # (H, W, 3), multiples of 1/255
    clean: Array  # (H, W, 3), multiples of 1/255
    alpha: Array  # (H, W), the truth
    foreground: Array  # (H, W, 3), straight, meaningful where alpha > 0


def composites(data: Path, size: int = 512) -> Iterator[Pair]:
    """The benchmark's items at long side ``size``.

    ``data`` holds ``alphamatting/``, ``real_pairs/`` and ``lemur/``. Raises
    FileNotFoundError where it does not.
    """
    for name in names(data):
        yield composite(data, name, size)


def names(data: Path) -> list[str]:
    """The items in order. Raises FileNotFoundError where ``data`` holds none."""
    inputs = sorted((data / "alphamatting/input").glob("GT*.png"))
    if not inputs:
        raise FileNotFoundError(f"No alphamatting images under {data}")
    return [path.stem for path in inputs]


def composite(data: Path, name: str, size: int) -> Pair:
    """One item. Raises FileNotFoundError where ``data`` does not hold it, ValueError for a name
    that is none of :func:`names`."""
    from pymatting import estimate_foreground_ml

    background = BACKGROUNDS[names(data).index(name) % len(BACKGROUNDS)]
    photo = _load(data / "alphamatting/input" / f"{name}.png")
    alpha = _load(data / "alphamatting/alpha" / f"{name}.png")[..., 0]
    foreground = estimate_foreground_ml(photo, alpha)
    scale = size / max(alpha.shape)
    height, width = (max(8, round(side * scale / 8) * 8) for side in alpha.shape)
    foreground = np.clip(resize(foreground, width, height), 0, 1)
    alpha = np.clip(resize(alpha[..., None], width, height)[..., 0], 0, 1)
    clean = _cover(_load(data / background), width, height)
    clean = np.round(clean * 255) / 255
    image = alpha[..., None] * foreground + (1 - alpha[..., None]) * clean
    return Pair(name, np.round(image * 255) / 255, clean, alpha, foreground)


def _load(path: Path) -> Array:
    with Image.open(path) as picture:
        return np.asarray(picture.convert("RGB"), dtype=np.float64) / 255


def resize(picture: Array, width: int, height: int) -> Array:
    """``picture`` (h, w, c) to (height, width, c) by area filtering."""
    channels = [
        np.asarray(
            Image.fromarray(picture[..., c].astype(np.float32)).resize(
                (width, height), Image.Resampling.BOX
            )
        )
        for c in range(picture.shape[2])
    ]
    return np.stack(channels, axis=2).astype(np.float64)


def _cover(picture: Array, width: int, height: int) -> Array:
    scale = 1.02 * max(width / picture.shape[1], height / picture.shape[0])
    scaled = resize(picture, round(picture.shape[1] * scale), round(picture.shape[0] * scale))
    return np.clip(scaled[:height, :width], 0, 1)
