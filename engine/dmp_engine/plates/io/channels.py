"""Which channels of a file are the picture: R, G, B of the main layer, grey, alpha.

Rules: names only, no pixels. Where several layers could be meant and none is
the main one, the artist has to choose; a normals pass must not be matted by chance.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from pathlib import Path

import OpenImageIO as oiio

from dmp_matting.errors import PlateError
from dmp_matting.job import is_unseen_map

from .header import stored_names

COLOURS = (("r", "g", "b"), ("red", "green", "blue"))
GREY = ("y", "l", "luminance", "gray", "grey")
ALPHA = ("a", "alpha")
# Last part of the layer names that renderers and hosts give the beauty pass.
MAIN = (
    "", "rgba", "rgb", "beauty", "combined", "main", "color", "colour", "image", "composite",
    "c", "ci", "finalimage",
)  # fmt: skip
VIEWS = ("left", "right")
COMPOSITE = "composite"  # Blender's result, beside the layers that it was made of
# A layer of one of these names, or with one of these words in its name, is data and no picture.
DATA = (
    "n", "p", "z", "uv", "st", "id", "pref", "nref", "dpdu", "dpdv", "mv", "wpp", "pos", "wpos",
    "campos", "camp", "camn", "forward", "backward", "tangent", "disparity", "curvature",
)  # fmt: skip
DATA_WORDS = (
    "normal", "normals", "albedo", "position", "depth", "motion", "velocity", "vector", "vectors",
    "motionvector", "motionvectors", "objectid", "uvs", "pworld", "nworld", "worldposition",
)  # fmt: skip
DATA_BEGINNINGS = (
    "crypto", "motion", "depth", "normal", "position", "albedo", "multimatte", "worldnormal",
    "worldpos", "cameranormal", "camnormal", "bumpnormal", "facing",
)  # fmt: skip


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
    alone: str = ""  # the layer's name where it was taken for want of any other, not for its name


def pick_colour(path: Path, parts: list[Part], layer: str = "", *, or_main: bool = False) -> Pick:
    """R, G, B of the main layer, or a grey channel three times; PlateError if there is none.

    The main layer: R, G, B without a layer name; a layer, or a part of a file of
    many parts, with one of the names in ``MAIN``; the only layer, or part, that has
    R, G and B and is no data. ``layer`` names another one, as the file spells it or
    by the last part of its name, in either case of letters; with ``or_main`` a file
    that has no such layer gives its main one.
    """
    found: list[tuple[str, Pick]] = []
    for part in parts:
        _refuse_print_colours(path, part.spec)
        found += _layers_with_colour(part)
    called = [(_called(name, pick.part, len(parts) > 1), pick) for name, pick in found]
    named = _named(called, layer) if layer else None
    if named is not None:
        return named
    if layer and not or_main:
        names = _listed(called) or "none"
        raise PlateError(f"'{path}' has no layer '{layer}' with R, G and B; it has {names}.")
    pictures = [
        (_rank(name, pick.part, len(parts) > 1), name, pick)
        for name, pick in found
        if not _is_data(name) and not (not name and _is_data(pick.part.name))
    ]
    first = min((rank for rank, _, _ in pictures), default=None)
    best = [(name, pick) for rank, name, pick in pictures if rank == first]
    # Under another name than the beauty's it may be one light of many: only if there is no other.
    rivals = best if first is not None and first[0] < len(MAIN) else found
    if best and len({(name, _without_view(pick.part)) for name, pick in rivals}) == 1:
        name, pick = best[0]
        by_name = first is not None and first[0] < len(MAIN)
        return pick if by_name else replace(pick, alone=_called(name, pick.part, len(parts) > 1))
    if found:
        raise PlateError(
            f"'{path}' has no main R, G, B, only the layers {_listed(called)}; "
            "write the layer to matte as R, G, B, or name it: --layer, or Layer in a host."
        )
    for part in parts:
        grey = _grey(part.spec)
        if grey is not None:
            return Pick(part, (grey,) * 3)
    names = ", ".join(name for part in parts for name in part.spec.channelnames)
    raise PlateError(f"'{path}' has no colour channels, only {names}; write R, G, B.")


def _named(called: list[tuple[str, Pick]], layer: str) -> Pick | None:
    """The layer of that name, or None."""
    wanted = layer.lower()
    for matches in (lambda name: name.lower() == wanted, lambda name: _leaf(name) == wanted):
        found = [pick for name, pick in called if matches(name)]
        if found:
            return found[0]
    return None


def _listed(called: list[tuple[str, Pick]]) -> str:
    return ", ".join(sorted(name or "R, G, B" for name, _ in called))


def _called(layer: str, part: Part, many: bool) -> str:
    """A layer's name for the artist: that of the part where its channels have none."""
    return layer or (part.name if many else "")


def _is_data(name: str) -> bool:
    """Whether a layer or part of this name holds no colours that a camera could see."""
    leaf = _leaf(name).rstrip("0123456789")
    words = re.findall(r"[A-Z]?[a-z]+|[A-Z]+(?![a-z])", name.rpartition(".")[2])
    return (
        leaf in DATA
        or leaf.startswith(DATA_BEGINNINGS)
        or any(word.lower() in DATA_WORDS or word.lower() == "crypto" for word in words)
    )


def _without_view(part: Part) -> str:
    """A part's name without the eye that it is for: both eyes of a pair are one picture."""
    name = part.name.lower()
    view = part.spec.get_string_attribute("view").lower()
    eyes = [*VIEWS, re.escape(view)] if view else list(VIEWS)
    return re.sub(rf"[._-]?({'|'.join(eyes)})$", "", name)


def pick_alpha(parts: list[Part]) -> Pick | None:
    """The alpha of the first part that has one, that of the main layer first."""
    for part in parts:
        (own,) = stored_names(part.spec, ("A",))
        if own in part.spec.channelnames:
            return Pick(part, (part.spec.channelnames.index(own),))
        names = [name.lower() for name in part.spec.channelnames]
        found = [index for index, name in enumerate(names) if _leaf(name) in ALPHA]
        if found:
            return Pick(part, (min(found, key=lambda index: "." in names[index]),))
    return None


def pick_unseen(part: Part) -> Pick | None:
    """The map of what a clean plate never showed, beside its colours; None where there is none."""
    names = part.spec.channelnames
    found = [index for index, name in enumerate(names) if is_unseen_map(name)]
    return Pick(part, (found[0],)) if found else None


def _leaf(name: str) -> str:
    return name.rpartition(".")[2].lower()


def _rank(layer: str, part: Part, many: bool) -> tuple[int, bool]:
    """How surely the layer is the main one; the least is surest."""
    called = _leaf(layer) if layer else _leaf(_without_view(part)) if many else ""
    if called in MAIN:
        composite = COMPOSITE in f"{part.name}.{layer}".lower().split(".")
        return MAIN.index(called), not composite
    return len(MAIN) + bool(layer), True


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
    if "x" in names:
        return None  # a vector
    return next((index for index, name in enumerate(names) if name in GREY), None)


def _refuse_print_colours(path: Path, spec: oiio.ImageSpec) -> None:
    # OpenImageIO turns CMYK into RGB without its profile: colours nobody has seen.
    for name in ("tiff:ColorSpace", "jpeg:ColorSpace"):
        if spec.get_string_attribute(name) in ("CMYK", "YCCK"):
            raise PlateError(f"'{path}' is CMYK, made for print; convert it to RGB.")
