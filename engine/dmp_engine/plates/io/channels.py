"""Which channels of a file are the picture: R, G, B of the main layer, grey, alpha.

Rules: names only, no pixels. Where several layers could be meant and none is
the main one, the artist is asked; a normals pass must not be matted by chance.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import OpenImageIO as oiio

from dmp_matting.errors import PlateError

COLOURS = (("r", "g", "b"), ("red", "green", "blue"))
GREY = ("y", "l", "luminance", "gray", "grey")
ALPHA = ("a", "alpha")
# Last part of the layer names that renderers and hosts give the beauty pass.
MAIN = ("", "rgba", "rgb", "beauty", "combined", "main", "color", "colour", "image", "composite")


@dataclass(frozen=True, eq=False)
class Part:
    """One part (OpenImageIO: subimage) of a file."""

    index: int
    name: str
    spec: oiio.ImageSpec  # upright
    flag: int = 1  # how the pixels are to be turned; see orientation.py


@dataclass(frozen=True, eq=False)
class Pick:
    """Channels to read from one part, in order."""

    part: Part
    indices: tuple[int, ...]


def pick_colour(path: Path, parts: list[Part]) -> Pick:
    """R, G, B of the main layer, or a grey channel three times; PlateError if there is none.

    The main layer: R, G, B without a layer name; a layer, or a part of a file of
    many parts, with one of the names in ``MAIN``; R, G, B without a layer name in
    the first part that has them; the only layer that has R, G and B.
    """
    found: list[tuple[str, Pick]] = []
    for part in parts:
        _refuse_print_colours(path, part.spec)
        found += _layers_with_colour(part)
    ranks = [_rank(layer, pick.part, len(parts) > 1) for layer, pick in found]
    best = [pick for rank, (_, pick) in zip(ranks, found, strict=True) if rank == min(ranks)]
    if best and best[0].part not in [pick.part for pick in best[1:]]:
        return best[0]
    if found:
        layers = ", ".join(sorted(layer for layer, _ in found))
        raise PlateError(
            f"'{path}' has no main R, G, B, only the layers {layers}; "
            "write the layer to matte as R, G, B."
        )
    for part in parts:
        grey = _grey(part.spec)
        if grey is not None:
            return Pick(part, (grey,) * 3)
    names = ", ".join(name for part in parts for name in part.spec.channelnames)
    raise PlateError(f"'{path}' has no colour channels, only {names}; write R, G, B.")


def pick_alpha(parts: list[Part]) -> Pick | None:
    """The alpha of the first part that has one, that of the main layer first."""
    for part in parts:
        names = [name.lower() for name in part.spec.channelnames]
        found = [index for index, name in enumerate(names) if _leaf(name) in ALPHA]
        if found:
            return Pick(part, (min(found, key=lambda index: "." in names[index]),))
    return None


def _leaf(name: str) -> str:
    return name.rpartition(".")[2].lower()


def _rank(layer: str, part: Part, many: bool) -> int:
    """How surely the layer is the main one; 0 is surest."""
    called = _leaf(layer) if layer else _leaf(part.name) if many else ""
    if called in MAIN:
        return MAIN.index(called)
    return len(MAIN) + bool(layer)


def _layers_with_colour(part: Part) -> list[tuple[str, Pick]]:
    layers: dict[str, dict[str, int]] = {}
    for index, channel in enumerate(part.spec.channelnames):
        layer, _, leaf = channel.rpartition(".")
        layers.setdefault(layer, {}).setdefault(leaf.lower(), index)
    return [
        (layer, Pick(part, tuple(leaves[name] for name in names)))
        for layer, leaves in layers.items()
        for names in COLOURS
        if all(name in leaves for name in names)
    ]


def _grey(spec: oiio.ImageSpec) -> int | None:
    names = [name.lower() for name in spec.channelnames]
    if "ry" in names or "by" in names:
        return None  # luminance of a luminance/chroma file: its colours would be lost
    return next((index for index, name in enumerate(names) if name in GREY), None)


def _refuse_print_colours(path: Path, spec: oiio.ImageSpec) -> None:
    # OpenImageIO turns CMYK into RGB without its profile: colours nobody has seen.
    for name in ("tiff:ColorSpace", "jpeg:ColorSpace"):
        if spec.get_string_attribute(name) in ("CMYK", "YCCK"):
            raise PlateError(f"'{path}' is CMYK, made for print; convert it to RGB.")
