"""A lock that ends with its process: the kernel frees it, however that comes.

Standard library, Python 3.9.
"""

from __future__ import annotations

import sys
from contextlib import contextmanager
from pathlib import Path
from typing import Iterator


@contextmanager
def only_one(path: Path) -> Iterator[bool]:
    """Hold the file ``path`` while the block runs; False where another process holds it.

    Raises OSError where it cannot be opened, as when there is none.
    """
    with path.open("r+b") as file:
        try:
            if sys.platform == "win32":
                import msvcrt

                msvcrt.locking(file.fileno(), msvcrt.LK_NBLCK, 1)
            else:
                import fcntl

                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            yield False
            return
        yield True
