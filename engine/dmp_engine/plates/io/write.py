"""The layers to one EXR, as both hosts read it cleanly.

Rules: never a half-written file. The layers go to a temporary file in the same folder, are
read back and compared, and take their name in one step.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from textwrap import shorten

import numpy as np
import numpy.typing as npt
import OpenImageIO as oiio

from dmp_matting.atomic_write import LEAST_ROOM, atomic_write, check_output, output_refused
from dmp_matting.layer_names import ATTRIBUTE, LayerNames
from dmp_matting.settings import Settings

from .header import layers_spec
from .image_file import pending_error
from .read import PlateImage

HALF_MAX = 65504.0  # the largest half; above it is infinity
LONGEST_REASON = 90  # letters of what OpenImageIO reports
MOST_CHANNELS = 18  # with all further layers

Samples = npt.NDArray[np.float16] | npt.NDArray[np.float32]
WINDOW = "dmp:window"  # of a result that is cropped: x, y, width and height of the whole

__all__ = ["Packing", "check_output", "layers_size", "write_image", "write_layers", "write_whole"]


@dataclass(frozen=True)
class Packing:
    """How an EXR is stored."""

    compression: str = "zip"  # OpenImageIO's text: zip, piz, dwaa:45 ...
    depth: str = "half"  # or float
    crop: bool = False  # the data window is trimmed to where there is something
    names: str = ""  # of the layers, where they have others: layer_names.py

    @classmethod
    def of(cls, settings: Settings, crop: bool) -> Packing:
        name = settings.compression
        level = f":{settings.dwa_level:g}" if name.startswith("dwa") else ""
        return cls(f"{name}{level}", settings.depth, crop, settings.layer_names)


def write_layers(
    path: Path,
    like: PlateImage,
    alpha: npt.NDArray[np.float32],
    foreground: npt.NDArray[np.float32],
    attributes: Mapping[str, str],
    more: Mapping[str, npt.NDArray[np.float32]] | None = None,
    premultiplied: npt.NDArray[np.float32] | None = None,
    packing: Packing = Packing(),
) -> tuple[str, ...]:
    """Write one single-part EXR over ``like``'s windows and return its channels.

    ``alpha`` (H, W) in [0, 1]; ``foreground`` (H, W, 3) straight (not premultiplied),
    in ``like``'s space. ``R, G, B`` become ``premultiplied`` (H, W, 3; see emission.py), or alpha *
    foreground where there is none, ``foreground.R/G/B`` the straight colours, all clamped to the
    largest half. ``more`` are further layers by name: (H, W) becomes ``name.A``, (H, W, 3)
    ``name.R/G/B``.
    ``attributes`` are recorded in the header beside the plate's metadata.
    Raises OutputError.
    """
    assert alpha.shape == (like.spec.height, like.spec.width), "layers of another size"
    alpha, foreground = alpha.astype(np.float32), foreground.astype(np.float32)
    if premultiplied is None:
        premultiplied = alpha[..., None] * foreground
    more = more or {}
    layers = {"": np.dstack([premultiplied, alpha]), "foreground": foreground}
    channels, pixels = _joined({**layers, **more})
    if packing.names:
        names = LayerNames.parse(packing.names)
        channels = tuple(map(names.of, channels))
        attributes = {**attributes, ATTRIBUTE: packing.names}
    spec = layers_spec(like.spec, channels, attributes)
    spec.attribute("compression", packing.compression)
    if packing.crop:
        something = (alpha > 0) | (premultiplied != 0).any(axis=2)
        if "shadow" in more:  # outside of the data window it would be read as 0
            something |= (more["shadow"] != 1).any(axis=2)
        pixels = _cropped(spec, pixels, something)
    write_whole(path, spec, pixels, packing.depth)
    return channels


def _cropped(
    spec: oiio.ImageSpec, pixels: npt.NDArray[np.float32], something: npt.NDArray[np.bool_]
) -> npt.NDArray[np.float32]:
    """``pixels`` where there is ``something``, one pixel at least; ``spec`` gets that window."""
    spec.attribute(WINDOW, f"{spec.x} {spec.y} {spec.width} {spec.height}")
    rows, columns = (np.flatnonzero(something.any(axis=axis)) for axis in (1, 0))
    top, bottom = (int(rows[0]), int(rows[-1]) + 1) if rows.size else (0, 1)
    left, right = (int(columns[0]), int(columns[-1]) + 1) if columns.size else (0, 1)
    spec.x, spec.y, spec.width, spec.height = (
        spec.x + left, spec.y + top, right - left, bottom - top,
    )  # fmt: skip
    return np.ascontiguousarray(pixels[top:bottom, left:right])


def uncropped(pixels: npt.NDArray[np.float32], spec: oiio.ImageSpec) -> npt.NDArray[np.float32]:
    """``pixels`` (H, W, C) of a result with ``spec``, over the whole that it was cropped from."""
    try:
        x, y, width, height = map(int, spec.get_string_attribute(WINDOW).split())
    except ValueError:
        return pixels
    left, top = spec.x - x, spec.y - y
    own_height, own_width = pixels.shape[:2]
    if min(left, top) < 0 or left + own_width > width or top + own_height > height:
        return pixels
    whole = np.zeros((height, width, *pixels.shape[2:]), np.float32)
    whole[top : top + own_height, left : left + own_width] = pixels
    return whole


def write_whole(
    path: Path, spec: oiio.ImageSpec, pixels: npt.NDArray[np.float32], depth: str = "half"
) -> None:
    """Write an EXR of ``pixels`` (H, W, channels), whole or not at all. OutputError.

    ``depth``: half or float samples; what is larger than they hold becomes their largest.
    """
    assert np.isfinite(pixels).all(), "NaN in the layers"
    spec.format = depth
    samples: Samples = pixels.astype(np.float32)
    if depth == "half":
        samples = np.clip(pixels, -HALF_MAX, HALF_MAX).astype(np.float16)
    try:
        with atomic_write(path) as temporary:
            _write(temporary, spec, samples)
    except OSError as error:
        raise output_refused(path, error.strerror or str(error), samples.nbytes) from None


def _joined(
    layers: Mapping[str, npt.NDArray[np.float32]],
) -> tuple[tuple[str, ...], npt.NDArray[np.float32]]:
    """Channel names and pixels (H, W, channels), in the order in which an EXR is read back."""
    names: list[str] = []
    for layer in sorted(layers):
        leaves = {2: "A", 3: "RGB"}[layers[layer].ndim] if layer else "RGBA"
        names += [f"{layer}.{leaf}" if layer else leaf for leaf in leaves]
    return tuple(names), np.dstack([layers[layer] for layer in sorted(layers)])


def layers_size(like: PlateImage, depth: str = "half") -> int:
    """Upper bound in bytes of the file that :func:`write_layers` makes for ``like``."""
    size = 4 if depth == "float" else 2
    return like.spec.width * like.spec.height * MOST_CHANNELS * size + LEAST_ROOM


def write_image(
    kind: str, path: Path, spec: oiio.ImageSpec, pixels: Samples | npt.NDArray[np.uint16]
) -> None:
    """Write ``pixels`` (H, W, channels) by OpenImageIO's writer ``kind``. OSError."""
    output = oiio.ImageOutput.create(kind)
    assert output is not None, f"OpenImageIO without {kind}"
    written = output.open(str(path), spec) and output.write_image(pixels)
    written = output.close() and written
    reason = pending_error(output)
    if not written or reason:
        # A full disk is reported again for every block.
        raise OSError(shorten(reason, LONGEST_REASON, placeholder=" ...") or "the disk refused it")


def flush_to_disk(path: Path) -> None:
    """OSError where the disk is full after all: network disks report it only here."""
    with path.open("rb+") as file:
        os.fsync(file.fileno())


def _write(path: Path, spec: oiio.ImageSpec, samples: Samples) -> None:
    write_image("openexr", path, spec, samples)
    flush_to_disk(path)
    # OpenEXR ends a file in a destructor, which cannot report a full disk: look.
    check = oiio.ImageInput.open(str(path))
    kind = "half" if samples.dtype == np.float16 else "float"
    found = check.read_image(0, 0, 0, samples.shape[2], kind) if check else None
    pending_error(oiio)
    if check is not None and found is not None and found.shape == samples.shape:
        stored = check.spec().channelnames  # in an order of the file's own
        found = found[..., [stored.index(name) for name in spec.channelnames]]
    if found is None or found.shape != samples.shape:
        raise OSError("what was written does not read back")
    if spec.get_string_attribute("compression").startswith("dwa"):  # lossy
        if not np.isfinite(found).all():
            raise OSError("dwa makes infinite values of it; choose another compression")
    elif not np.array_equal(found, samples):
        raise OSError("what was written does not read back")
