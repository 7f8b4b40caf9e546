"""Python's search for garbage, kept out of where there is none: half of torch's start and end."""

from __future__ import annotations

import contextlib
import gc
from collections.abc import Iterator


@contextlib.contextmanager
def no_collection() -> Iterator[None]:
    """Collect no garbage in the block, and never look again at what it has made.

    For what stays as long as the process, such as imports, and for what has no circles.
    """
    gc.disable()
    try:
        yield
    finally:
        gc.freeze()
        gc.enable()
