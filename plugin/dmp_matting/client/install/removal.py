"""Remove what the installer made, and on request everything else that DMP keeps for a user."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import List

from ...errors import OutputError
from ...paths import cache_folder, config_file, data_folder, read_config, run_folder, write_config
from ..launcher import stop_engine
from . import records

OURS = ("engines", "downloads", "install.log", "install.lock")  # in the data folder


def remove(*, cache: bool = False, force: bool = False) -> List[str]:
    """Remove the user's private engine and its run files; the paths that were removed.

    The running engine is ended first: EngineError if it has work and not ``force``. ``cache``: also
    finished frames, the engine's log and the configuration. OutputError for what cannot be removed.
    """
    stop_engine(force=force)
    paths = [data_folder() / name for name in OURS]
    paths.append(run_folder())
    _forget(everything=cache)
    if cache:
        paths += [cache_folder(), config_file()]
    removed = []
    for path in paths:
        if path.exists():
            _delete(path)
            removed.append(str(path))
    for folder in {data_folder(), config_file().parent}:
        if folder.is_dir() and folder.name == "dmp-matting" and not any(folder.iterdir()):
            folder.rmdir()
    return removed


def _forget(everything: bool) -> None:
    """Take the private engine out of the configuration; a Python of the user's own stays."""
    if everything or not config_file().exists():
        return
    python = str(read_config().get("engine_python", ""))
    if python and records.engines_folder() in Path(python).parents:
        write_config({"engine_python": None})


def _delete(path: Path) -> None:
    try:
        if path.is_dir() and not path.is_symlink():
            shutil.rmtree(path)
        else:
            path.unlink()
    except OSError as reason:
        raise OutputError(f"{path} cannot be removed ({reason.strerror}).") from None
