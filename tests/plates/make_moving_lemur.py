"""A shot of 48 frames with exact truth, made from the lemur: it runs in from the left and out.

    python tests/plates/make_moving_lemur.py FOLDER [--frames 48] [--size 480x270]

    plate.####.exr   R,G,B: I = P + (1 - alpha) B, scene-linear, half
    truth.####.exr   R,G,B,A: premultiplied P and alpha; foreground.R/G/B: P / alpha
    clean.exr        R,G,B: B, one still for all frames

The lemur's own P and alpha (tests/plates/lemur, linearised) are moved, turned and scaled, fast
while it enters and leaves and slowly in between, and averaged over the shutter: the average of
composites over a still B is the composite of the averages, so alpha is exact with its motion blur.
The first and the last frame are empty. Nothing is random; I is composited from what was rounded.
"""

from __future__ import annotations

import argparse
import math
from pathlib import Path

import numpy as np
import OpenImageIO as oiio
from numpy.typing import NDArray
from scipy import ndimage

LEMUR = Path(__file__).parent / "lemur"
FIRST, FRAMES, SIZE = 1001, 48, (480, 270)
SHUTTER, SAMPLES = 0.5, 32  # of the frame's time; moments and places in the pixel at once
FAR, NEAR = 220.0, 115.0  # of the path, in pixels at 480: cubic (fast at the ends) and linear
FEET = (172.0, 219.0)  # of the lemur's picture: stays at the frame's lower edge or below

Array = NDArray[np.float32]


def main() -> None:
    arguments = argparse.ArgumentParser()
    arguments.add_argument("folder", type=Path)
    arguments.add_argument("--frames", type=int, default=FRAMES)
    arguments.add_argument("--size", default=f"{SIZE[0]}x{SIZE[1]}")
    given = arguments.parse_args()
    width, height = map(int, given.size.split("x"))
    make(given.folder, given.frames, (width, height))


def make(folder: Path, frames: int = FRAMES, size: tuple[int, int] = SIZE) -> None:
    """Write the shot into ``folder``."""
    folder.mkdir(parents=True, exist_ok=True)
    subject = _subject()
    clean = _clean(size)
    _write(folder / "clean.exr", clean, "RGB")
    for index in range(frames):
        layers = _half(_moved(subject, index, frames, size))
        premultiplied, alpha = layers[..., :3], layers[..., 3:]
        image = _half(premultiplied + (1 - alpha) * clean)
        straight = np.where(alpha > 0, premultiplied / np.maximum(alpha, 1e-6), 0)
        number = FIRST + index
        _write(folder / f"plate.{number}.exr", image, "RGB")
        _write(folder / f"truth.{number}.exr", np.concatenate([layers, straight], 2), "truth")


def pose(s: float, size: tuple[int, int]) -> tuple[float, float, float, float]:
    """Where the lemur's feet are at ``s`` in [0, 1]: x, y, turn in radians, scale."""
    unit = size[0] / SIZE[0]
    t = 2 * s - 1
    x = size[0] / 2 + unit * (FAR * t**3 + NEAR * t)
    y = size[1] + unit * (12 + 8 * math.sin(6 * math.pi * s))
    turn = math.radians(6) * math.sin(3 * math.pi * s)
    return x, y, turn, unit * (0.92 + 0.08 * math.sin(2 * math.pi * s))


def _moved(subject: Array, index: int, frames: int, size: tuple[int, int]) -> Array:
    """Premultiplied colour and alpha (H, W, 4) of one frame, averaged over shutter and pixel."""
    total = np.zeros((size[1], size[0], 4))
    last = max(1, frames - 1)
    for sample in range(SAMPLES):
        s = (index + SHUTTER * ((sample + 0.5) / SAMPLES - 0.5)) / last
        x, y, turn, scale = pose(min(1.0, max(0.0, s)), size)
        # a (7/32, 3/8) lattice: every moment looks at another place in the pixel
        place = np.array([(sample * 7 / 32) % 1 - 0.5, (sample * 3 / 8) % 1 - 0.5])
        back = np.array(
            [[math.cos(turn), math.sin(turn)], [-math.sin(turn), math.cos(turn)]]
        ) / max(scale, 1e-6)  # output (row, column) to the lemur's picture
        feet = np.array([FEET[1], FEET[0]])
        offset = feet - back @ (np.array([y, x]) - place)
        for channel in range(4):
            total[..., channel] += ndimage.affine_transform(
                subject[..., channel], back, offset, (size[1], size[0]), order=1, cval=0.0
            )
    return (total / SAMPLES).astype(np.float32)


def _subject() -> Array:
    """The lemur, premultiplied and linear, (H, W, 4); below its feet its last row goes on."""
    alpha = _read("alpha.png")[..., :1]
    layers = np.concatenate([_linear(_read("foreground.png")[..., :3]) * alpha, alpha], 2)
    return np.pad(layers, [(0, 60), (0, 0), (0, 0)], mode="edge")


def _clean(size: tuple[int, int]) -> Array:
    """The beach, mirrored at its borders to the size, linear; no scaling, so it stays sharp."""
    beach = _linear(_read("clean.png")[..., :3])
    height, width = beach.shape[:2]
    rows = _mirrored(np.arange(size[1]) - max(0, size[1] - height), height)
    columns = _mirrored(np.arange(size[0]), width)
    return _half(beach[rows][:, columns])


def _mirrored(index: NDArray[np.int64], count: int) -> NDArray[np.int64]:
    index = np.abs(index) % (2 * count)
    return np.where(index < count, index, 2 * count - 1 - index)


def _linear(encoded: Array) -> Array:
    low = encoded <= 0.04045
    return np.where(low, encoded / 12.92, ((encoded + 0.055) / 1.055) ** 2.4).astype(np.float32)


def _half(values: Array) -> Array:
    return values.astype(np.float16).astype(np.float32)


def _read(name: str) -> Array:
    buffer = oiio.ImageBuf(str(LEMUR / name))
    pixels: Array = buffer.get_pixels(oiio.FLOAT)
    return pixels


def _write(path: Path, pixels: Array, layers: str) -> None:
    names = tuple(layers) if layers == "RGB" else (*"RGBA", *(f"foreground.{c}" for c in "RGB"))
    spec = oiio.ImageSpec(pixels.shape[1], pixels.shape[0], len(names), "half")
    spec.channelnames = names
    spec.attribute("compression", "zip")
    file = oiio.ImageOutput.create(str(path))
    if file is None or not file.open(str(path), spec):
        raise SystemExit(f"{path} cannot be written: {oiio.geterror()}")
    written = file.write_image(np.ascontiguousarray(pixels, dtype=np.float32))
    if not (file.close() and written):
        raise SystemExit(f"{path} cannot be written: {file.geterror()}")


if __name__ == "__main__":
    main()
