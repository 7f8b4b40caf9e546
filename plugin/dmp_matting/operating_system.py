"""Everything that differs between operating systems, in this one file: no other asks which it is.

What only an installation needs (environments, commands, drivers, uv) is in
client/install/machine.py. The functions take ``windows`` and ``macos`` as arguments, so that a test
can try each; nothing of Windows and macOS has been run on such a machine yet. Standard library
only, Python 3.9.
"""

from __future__ import annotations

import os
import signal
import stat
import sys
from pathlib import Path
from typing import IO, Any, Callable, Dict, Iterator, List, Optional

WINDOWS = sys.platform == "win32"
MACOS = sys.platform == "darwin"
HAS_UNIX_SOCKETS = not WINDOWS
LOCKS_FOLDERS = not WINDOWS
NUMBERED = 10  # further run folders in /tmp, where others have taken ours


# --- a user's folders ----------------------------------------------------------------------------


def config_folder(home: Callable[[], Path], windows: bool = WINDOWS, macos: bool = MACOS) -> Path:
    return _of_user(home, "XDG_CONFIG_HOME", ".config", "Application Support", windows, macos)


def data_folder(home: Callable[[], Path], windows: bool = WINDOWS, macos: bool = MACOS) -> Path:
    return _of_user(home, "XDG_DATA_HOME", ".local/share", "Application Support", windows, macos)


def cache_folder(home: Callable[[], Path], windows: bool = WINDOWS, macos: bool = MACOS) -> Path:
    folder = _of_user(home, "XDG_CACHE_HOME", ".cache", "Caches", windows, macos)
    return folder / "Cache" if windows else folder


def _of_user(
    home: Callable[[], Path], variable: str, folder: str, library: str, windows: bool, macos: bool
) -> Path:
    """``home`` is called only where no variable names a place."""
    if windows:
        place = _named("LOCALAPPDATA") or home()
    elif macos:
        place = home() / "Library" / library
    else:
        place = _named(variable) or home() / folder
    return place / "dmp-matting"


def _named(variable: str) -> Optional[Path]:
    named = os.environ.get(variable, "")
    return Path(named) if named else None


def run_folders(home: Callable[[], Path], windows: bool = WINDOWS) -> Iterator[Path]:
    """Where the run folder may lie, the first first: another user may have taken it."""
    if windows:
        yield data_folder(home, windows=True) / "run"
        return
    user = os.getuid()  # a socket's path has 107 characters at most
    yield Path(f"/tmp/dmp-{user}")
    if os.path.isdir(f"/run/user/{user}"):
        yield Path(f"/run/user/{user}/dmp")
    yield from (Path(f"/tmp/dmp-{user}-{number}") for number in range(2, NUMBERED))


def of_this_user(shared: Path, windows: bool = WINDOWS) -> Path:
    """The user's own folder in one that a site has named for all; Windows keeps no owners here."""
    return shared if windows else shared / f"user-{os.getuid()}"


def is_own(folder: Path, windows: bool = WINDOWS) -> bool:
    """Whether the folder is this user's, and the link too where it is one. OSError.

    On Windows it lies in the user's profile, which Windows keeps private.
    """
    link, found = folder.lstat(), folder.stat()
    if windows:
        return True
    user = os.getuid()
    return stat.S_ISDIR(found.st_mode) and found.st_uid == user and link.st_uid in (user, 0)


def others_may_write(folder: Path, windows: bool = WINDOWS) -> bool:
    return not windows and bool(folder.stat().st_mode & 0o022)


# --- processes -----------------------------------------------------------------------------------


def is_alive(process: int, windows: bool = WINDOWS) -> bool:
    """Whether a process of this host runs; on Windows, where the query would kill it, always."""
    if windows:
        return True
    try:
        os.kill(process, 0)
    except ProcessLookupError:
        return False
    except OSError:
        pass  # another user's
    return True


def knows_the_dead(windows: bool = WINDOWS) -> bool:
    """Whether :func:`is_alive` ever answers no."""
    return not windows


def kill(process: int, windows: bool = WINDOWS) -> None:
    """End a process at once. OSError where it has ended by itself."""
    os.kill(process, signal.SIGTERM if windows else signal.SIGKILL)


def detached(windows: bool = WINDOWS) -> Dict[str, Any]:
    """Options of Popen for a process that outlives its parent, session and console."""
    if windows:
        return {"creationflags": 0x00000008 | 0x00000200}  # DETACHED_PROCESS, own group
    return {"start_new_session": True}


def fork(windows: bool = WINDOWS) -> bool:
    """Whether this is the parent of a copy of the process, which ends now; never on Windows."""
    return not windows and os.fork() != 0


def ending_signals() -> List[int]:
    """What asks a program to end: Ctrl-C, a kill, and a closed terminal, which Windows has not."""
    named = ("SIGINT", "SIGTERM", "SIGHUP")
    return [getattr(signal, name) for name in named if hasattr(signal, name)]


def usable_cores() -> int:
    """The cores that this process may use; macOS and Windows tell only how many there are."""
    allowed = getattr(os, "sched_getaffinity", None)
    return len(allowed(0)) if allowed else os.cpu_count() or 1


def limits() -> Optional[Any]:
    """The module of a process's limits; None on Windows, which has none."""
    if sys.platform == "win32":
        return None
    import resource

    return resource


# --- files and windows ---------------------------------------------------------------------------


def lock(file: IO[Any]) -> None:
    """Lock the open file until it is closed. OSError where another process holds it."""
    if sys.platform == "win32":
        import msvcrt

        msvcrt.locking(file.fileno(), msvcrt.LK_NBLCK, 1)
    else:
        lock_folder(file.fileno())


def lock_folder(folder: int) -> None:
    """Lock an open folder, or file, by its number; only where folders can be locked.

    BlockingIOError where another process holds it.
    """
    import fcntl

    fcntl.flock(folder, fcntl.LOCK_EX | fcntl.LOCK_NB)


def runs_nothing(folder: Path) -> bool:
    """Whether the disk of ``folder`` is mounted so that no program on it runs: torch is one."""
    look, flag = getattr(os, "statvfs", None), getattr(os, "ST_NOEXEC", 0)  # not on Windows, macOS
    return bool(look and flag and look(folder).f_flag & flag)


def has_screen(windows: bool = WINDOWS, macos: bool = MACOS) -> bool:
    """False where a window would end the program: Linux without a display."""
    named = ("DISPLAY", "WAYLAND_DISPLAY", "QT_QPA_PLATFORM")
    return windows or macos or any(os.environ.get(name) for name in named)
