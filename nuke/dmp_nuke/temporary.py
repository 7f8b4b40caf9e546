"""Folders for rendered plates: each bears its process, so that those of a crash can be swept."""

from __future__ import annotations

import os
import re
import shutil
import socket
import tempfile
import time
from pathlib import Path
from typing import Optional

from dmp_matting.hosts import is_alive

OLD = 7 * 86400.0  # seconds; plates are needed until they are sent
PREFIX = "dmp-nuke-"
NAME = re.compile(rf"{PREFIX}(?P<host>.+)-(?P<process>\d+)-[^-]+$")


def new_folder() -> Path:
    """An empty folder where $NUKE_TEMP_DIR, or the system, keeps temporary files."""
    prefix = f"{PREFIX}{_host()}-{os.getpid()}-"
    return Path(tempfile.mkdtemp(prefix=prefix, dir=_place()))


def sweep() -> int:
    """Remove the plates of ended processes of this machine; returns how many folders. Never fails.

    The temporary folder may be one of several machines: another one's are left alone.
    """
    count = 0
    try:
        names = os.listdir(_place() or tempfile.gettempdir())
    except OSError:
        return 0
    for name in names:
        found = NAME.match(name)
        if found is None or found["host"] != _host():
            continue
        folder = os.path.join(_place() or tempfile.gettempdir(), name)
        if not is_alive(int(found["process"])) or _is_old(folder):
            shutil.rmtree(folder, ignore_errors=True)
            count += 1
    return count


def _is_old(folder: str) -> bool:
    """Windows does not tell whose a number is: there a folder's age decides."""
    try:
        return time.time() - os.stat(folder).st_mtime > OLD
    except OSError:
        return False


def _place() -> Optional[str]:
    return os.environ.get("NUKE_TEMP_DIR") or None


def _host() -> str:
    return re.sub(r"[^\w.]", "_", socket.gethostname())
