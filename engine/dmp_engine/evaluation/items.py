"""What is measured: the composite benchmark's items, or those of a folder.

A folder's item is one of

    plate.EXT clean.EXT [alpha.EXT] [foreground.EXT]     one frame
    plate.####.EXT clean.EXT [truth.####.EXT]            a shot; truth: A and foreground.R/G/B
    compA backA compB backB                              a triangulation set: two of one subject

in the folder itself or in folders below it. Without a truth there are pictures
and times, but no errors. 8-bit files are solved as stored, EXR scene-linear.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path

import numpy as np
import OpenImageIO as oiio
from numpy.typing import NDArray

from dmp_matting.errors import InputError, MismatchError
from dmp_matting.job import Plate, Role

from ..pipeline.pair import FramePlates
from ..plates.io import PlateImage, read_plate
from ..plates.io.channels import Pick
from ..plates.io.colour_space import LINEAR, RAW
from ..plates.io.image_file import ImageFile
from ..plates.io.srgb import linear_to_srgb
from ..review.contact_sheet import read_alpha
from . import benchmark

Array = NDArray[np.float64]

PICTURES = (".exr", ".png", ".jpg", ".jpeg", ".tif", ".tiff", ".dpx")
NUMBERED = re.compile(r"^plate\.(\d+)$")
FOREGROUND = ("foreground.R", "foreground.G", "foreground.B")
# Triangulation: where the two clean plates are nearer than this, the truth is not to be had.
BACKGROUNDS_APART = 0.1
UNSURE_SHARE = 0.2  # of the frame; above it there is no truth at all
# Less of the frame that is clearly background means that exposure or camera moved between shots.
CLEAR_SHARE, CLEAR = 0.3, 0.05
TRIANGULATION = ("compA", "backA", "compB", "backB")


@dataclass(frozen=True, eq=False)
class Item:
    """One frame to be solved; colours (H, W, 3), alpha (H, W), float64."""

    name: str
    image: Array
    clean: Array
    alpha: Array | None = None  # the truth
    foreground: Array | None = None  # straight, meaningful where alpha > 0
    linear: bool = False  # scene-linear, else as stored
    sequence: str = ""  # frames of one sequence are judged together, too

    def plates(self) -> FramePlates:
        """The item as the engine reads a frame: float32, without the user's mattes."""
        space = LINEAR if self.linear else RAW
        height, width = self.image.shape[:2]
        image, clean = (
            PlateImage(
                rgb.astype(np.float32),
                oiio.ImageSpec(width, height, 3, "float"),
                Path(f"{self.name}.{role}"),
                space,
            )
            for role, rgb in (("plate", self.image), ("clean", self.clean))
        )
        return FramePlates(image, clean)


@dataclass(frozen=True)
class Source:
    """An item that is not loaded yet."""

    name: str
    sequence: str
    load: Callable[[], Item]


def benchmark_sources(data: Path, size: int) -> list[Source]:
    """The composite benchmark at long side ``size``. Raises InputError without its data."""
    try:
        names = benchmark.names(data)
    except FileNotFoundError:
        raise InputError(
            f"'{data}' does not hold the benchmark (alphamatting, real_pairs, lemur); "
            "name its folder with --data."
        ) from None
    return [Source(name, "", partial(_composite, data, name, size)) for name in names]


def folder_sources(folder: Path, size: int = 0) -> list[Source]:
    """The items in ``folder`` and the folders below it, in order of their names.

    ``size`` > 0 shrinks each to that long side by area filtering. Raises
    InputError where there are none; loading raises what plates raise.
    """
    if not folder.is_dir():
        raise InputError(f"The folder '{folder}' does not exist.")
    found: list[Source] = []
    for place in [folder, *sorted(p for p in folder.rglob("*") if p.is_dir())]:
        name = folder.resolve().name if place == folder else str(place.relative_to(folder))
        found += _sources_of(place, name, size)
    if not found:
        raise InputError(
            f"'{folder}' holds no item; one is plate.png and clean.png, "
            "and alpha.png if the truth is known."
        )
    return found


def displayed(rgb: Array, linear: bool) -> Array:
    """Values in [0, 1] as a display wants them."""
    return linear_to_srgb(rgb) if linear else np.clip(rgb, 0, 1)


def _composite(data: Path, name: str, size: int) -> Item:
    pair = benchmark.composite(data, name, size)
    return Item(pair.name, pair.image, pair.clean, pair.alpha, pair.foreground)


def _sources_of(folder: Path, name: str, size: int) -> list[Source]:
    """What one folder holds; nothing is decoded yet."""
    files = {path.stem: path for path in sorted(folder.iterdir()) if path.suffix in PICTURES}
    if all(part in files for part in TRIANGULATION):
        return [
            Source(f"{name}-{which}", "", partial(_triangulated, files, f"{name}-{which}", size))
            for which in "AB"
        ]
    if "clean" not in files:
        return []
    if "plate" in files:
        parts = (files["plate"], files["clean"], files.get("alpha"), files.get("foreground"))
        return [Source(name, "", partial(_one_frame, name, parts, size))]
    found = []
    for stem in files:
        number = NUMBERED.match(stem)
        if number:
            frame = f"{name}.{number[1]}"
            truth = files.get(f"truth.{number[1]}")
            load = partial(_shot_frame, frame, name, files[stem], files["clean"], truth, size)
            found.append(Source(frame, name, load))
    return found


def _one_frame(name: str, parts: tuple[Path, Path, Path | None, Path | None], size: int) -> Item:
    image, clean, alpha, foreground = parts
    linear = image.suffix == ".exr"
    pixels, clean_pixels = _pair(image, clean)
    item = Item(
        name,
        pixels,
        clean_pixels,
        None if alpha is None else read_alpha(alpha).astype(np.float64),
        None if foreground is None else _colours(foreground),
        linear,
    )
    return _shrunk(item, size)


def _shot_frame(
    name: str, sequence: str, image: Path, clean: Path, truth: Path | None, size: int
) -> Item:
    pixels, clean_pixels = _pair(image, clean)
    alpha = foreground = None
    if truth is not None:
        alpha = read_alpha(truth).astype(np.float64)
        foreground = _straight(truth)
    linear = image.suffix == ".exr"
    return _shrunk(Item(name, pixels, clean_pixels, alpha, foreground, linear, sequence), size)


def _triangulated(files: dict[str, Path], name: str, size: int) -> Item:
    """One of the two frames; the truth from both. Smith & Blinn, "Blue Screen Matting" (1996).

    Without a truth where the four pictures do not fit together well enough for one.
    """
    images, cleans = [], []
    for which in "AB":
        pixels, clean = _pair(files[f"comp{which}"], files[f"back{which}"])
        images.append(pixels)
        cleans.append(clean)
    if images[0].shape != images[1].shape:
        raise MismatchError(f"'{files['compA']}' and '{files['compB']}' differ in size.")
    across = cleans[0] - cleans[1]
    power = np.square(across).sum(axis=2)
    shared = ((images[0] - images[1]) * across).sum(axis=2) / np.maximum(power, 1e-6)
    one = "AB".index(name[-1])
    unsure = np.sqrt(power / 3) < BACKGROUNDS_APART
    clear = np.abs(1 - shared) < CLEAR
    if unsure.mean() > UNSURE_SHARE or clear.mean() < CLEAR_SHARE:
        return _shrunk(Item(name, images[one], cleans[one]), size)
    alpha = np.clip(1 - shared, 0, 1)
    # Good to about 0.03 only: what is nearly certain is taken as certain.
    alpha = np.where(alpha > 0.95, 1.0, np.where(alpha < 0.05, 0.0, alpha))
    premultiplied = np.mean(
        [s - (1 - alpha[..., None]) * b for s, b in zip(images, cleans, strict=True)], axis=0
    )
    foreground = np.clip(premultiplied / np.maximum(alpha, 0.02)[..., None], 0, 1)
    return _shrunk(Item(name, images[one], cleans[one], alpha, foreground), size)


def _pair(image: Path, clean: Path) -> tuple[Array, Array]:
    """Both plates: EXR scene-linear, everything else as stored."""
    space = "auto" if image.suffix == ".exr" else "raw"
    plate = read_plate(Plate(str(image), Role.IMAGE, space))
    clean_plate = read_plate(Plate(str(clean), Role.CLEAN, space), like=plate)
    return plate.rgb.astype(np.float64), clean_plate.rgb.astype(np.float64)


def _colours(path: Path) -> Array:
    space = "auto" if path.suffix == ".exr" else "raw"
    return read_plate(Plate(str(path), Role.IMAGE, space)).rgb.astype(np.float64)


def _straight(path: Path) -> Array | None:
    """foreground.R, G, B of a truth, if it has them."""
    with ImageFile(path) as file:
        part = file.parts()[0]
        names = list(part.spec.channelnames)
        if any(name not in names for name in FOREGROUND):
            return None
        pick = Pick(part, tuple(names.index(name) for name in FOREGROUND))
        return file.read(pick).pixels.astype(np.float64)


def _shrunk(item: Item, size: int) -> Item:
    """The item at long side ``size`` by area filtering; one that is smaller stays."""
    longest = max(item.image.shape)
    if size <= 0 or longest <= size:
        return item
    height, width = (max(1, round(side * size / longest)) for side in item.image.shape[:2])
    resize = benchmark.resize
    alpha, foreground = item.alpha, item.foreground
    small = None if alpha is None else np.clip(resize(alpha[..., None], width, height), 0, 1)
    if alpha is not None and small is not None and foreground is not None:
        # straight colours are averaged by how much of each is there
        premultiplied = resize(foreground * alpha[..., None], width, height)
        foreground = resize(foreground, width, height)
        foreground = np.where(small > 1e-3, premultiplied / np.maximum(small, 1e-3), foreground)
    return replace(
        item,
        image=resize(item.image, width, height),
        clean=resize(item.clean, width, height),
        alpha=None if small is None else small[..., 0],
        foreground=foreground,
    )
