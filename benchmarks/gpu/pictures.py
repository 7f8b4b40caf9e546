"""The plates that come with the tests, as tensors, by numpy alone where OpenImageIO is missing.

A lent machine has torch and numpy, and perhaps Pillow or OpenCV; EXRs are read here.
"""

from __future__ import annotations

import struct
import zlib
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from dmp_matting.exr_header import read_exr_header

PLATES = Path(__file__).resolve().parents[2] / "tests" / "plates"
ZIP_ROWS = {0: 1, 2: 1, 3: 16}  # rows of a block by compression: none, zips, zip
PIXEL_TYPES = {1: np.dtype("<f2"), 2: np.dtype("<f4")}


@dataclass(frozen=True)
class Truth:
    """A pair and its alpha; images (1, 3, H, W), alpha (1, 1, H, W), float32, on one device."""

    name: str
    image: Tensor
    clean: Tensor
    alpha: Tensor
    linear: bool

    def to(self, where: str) -> Truth:
        parts = {name: getattr(self, name).to(where) for name in ("image", "clean", "alpha")}
        return replace(self, **parts)

    def cut(self, top: int, left: int, height: int, width: int) -> Truth:
        """A window of it, for a smoke run."""
        rows, columns = slice(top, top + height), slice(left, left + width)
        names = ("image", "clean", "alpha")
        parts = {name: getattr(self, name)[..., rows, columns].contiguous() for name in names}
        return replace(self, **parts)

    def sad(self, alpha: Tensor) -> float:
        """Sum of absolute differences from the truth, in thousands."""
        return float((alpha - self.alpha).abs().sum()) / 1000


def lemur() -> Truth:
    """340 x 220, 8 bit, values as stored."""
    folder = PLATES / "lemur"
    plates = (tensor(eight_bit(folder / f"{name}.png")) for name in ("plate", "clean", "alpha"))
    image, clean, alpha = plates
    return Truth("lemur", image[:, :3], clean[:, :3], alpha[:, :1], linear=False)


def furball(number: int = 1001) -> Truth:
    """A frame (1001 to 1008) of the furball, 320 x 240, scene-linear."""
    folder = PLATES / "furball"
    image, clean = (exr(folder / f"{name}.exr") for name in (f"plate.{number}", "clean"))
    truth = exr(folder / f"truth.{number}.exr")
    rgb = [np.stack([plate[name] for name in "RGB"], -1) for plate in (image, clean)]
    alpha = truth["A"][..., None]
    name = f"furball.{number}"
    return Truth(name, tensor(rgb[0]), tensor(rgb[1]), tensor(alpha), linear=True)


def tensor(pixels: NDArray[np.float32]) -> Tensor:
    """(H, W, C) to (1, C, H, W)."""
    return torch.from_numpy(np.ascontiguousarray(pixels.transpose(2, 0, 1), np.float32))[None]


def eight_bit(path: Path) -> NDArray[np.float32]:
    """(H, W, C) in [0, 1], by Pillow or OpenCV. ImportError where there is neither."""
    try:
        from PIL import Image

        with Image.open(path) as picture:
            pixels = np.asarray(picture)
    except ImportError:
        import cv2

        pixels = cv2.imread(str(path), cv2.IMREAD_UNCHANGED)
        if pixels.ndim == 3:
            pixels = pixels[..., ::-1]
    if pixels.ndim == 2:
        pixels = pixels[..., None]
    return pixels.astype(np.float32) / 255


def exr(path: Path) -> dict[str, NDArray[np.float32]]:
    """The channels (H, W) of a scanline EXR of half or float, not compressed or by zip, by name.

    ValueError for any other.
    """
    with path.open("rb") as file:
        header = read_exr_header(file)
        if header is None or header.get("compression") is None:
            raise ValueError(f"{path} is no scanline EXR")
        window, compression = header.get("dataWindow"), (header.get("compression") or b"\xff")[0]
        channels = channel_list(header.get("channels") or b"")
        if window is None or compression not in ZIP_ROWS:
            raise ValueError(f"{path} has another compression than zip")
        left, top, right, bottom = struct.unpack("<4i", window)
        width, height = right - left + 1, bottom - top + 1
        row = sum(kind.itemsize for _, kind in channels) * width
        found = {name: np.empty((height, width), np.float32) for name, _ in channels}
        file.seek(header.size + 8 * header.blocks())
        for _ in range(header.blocks()):
            y, size = struct.unpack("<2i", file.read(8))
            rows = min(ZIP_ROWS[compression], bottom - y + 1)
            data = unpacked(file.read(size), rows * row)
            for line in range(rows):
                at = line * row
                for name, kind in channels:
                    values = np.frombuffer(data, kind, width, at)
                    found[name][y - top + line] = values
                    at += kind.itemsize * width
    return found


def channel_list(stored: bytes) -> list[tuple[str, np.dtype[np.floating]]]:
    """Name and type of each channel, in the order of the pixels' bytes."""
    found = []
    while stored[:1] not in (b"", b"\0"):
        name, _, stored = stored.partition(b"\0")
        (kind,) = struct.unpack("<i", stored[:4])
        found.append((name.decode("latin-1"), PIXEL_TYPES[kind]))
        stored = stored[16:]
    return found


def unpacked(data: bytes, size: int) -> bytes:
    """A block's bytes: zip, each byte as the difference from the one before, halves apart."""
    if len(data) == size:
        return data
    steps = np.frombuffer(zlib.decompress(data), np.uint8).astype(np.int64)
    steps[1:] -= 128
    values = np.cumsum(steps).astype(np.uint8)
    mixed = np.empty_like(values)
    mixed[0::2], mixed[1::2] = values[: (size + 1) // 2], values[(size + 1) // 2 :]
    return mixed.tobytes()
