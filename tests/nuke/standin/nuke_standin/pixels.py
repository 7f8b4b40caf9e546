"""Images as they move through the graph: layers over a data window in a format."""

from __future__ import annotations

import os
from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
import OpenImageIO as oiio

LEAVES = {"r": "red", "g": "green", "b": "blue", "a": "alpha"}  # and red, green ... themselves
SHORT = {"red": "R", "green": "G", "blue": "B", "alpha": "A"}


@dataclass(frozen=True)
class Image:
    """Channels are named layer.channel; ``window`` is x, y, width, height in the format."""

    channels: dict[str, np.ndarray]
    window: tuple[int, int, int, int]
    format: tuple[int, int, int, int]
    aspect: float = 1.0
    metadata: dict[str, Any] = field(default_factory=dict)

    def scaled(self, factor: float) -> Image:
        """As proxy mode shows it."""
        width, height = (max(1, round(n * factor)) for n in self.window[2:])
        return resized(self, width, height)


def resized(image: Image, width: int, height: int) -> Image:
    """Nearest pixels, over the whole of a new format."""
    rows = np.arange(height) * image.window[3] // height
    columns = np.arange(width) * image.window[2] // width
    channels = {name: plane[rows][:, columns] for name, plane in image.channels.items()}
    whole = (0, 0, width, height)
    return replace(image, channels=channels, window=whole, format=whole)


def over_window(plane: np.ndarray, source: Image, target: Image) -> np.ndarray:
    """The plane of ``source`` over the data window of ``target``; black where it has no pixels."""
    if source.window == target.window:
        return plane
    left, top, width, height = target.window
    found = np.zeros((height, width), plane.dtype)
    x, y = source.window[0] - left, source.window[1] - top
    rows = slice(max(0, y), min(height, y + plane.shape[0]))
    columns = slice(max(0, x), min(width, x + plane.shape[1]))
    found[rows, columns] = plane[
        rows.start - y : rows.stop - y, columns.start - x : columns.stop - x
    ]
    return found


def black(like: tuple[int, int, int, int]) -> Image:
    plane = np.zeros((like[3], like[2]), np.float32)
    return Image({f"rgba.{leaf}": plane for leaf in SHORT}, like, like)


def size(path: str) -> tuple[tuple[int, int, int, int], float]:
    """Format and pixel aspect of a file."""
    spec = oiio.ImageInput.open(path).spec()
    whole = (spec.full_x, spec.full_y, spec.full_width, spec.full_height)
    return whole, spec.get_float_attribute("PixelAspectRatio", 1.0)


def read(path: str, raw: bool, encoded: bool = False, view: str = "") -> Image:
    """``encoded``: the values are sRGB, as 8 bits always are. RuntimeError, in Nuke's words, when
    there is no such image. Of an EXR with several views that of ``view``, else the first."""
    file = oiio.ImageInput.open(path) if os.path.exists(path) else None
    if file is None:
        oiio.geterror()
        raise RuntimeError(f"{path}: No such file or directory")
    spec = file.spec()
    pixels = file.read_image(0, 0, 0, spec.nchannels, "float")
    if pixels is None:
        raise RuntimeError(f"{path}: {file.geterror()}")
    channels = {}
    _, *others = spec.getattribute("multiView") or [""]
    for index, name in enumerate(spec.channelnames):
        own, _, rest = name.partition(".")
        if (own if own in others else "") != (view if view in others else ""):
            continue
        name = rest if own in others else name
        layer, _, leaf = name.rpartition(".")
        leaf = LEAVES.get(leaf.lower(), leaf.lower())
        plane = np.ascontiguousarray(pixels[..., index])
        if not raw and (encoded or spec.format == "uint8") and leaf != "alpha":
            plane = np.where(plane <= 0.04045, plane / 12.92, ((plane + 0.055) / 1.055) ** 2.4)
        channels[f"{layer or 'rgba'}.{leaf}"] = plane.astype(np.float32)
    metadata = {
        one.name: (one.type, one.value)
        for one in spec.extra_attribs
        if one.name not in ("compression", "PixelAspectRatio")
    }
    whole = (spec.full_x, spec.full_y, spec.full_width, spec.full_height)
    window = (spec.x, spec.y, spec.width, spec.height)
    return Image(channels, window, whole, spec.get_float_attribute("PixelAspectRatio", 1), metadata)


def write(path: str, image: Image, names: Iterable[str], half: bool, metadata: bool) -> None:
    """An EXR with the data window kept, as Nuke's writer does."""
    names = list(names)
    zero = np.zeros((image.window[3], image.window[2]), np.float32)
    spec = oiio.ImageSpec(image.window[2], image.window[3], len(names), "half" if half else "float")
    spec.x, spec.y = image.window[:2]
    spec.full_x, spec.full_y, spec.full_width, spec.full_height = image.format
    spec.channelnames = [
        SHORT.get(name.partition(".")[2], name) if name.startswith("rgba.") else name
        for name in names
    ]
    if metadata:
        for name, (kind, value) in image.metadata.items():
            spec.attribute(name, kind, value)
    spec.attribute("PixelAspectRatio", image.aspect)
    spec.attribute("compression", "zip")
    out = oiio.ImageOutput.create("openexr")
    pixels = np.stack([image.channels.get(name, zero) for name in names], axis=-1)
    if not os.path.isdir(os.path.dirname(path)) or not out.open(path, spec):
        raise RuntimeError(f"{path}: can't write the file")
    assert out.write_image(pixels) and out.close()
