"""What a frame's plates are, once they are read: a digest of pixels, windows and metadata.

Two frames of equal digest give equal layers, however their files were packed and
wherever they lie. The server looks it up in the cache before anything is solved.
"""

from __future__ import annotations

import hashlib
import os
from collections.abc import Mapping

import numpy as np
import numpy.typing as npt

from dmp_matting.exr_header import is_volatile
from dmp_matting.job import Role

from .header import layers_spec
from .read import PlateImage


def content_digest(
    image: PlateImage, clean: PlateImage, mattes: Mapping[Role, npt.NDArray[np.float32]]
) -> str:
    """Hex digest of all that a result takes from its plates."""
    digest = hashlib.sha256()
    try:
        digest.update(_header(image).encode())
    except (UnicodeError, RuntimeError):  # Latin-1 text: such a plate is like no other file's
        digest.update(os.fsencode(image.path))
    arrays = {"image": image.rgb, "clean": clean.rgb}
    arrays.update((role.value, matte) for role, matte in sorted(mattes.items()))
    for name, array in arrays.items():
        digest.update(f"{name} {array.shape} {array.dtype}".encode())
        digest.update(np.ascontiguousarray(array).data)
    if clean.unseen is not None:
        digest.update(b"unseen" + np.packbits(clean.unseen).tobytes())
    digest.update(f"{image.space} {clean.space} {image.window} {clean.window}".encode())
    return digest.hexdigest()


def _header(image: PlateImage) -> str:
    """What of the plate's header gets into the result's, the moment of writing left out."""
    spec = layers_spec(image.spec, ("A",), {})
    kept = "".join(
        f"{item.name} {item.type} {item.value!r}\n"
        for item in spec.extra_attribs
        if not is_volatile(item.name)
    )
    sides = ("x", "y", "width", "height", "full_x", "full_y", "full_width", "full_height")
    return kept + " ".join(str(getattr(spec, side)) for side in sides)
