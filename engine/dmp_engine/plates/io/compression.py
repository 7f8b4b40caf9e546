"""Which compressions of an EXR the OpenImageIO at hand writes: it is asked by writing one.

Where it does not know a name it writes zip without a word.
"""

from __future__ import annotations

import tempfile
from functools import lru_cache
from pathlib import Path

import numpy as np
import OpenImageIO as oiio

from dmp_matting.errors import OutputError

OLD = ("none", "rle", "zips", "zip", "piz", "dwaa", "dwab")  # every OpenEXR has them
NEW = {10: "htj2k256", 11: "htj2k32", 13: "zstd"}  # by the number in the file


def check_compression(name: str) -> None:
    """Raise OutputError where ``name`` cannot be written here."""
    if name not in OLD and not is_written(name):
        raise OutputError(
            f"This engine's OpenImageIO ({oiio.VERSION_STRING}) writes no {name}; choose zip, or "
            "update the engine."
        )


def is_known(number: int) -> bool:
    """Whether a file of that compression, by its number in the header, can be read here."""
    return number < min(NEW) or (number in NEW and is_written(NEW[number]))


@lru_cache(maxsize=8)
def is_written(name: str) -> bool:
    """Whether a file of it comes back as that, with its pixels."""
    pixels = np.arange(64 * 3, dtype=np.float16).reshape(8, 8, 3)
    spec = oiio.ImageSpec(8, 8, 3, "half")
    spec.attribute("compression", name)
    with tempfile.TemporaryDirectory(prefix="dmp-") as folder:
        path = str(Path(folder) / "probe.exr")
        output = oiio.ImageOutput.create("openexr")
        done = output is not None and output.open(path, spec) and output.write_image(pixels)
        if output is not None:
            done = output.close() and done
        image = oiio.ImageInput.open(path) if done else None
        if image is None:
            oiio.geterror()
            return False
        found = image.read_image(0, 0, 0, 3, "half")
        same = image.spec().get_string_attribute("compression") == name
        image.close()
    return same and found is not None and bool(np.array_equal(found, pixels))
