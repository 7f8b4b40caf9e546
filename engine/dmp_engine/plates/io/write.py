"""The layers to one EXR, as both hosts read it cleanly.

Rules: never a half-written file. The layers go to a temporary file in the same folder, are
read back and compared, and take their name in one step.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path

import numpy as np
import numpy.typing as npt
import OpenImageIO as oiio

from dmp_matting.atomic_write import LEAST_ROOM, atomic_write, check_output, output_refused

from .header import layers_spec
from .image_file import pending_error
from .read import PlateImage

HALF_MAX = 65504.0  # the largest half; above it is infinity
MOST_CHANNELS = 17  # with all further layers

__all__ = ["check_output", "layers_size", "write_layers", "write_whole"]


def write_layers(
    path: Path,
    like: PlateImage,
    alpha: npt.NDArray[np.float32],
    foreground: npt.NDArray[np.float32],
    attributes: Mapping[str, str],
    more: Mapping[str, npt.NDArray[np.float32]] | None = None,
    premultiplied: npt.NDArray[np.float32] | None = None,
) -> tuple[str, ...]:
    """Write one single-part half ZIP EXR over ``like``'s windows and return its channels.

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
    layers = {"": np.dstack([premultiplied, alpha]), "foreground": foreground}
    channels, pixels = _joined({**layers, **(more or {})})
    write_whole(path, layers_spec(like.spec, channels, attributes), pixels)
    return channels


def write_whole(path: Path, spec: oiio.ImageSpec, pixels: npt.NDArray[np.float32]) -> None:
    """Write an EXR of ``pixels`` (H, W, channels) as half, whole or not at all. OutputError."""
    assert np.isfinite(pixels).all(), "NaN in the layers"
    half = np.clip(pixels, -HALF_MAX, HALF_MAX).astype(np.float16)
    try:
        with atomic_write(path) as temporary:
            _write(temporary, spec, half)
    except OSError as error:
        raise output_refused(path, error.strerror or str(error), half.nbytes) from None


def _joined(
    layers: Mapping[str, npt.NDArray[np.float32]],
) -> tuple[tuple[str, ...], npt.NDArray[np.float32]]:
    """Channel names and pixels (H, W, channels), in the order in which an EXR is read back."""
    names: list[str] = []
    for layer in sorted(layers):
        leaves = {2: "A", 3: "RGB"}[layers[layer].ndim] if layer else "RGBA"
        names += [f"{layer}.{leaf}" if layer else leaf for leaf in leaves]
    return tuple(names), np.dstack([layers[layer] for layer in sorted(layers)])


def layers_size(like: PlateImage) -> int:
    """Upper bound in bytes of the file that :func:`write_layers` makes for ``like``."""
    return like.spec.width * like.spec.height * MOST_CHANNELS * 2 + LEAST_ROOM


def _write(path: Path, spec: oiio.ImageSpec, half: npt.NDArray[np.float16]) -> None:
    output = oiio.ImageOutput.create("openexr")
    assert output is not None, "OpenImageIO without EXR"
    written = output.open(str(path), spec) and output.write_image(half)
    written = output.close() and written
    reason = pending_error(output)
    if not written or reason:
        raise OSError(reason or "the disk refused it")
    with path.open("rb+") as file:
        os.fsync(file.fileno())  # network disks report that they are full only here
    # OpenEXR ends a file in a destructor, which cannot report a full disk: look.
    check = oiio.ImageInput.open(str(path))
    found = check.read_image(0, 0, 0, half.shape[2], "half") if check else None
    pending_error(oiio)
    if found is None or not np.array_equal(found, half):
        raise OSError("what was written does not read back")
