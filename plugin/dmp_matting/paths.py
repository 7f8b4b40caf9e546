"""Where the user's files of DMP lie on this machine. Standard library only, Python 3.9.

run folder     the engine's socket, run file (address and token) and lock; 0700, local disk.
               Found the same way by every host of one user, whatever its environment holds
               (``XDG_RUNTIME_DIR`` and ``TMPDIR`` differ between a desktop and an ssh
               session, and two run folders would mean two engines). ``$DMP_RUN_DIR`` moves it.
cache folder   job folders, finished results and the engine's log. ``$DMP_CACHE_DIR`` moves it.
configuration  what ``dmp setup`` wrote. ``$DMP_CONFIG`` names another file.
"""

from __future__ import annotations

import json
import os
import stat
import sys
from pathlib import Path
from typing import Any, Dict, Mapping

from .atomic_write import atomic_write
from .errors import EngineError, InputError, OutputError

WINDOWS = sys.platform == "win32"


def run_folder() -> Path:
    """The private run folder, made if it is missing.

    Raises EngineError when it is not this user's own: another user of the
    machine may have made a folder of that name to read the token.
    """
    folder = _run_folder()
    try:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        found = folder.lstat()
    except OSError as reason:
        raise EngineError(
            f"The engine's folder {folder} cannot be made ({reason.strerror}); "
            "set DMP_RUN_DIR to a folder of your own."
        ) from None
    if WINDOWS:
        return folder  # lies in the user's profile, which Windows keeps private
    if not stat.S_ISDIR(found.st_mode) or found.st_uid != os.getuid():
        raise EngineError(
            f"{folder} does not belong to you, so it is not used for the engine; "
            "remove it or set DMP_RUN_DIR to a folder of your own."
        )
    if stat.S_IMODE(found.st_mode) != 0o700:
        folder.chmod(0o700)
    return folder


def _run_folder() -> Path:
    named = os.environ.get("DMP_RUN_DIR", "")
    if named:
        return Path(named).absolute()
    if WINDOWS:
        return _windows_local() / "run"
    return Path(f"/tmp/dmp-{os.getuid()}")


def cache_folder() -> Path:
    """The cache folder (not made here)."""
    named = os.environ.get("DMP_CACHE_DIR", "")
    if named:
        return Path(named).expanduser().absolute()
    if WINDOWS:
        return _windows_local() / "Cache"
    if sys.platform == "darwin":
        return Path.home() / "Library" / "Caches" / "dmp-matting"
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "dmp-matting"


def config_file() -> Path:
    """The user's configuration file (it need not exist)."""
    named = os.environ.get("DMP_CONFIG", "")
    if named:
        return Path(named).absolute()
    if WINDOWS:
        return _windows_local() / "config.json"
    if sys.platform == "darwin":
        return Path.home() / "Library" / "Application Support" / "dmp-matting" / "config.json"
    root = Path(os.environ.get("XDG_CONFIG_HOME") or Path.home() / ".config")
    return root / "dmp-matting" / "config.json"


def read_config() -> Dict[str, Any]:
    """What ``dmp setup`` wrote: ``engine_python``, ``cache_gb``; empty when there is none.

    Raises InputError for a file that is no JSON object.
    """
    path = config_file()
    try:
        found = json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        return {}
    except (OSError, ValueError):
        found = None
    if not isinstance(found, dict):
        raise InputError(f"The configuration {path} cannot be read; run `dmp setup` again.")
    return found


def write_config(values: Mapping[str, Any]) -> Path:
    """Merge ``values`` into the configuration; returns its path. Raises OutputError."""
    path = config_file()
    merged = {**read_config(), **values} if path.exists() else dict(values)
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with atomic_write(path) as draft:
            draft.write_text(json.dumps(merged, indent=2, sort_keys=True) + "\n", encoding="utf-8")
    except OSError as reason:
        raise OutputError(
            f"The configuration {path} cannot be written ({reason.strerror})."
        ) from None
    return path


def _windows_local() -> Path:
    return Path(os.environ.get("LOCALAPPDATA") or Path.home()) / "dmp-matting"
