"""Where the engine keeps what is its own: cache, logs. Nothing is made here, only named."""

from __future__ import annotations

import os
import sys
from pathlib import Path


def cache_folder() -> Path:
    """``$DMP_CACHE``, else the per-user cache folder of this platform."""
    named = os.environ.get("DMP_CACHE", "")
    if named:
        return Path(named).expanduser().absolute()
    if sys.platform == "win32":
        return Path(os.environ.get("LOCALAPPDATA") or Path.home()) / "dmp-matting" / "Cache"
    if sys.platform == "darwin":
        return Path.home() / "Library" / "Caches" / "dmp-matting"
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "dmp-matting"


def log_folder() -> Path:
    """Where tracebacks of the engine's own bugs go."""
    return cache_folder() / "logs"
