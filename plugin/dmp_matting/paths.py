"""Where the user's files of DMP lie on this machine. Standard library only, Python 3.9.

run folder     the engine's socket, run file (address and token) and lock; private, local disk.
               Found the same way by every host of one user, whatever its environment holds
               (``XDG_RUNTIME_DIR`` and ``TMPDIR`` differ between a desktop and an ssh
               session, and two run folders would mean two engines). ``$DMP_RUN_DIR`` moves it.
cache folder   job folders, finished results and the engine's log. ``$DMP_CACHE_DIR`` moves it; each
               user has a folder of its own in there.
configuration  what ``dmp setup`` wrote. ``$DMP_CONFIG`` names another file.
data folder    the engine that *Install Engine* made. ``$DMP_DATA_DIR`` moves it.

A folder that another user owns or may write to is never used, and none that the user has made is
changed.
"""

from __future__ import annotations

import errno
import io
import json
import os
import stat
from pathlib import Path
from typing import Any, Dict, Iterator, Mapping, Optional, Union

from . import operating_system
from .atomic_write import atomic_write
from .errors import EngineError, InputError, OutputError

SHARED = 0o1777  # as /tmp: everybody may make a folder in it, and nobody remove another's


def run_folder() -> Path:
    """The private run folder, made if it is missing.

    Raises EngineError when there is none that is this user's own: another user of the
    machine may have made a folder of that name to read the token.
    """
    refusal: Optional[EngineError] = None
    for folder in _run_folders():
        try:
            return _private(folder, "DMP_RUN_DIR", ours=not os.environ.get("DMP_RUN_DIR"))
        except EngineError as reason:
            refusal = refusal or reason
    assert refusal is not None
    raise refusal


def _run_folders() -> Iterator[Path]:
    """Where the run folder may lie, the first first: another user may have taken it."""
    named = os.environ.get("DMP_RUN_DIR", "")
    if named:
        yield _expanded(named, "DMP_RUN_DIR")
    else:
        yield from operating_system.run_folders(lambda: _home("DMP_RUN_DIR"))


def cache_folder() -> Path:
    """The cache folder (not made here). Raises EngineError for a user without a home folder."""
    named = os.environ.get("DMP_CACHE_DIR", "")
    if named:
        return operating_system.of_this_user(_expanded(named, "DMP_CACHE_DIR"))
    return operating_system.cache_folder(lambda: _home("DMP_CACHE_DIR"))


def make_cache_folder() -> Path:
    """The cache folder, made if it is missing.

    Raises EngineError when it is not this user's own, or cannot be made.
    """
    folder = cache_folder()
    named = os.environ.get("DMP_CACHE_DIR", "")
    if named and folder != _expanded(named, "DMP_CACHE_DIR"):  # a site names one for all users
        try:
            folder.parent.parent.mkdir(parents=True, exist_ok=True)
            folder.parent.mkdir()
            folder.parent.chmod(SHARED)
        except FileExistsError:
            pass
        except OSError as reason:
            raise _cannot_be_made(folder.parent, reason, "DMP_CACHE_DIR") from None
    return _private(folder, "DMP_CACHE_DIR", ours=True)


def _private(folder: Path, variable: str, *, ours: bool) -> Path:
    """``folder``, made if it is missing; a link to a folder of one's own is one.

    Raises EngineError when another user owns it or may write to it. ``ours``: its name is DMP's,
    so a program of DMP has made it, and it is closed; where groups share files by default, one
    that made it on its way to a file in it has left it open to the group.
    """
    try:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        own = operating_system.is_own(folder)
        is_open = operating_system.others_may_write(folder)
    except OSError as reason:
        raise _cannot_be_made(folder, reason, variable) from None
    if not own:
        raise EngineError(
            f"{folder} does not belong to you, so it is not used for the engine; "
            f"remove it or set {variable} to a folder of your own."
        )
    if is_open and ours:
        folder.chmod(0o700)
    elif is_open:
        raise EngineError(
            f"Others may write to {folder}, so it is not used for the engine; "
            f"`chmod 700` it or set {variable} to a folder of your own."
        )
    return folder


def _cannot_be_made(folder: Path, reason: OSError, variable: str) -> EngineError:
    return EngineError(
        f"The engine's folder {folder} cannot be made ({reason.strerror}); "
        f"set {variable} to a folder of your own."
    )


def _expanded(named: str, variable: str) -> Path:
    try:
        return Path(named).expanduser().absolute()
    except RuntimeError:  # ~ without a home
        raise _no_home(variable) from None


def _home(variable: str) -> Path:
    try:
        return Path.home()
    except RuntimeError:
        raise _no_home(variable) from None


def _no_home(variable: str) -> EngineError:
    return EngineError(
        f"This user has no home folder; set HOME, or {variable} to a place that can be written to."
    )


def data_folder() -> Path:
    """The folder that holds the private engine (not made here). EngineError without a home."""
    named = os.environ.get("DMP_DATA_DIR", "")
    if named:
        return _expanded(named, "DMP_DATA_DIR")
    return operating_system.data_folder(lambda: _home("DMP_DATA_DIR"))


def unsaved_blends(cache: Optional[Path] = None) -> Path:
    """Where the mattes of .blend files lie that have no name yet (not made here).

    ``cache``: another cache folder than this process has.
    """
    return (cache or cache_folder()) / "blender" / "unsaved"


def config_file() -> Path:
    """The user's configuration file (it need not exist). EngineError without a home folder."""
    named = os.environ.get("DMP_CONFIG", "")
    if named:
        return _expanded(named, "DMP_CONFIG")
    return operating_system.config_folder(lambda: _home("DMP_CONFIG")) / "config.json"


def open_regular(path: Union[str, Path]) -> io.BufferedReader:
    """A file for reading. OSError, also for what is none: a pipe would keep the reader for ever."""
    if not stat.S_ISREG(os.stat(path).st_mode):
        raise OSError(errno.EINVAL, "it is no file", str(path))
    return open(path, "rb")


def read_config() -> Dict[str, Any]:
    """What ``dmp setup`` wrote: ``engine_python``, ``cache_gb``; empty when there is none.

    Raises InputError for a file that is no JSON object.
    """
    try:
        path = config_file()
        with open_regular(path) as file:
            found = json.loads(file.read().decode("utf-8"))
    except (FileNotFoundError, NotADirectoryError, EngineError):  # EngineError: nowhere to have one
        return {}
    except (OSError, ValueError, RecursionError):
        found = None
    if not isinstance(found, dict):
        raise InputError(
            f"The configuration {path} cannot be read; run `dmp setup` again, which puts it aside, "
            "or remove that file."
        )
    return found


def put_damaged_config_aside() -> str:
    """Rename a configuration that :func:`read_config` refuses; the sentence about it, else "".

    For what writes a new one on request of the user. Raises OutputError.
    """
    try:
        read_config()
        return ""
    except InputError:
        path = config_file()
    number, aside = 1, path.with_name(f"{path.name}.damaged")
    while os.path.lexists(aside):
        number += 1
        aside = path.with_name(f"{path.name}.damaged-{number}")
    try:
        path.rename(aside)
    except OSError as reason:
        raise OutputError(
            f"The damaged configuration {path} cannot be put aside ({reason.strerror}); remove it, "
            "or set DMP_CONFIG to a file in a folder of your own."
        ) from None
    return f"The configuration {path} could not be read and is put aside as {aside}."


def write_config(values: Mapping[str, Any]) -> Path:
    """Merge ``values`` into the configuration; returns its path. Raises OutputError.

    A value of None takes the name out; a configuration without names is removed.
    """
    path = config_file()
    merged = {**read_config(), **values}
    merged = {name: value for name, value in merged.items() if value is not None}
    try:
        if not merged:
            path.unlink(missing_ok=True)
            return path
        path.parent.mkdir(parents=True, exist_ok=True)
        with atomic_write(path) as temporary:
            text = json.dumps(merged, indent=2, sort_keys=True)
            temporary.write_text(text + "\n", encoding="utf-8")
    except OSError as reason:
        raise OutputError(
            f"The configuration {path} cannot be written ({reason.strerror})."
        ) from None
    return path
