"""A lock that ends with its process: the kernel frees it, however that comes.

Standard library, Python 3.9.
"""

from __future__ import annotations

import os
import time
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Any, Iterator

from . import operating_system


def try_lock(file: IO[Any]) -> bool:
    """Lock the open ``file`` until it is closed; False where another process holds it."""
    try:
        operating_system.lock(file)
    except OSError:
        return False
    return True


@contextmanager
def only_one(path: Path) -> Iterator[bool]:
    """Hold the file ``path`` while the block runs; False where another process holds it.

    Raises OSError where it cannot be opened, as when there is none.
    """
    with path.open("r+b") as file:
        yield try_lock(file)


@contextmanager
def one_after_another(folder: Path, seconds: float) -> Iterator[bool]:
    """Let one client after another run the block; False for one that did not have to wait.

    Nobody waits longer than ``seconds``, and nobody where a folder cannot be locked, as on Windows.
    """
    if not operating_system.LOCKS_FOLDERS:
        yield False
        return
    file, end, waited = os.open(folder, os.O_RDONLY), time.monotonic() + seconds, False
    try:
        while time.monotonic() < end:
            try:
                operating_system.lock_folder(file)
                break
            except BlockingIOError:
                waited = True
                time.sleep(0.05)
            except OSError:  # a file system without such locks
                break
        yield waited
    finally:
        os.close(file)
