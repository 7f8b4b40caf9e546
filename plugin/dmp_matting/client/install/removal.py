"""Remove what the installer made, and on request everything else that DMP keeps for a user."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Callable, List, Sequence

from ...errors import EngineError, OutputError
from ...file_lock import only_one
from ...paths import cache_folder, config_file, data_folder, read_config, run_folder, write_config
from ..launcher import stop_engine
from . import records, tools

# What DMP makes in each folder, as patterns. The user may have named a folder that holds more.
LOCK = "install.lock"
OF_DATA = (*tools.DOWNLOADS, tools.PYTHONS, "install.log", LOCK, "bin/dmp", "bin/dmp.cmd")
OF_RUN = ("engine.json", ".engine.json.*.part", "engine.sock", "engine.lock")
OF_CACHE = ("results", "jobs-*", "unreadable-jobs-*", "logs")  # not the mattes of unsaved .blends


def to_remove(*, cache: bool = False) -> List[Path]:
    """What :func:`remove` removes now, but for folders that are empty then."""
    data, run = data_folder(), run_folder()
    paths = [*records.folders(), *_found(data, OF_DATA), *_found(run, OF_RUN)]
    if cache:
        paths += _found(cache_folder(), OF_CACHE)
        paths += [config_file()] if config_file().exists() else []
    return paths


def remove(*, cache: bool = False, force: bool = False) -> List[str]:
    """Remove the user's private engine and its run files; the paths that were removed.

    The running engine is ended first: EngineError if it has work and not ``force``, or while an
    installation runs. ``cache``: also finished frames, the engine's log and the configuration.
    Files of others stay where they are, and so do mattes of unsaved .blend files. OutputError for
    what cannot be removed.
    """
    data, run, engines = data_folder(), run_folder(), records.engines_folder()
    _refuse_during_installation(data / LOCK)
    stop_engine(force=force)
    paths = to_remove(cache=cache)
    emptied = [engines, data / "downloads", data / "bin", run, *([cache_folder()] if cache else [])]
    _forget(everything=cache)
    removed = []
    for path in paths:
        _delete(path, records.discard if path.parent == engines else shutil.rmtree)
        removed.append(str(path))
    removed += [str(folder) for folder in emptied if _remove_empty(folder)]
    for folder in {data, config_file().parent}:
        if folder.name == "dmp-matting":
            _remove_empty(folder)
    return removed


def _refuse_during_installation(lock: Path) -> None:
    if not lock.exists():
        return
    with only_one(lock) as alone:
        if not alone:
            raise EngineError(
                "An engine is being installed; wait until that has ended, or cancel it."
            )


def _found(folder: Path, patterns: Sequence[str]) -> List[Path]:
    return [path for pattern in patterns for path in sorted(folder.glob(pattern))]


def _remove_empty(folder: Path) -> bool:
    """Remove a folder in which nothing is left; whether it was."""
    try:
        folder.rmdir()
    except OSError:
        return False
    return True


def _forget(everything: bool) -> None:
    """Take the private engine out of the configuration; a Python of the user's own stays."""
    if everything or not config_file().exists():
        return
    python = str(read_config().get("engine_python", ""))
    if python and records.engines_folder() in Path(python).parents:
        write_config({"engine_python": None})


def _delete(path: Path, delete_folder: Callable[[Path], object]) -> None:
    try:
        if path.is_dir() and not path.is_symlink():
            delete_folder(path)
        else:
            path.unlink()
    except OSError as reason:
        raise OutputError(f"{path} cannot be removed ({reason.strerror}).") from None
