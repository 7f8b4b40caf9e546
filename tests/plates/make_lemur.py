"""Makes tests/plates/lemur: a real photograph's pair whose alpha and foreground are known.

    python tests/plates/make_lemur.py PYMATTING/data/lemur tests/plates/lemur

The first folder is `data/lemur` of a clone of github.com/pymatting/pymatting (commit 35c4159).
The rules:
- every file is 8 bit, and the plate is composited from the *stored* 8-bit alpha, foreground and
  clean plate, so the compositing equation holds to half a code value, the plate's own rounding;
- the values are composited as stored (sRGB-encoded, no linearisation), as matting benchmarks do.
Needs numpy and OpenImageIO.
"""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np
import OpenImageIO as oiio
from numpy.typing import NDArray

Codes = NDArray[np.uint8]  # (H, W, C), [0, 255]


def read(path: Path) -> Codes:
    image = oiio.ImageBuf(str(path))
    if image.has_error or not image.initialized:
        raise SystemExit(f"Cannot read {path}: {image.geterror()}")
    return np.asarray(image.get_pixels("uint8"))


def halve(codes: Codes) -> Codes:
    """The area filter for a factor of two: the mean of each 2x2 block, rounded."""
    height, width, channels = codes.shape
    blocks = codes.reshape(height // 2, 2, width // 2, 2, channels).astype(np.float64)
    return np.floor(blocks.mean(axis=(1, 3)) + 0.5).astype(np.uint8)


def composite(alpha: Codes, foreground: Codes, clean: Codes) -> Codes:
    """I = a F + (1 - a) B, rounded to codes. (H, W, 1), (H, W, 3), (H, W, 3) -> (H, W, 3)"""
    a = alpha / 255.0  # [0, 1]
    return np.floor(a * foreground + (1.0 - a) * clean + 0.5).astype(np.uint8)


def write(path: Path, codes: Codes) -> None:
    height, width, channels = codes.shape
    image = oiio.ImageBuf(oiio.ImageSpec(width, height, channels, "uint8"))
    image.set_pixels(oiio.ROI(), np.ascontiguousarray(codes))
    if not image.write(str(path)):
        raise SystemExit(f"Cannot write {path}: {image.geterror()}")


def main(source: Path, target: Path) -> None:
    alpha = halve(read(source / "lemur_alpha.png")[..., :1])
    foreground = halve(read(source / "lemur_foreground.png")[..., :3])
    clean = halve(read(source / "beach.png")[..., :3])
    target.mkdir(parents=True, exist_ok=True)
    write(target / "alpha.png", alpha)
    write(target / "foreground.png", foreground)
    write(target / "clean.png", clean)
    write(target / "plate.png", composite(alpha, foreground, clean))


if __name__ == "__main__":
    if len(sys.argv) != 3:
        raise SystemExit(__doc__)
    main(Path(sys.argv[1]), Path(sys.argv[2]))
