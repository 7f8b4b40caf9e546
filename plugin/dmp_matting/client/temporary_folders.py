"""Folders for a host's rendered plates, and what killed hosts left of them.

A folder's name holds who made it: ``dmp-plates-SYSTEM.PROCESS.RANDOM``. A process number means
something on one machine only, and the temporary folder may be one of several machines or
containers. Standard library only, Python 3.9.
"""

from __future__ import annotations

import os
import re
import shutil
import tempfile
import time
from typing import Iterable

from ..atomic_write import SYSTEM
from ..operating_system import is_alive, knows_the_dead

OLD = 7 * 86400.0  # seconds without a new file; plates are needed until they are sent
_NAME = re.compile(r"dmp-[a-z]+-(?P<system>[0-9a-f]{8})\.(?P<process>\d{1,10})\.\w+")


def new_temporary_folder(kind: str, parent: str = "") -> str:
    """An empty folder ``dmp-KIND-...`` in ``parent``, else where the system keeps such folders.

    kind    small letters
    Whoever makes it removes it. Raises OSError.
    """
    prefix = f"dmp-{kind}-{SYSTEM}.{os.getpid()}."
    return tempfile.mkdtemp(prefix=prefix, dir=parent or None)


def sweep_temporary_folders(parents: Iterable[str] = ("",)) -> int:
    """Remove the folders of ended processes from ``parents``; returns how many. Never fails."""
    count = 0
    for parent in parents:
        place = parent or tempfile.gettempdir()
        try:
            names = os.listdir(place)
        except OSError:
            continue
        for name in names:
            found = _NAME.fullmatch(name)
            folder = os.path.join(place, name)
            if found and _is_left(folder, found["system"], int(found["process"])):
                shutil.rmtree(folder, ignore_errors=True)
                count += not os.path.exists(folder)
    return count


def _is_left(folder: str, system: str, process: int) -> bool:
    """Whether its maker has ended; of another machine's, and on Windows, its age decides."""
    if system == SYSTEM and knows_the_dead():
        return not is_alive(process)
    try:
        return time.time() - os.stat(folder).st_mtime > OLD
    except OSError:
        return False
