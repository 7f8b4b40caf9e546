"""What the engine is, for the greeting and the result cache: equal versions make equal pixels."""

from __future__ import annotations

import hashlib
import importlib.metadata
from functools import cache
from pathlib import Path

from dmp_matting.version import __version__

ALGORITHM = ("dmp/**/*.py", "plates/**/*.py", "pipeline/*.py")  # whatever can change a pixel
LIBRARIES = ("torch", "numpy", "scipy", "OpenImageIO")


@cache
def engine_version() -> str:
    """``0.1.0+3fa94c0d12ab``: the release, and a digest of the algorithm and its libraries."""
    digest = hashlib.sha256()
    here = Path(__file__).parent
    for pattern in ALGORITHM:
        for source in sorted(here.glob(pattern)):
            digest.update(source.relative_to(here).as_posix().encode() + source.read_bytes())
    for library in LIBRARIES:
        try:
            digest.update(f"{library} {importlib.metadata.version(library)}".encode())
        except importlib.metadata.PackageNotFoundError:
            continue  # the worker will say so
    return f"{__version__}+{digest.hexdigest()[:12]}"
