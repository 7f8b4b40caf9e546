"""Everything about an installation that differs between operating systems, in this one file.

What is of no installation alone is in operating_system.py. The functions about paths take
``windows`` as an argument, so that a test can try both; nothing of Windows and macOS has been run
on such a machine yet. Standard library only, Python 3.9.
"""

from __future__ import annotations

import ctypes
import os
import signal
import subprocess
import sys
import time
from pathlib import Path, PurePath, PureWindowsPath
from typing import Any, Dict, List, Optional, Tuple

from ...operating_system import MACOS, WINDOWS


def scripts_folder(environment: PurePath, windows: bool = WINDOWS) -> PurePath:
    """Where a virtual environment has its programs."""
    return environment / ("Scripts" if windows else "bin")


def python_of(environment: PurePath, windows: bool = WINDOWS) -> PurePath:
    """The Python of a virtual environment."""
    return scripts_folder(environment, windows) / ("python.exe" if windows else "python")


def command_file(environment: PurePath, windows: bool = WINDOWS) -> Tuple[PurePath, str]:
    """The file of the command ``dmp`` in an environment, and its text.

    It finds its Python beside itself, so the environment may be renamed (pip's own scripts hold
    the folder in which they were installed).
    """
    folder = scripts_folder(environment, windows)
    return folder / _COMMAND[windows], _command(python_of(PurePath(), windows), windows)


def stable_command_file(
    data: PurePath, environment: PurePath, windows: bool = WINDOWS
) -> Tuple[PurePath, str]:
    """The ``dmp`` that stays where it is when engines come and go, and its text.

    ``data``: the data folder; ``environment``: the engine in it that the command is to run. That
    is named from the file, which so is ASCII in a home of any name: all that cmd.exe reads safely.
    """
    python = python_of(environment, windows).relative_to(data)
    return data / "bin" / _COMMAND[windows], _command(python, windows)


_COMMAND = {False: "dmp", True: "dmp.cmd"}  # of Windows?


def _command(python: PurePath, windows: bool) -> str:
    """The text of a command ``dmp`` that runs ``python``, named from the folder around its own."""
    if windows:
        return f'@"%~dp0..\\{PureWindowsPath(python)}" -I -m dmp_matting.cli %*\r\n'
    return (
        "#!/bin/sh\n"
        'here=$(CDPATH= cd -- "$(dirname -- "$(readlink -f -- "$0")")/.." && pwd)\n'
        f'exec "$here/{python}" -I -m dmp_matting.cli "$@"\n'
    )


def quoted(words: List[str], windows: bool = WINDOWS) -> str:
    """A command as a person can copy it into a shell of this system."""
    if windows:
        return subprocess.list2cmdline(words)
    import shlex

    return " ".join(map(shlex.quote, words))


def python_places(windows: bool = WINDOWS) -> List[str]:
    """Where Pythons lie that are not on PATH: the host's own and usual folders."""
    versions = ("3.11", "3.12", "3.13", "3.14")
    name = "python.exe" if windows else "bin/python3"
    places = [os.path.join(sys.base_prefix, name)]
    if windows:
        places += [os.path.join(sys.base_prefix, "python", "python.exe")]
        roots = [os.environ.get("LOCALAPPDATA", ""), os.environ.get("PROGRAMFILES", "")]
        tails = [os.path.join("Programs", "Python"), ""]
        for root, tail in zip(roots, tails):
            for version in versions:
                folder = "Python" + version.replace(".", "")
                places.append(os.path.join(root, tail, folder, "python.exe"))
        return places
    places += [os.path.join(sys.base_prefix, "bin", f"python{version}") for version in versions]
    for folder in ("/usr/bin", "/usr/local/bin", "/opt/homebrew/bin"):
        places += [f"{folder}/python{version}" for version in versions]
    frameworks = "/Library/Frameworks/Python.framework/Versions"
    return places + [f"{frameworks}/{version}/bin/python3" for version in versions]


def uv_places(windows: bool = WINDOWS) -> List[str]:
    """Where uv lies when it is not on PATH, which a host started from a desktop may lack."""
    name = "uv.exe" if windows else "uv"
    home = Path.home()
    return [str(home / ".local" / "bin" / name), str(home / ".cargo" / "bin" / name)]


def release_script(windows: bool = WINDOWS) -> str:
    """The script of a release folder, as a person types it there."""
    return ".\\install.ps1" if windows else "sh install.sh"


# Becomes a command with nothing on its standard input. A shell beside it ends it, and all that it
# started, when the other end of the standard input is closed: also by kill -9, after which nobody
# would end a pip that downloads gigabytes.
_TIED = """\
exec 3<&0
(read -r line <&3; kill -9 0) >/dev/null 2>&1 &
exec "$@" </dev/null 3<&-
"""
KILLED = -9  # the exit code of a child that kill -9 ended, or the system where memory was short


def tied(command: List[str], windows: bool = WINDOWS) -> List[str]:
    """``command``, ended when its standard input, a pipe of ours, closes; not on Windows."""
    return command if windows else ["/bin/sh", "-c", _TIED, "dmp", *command]


def child_options(windows: bool = WINDOWS) -> Dict[str, Any]:
    """Options of Popen for a child of ``tied`` that can be ended with all its children."""
    if windows:  # CREATE_NO_WINDOW, own group
        return {"creationflags": 0x08000000 | 0x00000200, "stdin": subprocess.DEVNULL}
    return {"start_new_session": True, "stdin": subprocess.PIPE}


def end_tree(child: subprocess.Popen[Any], windows: bool = WINDOWS) -> None:
    """End a child and everything that it started; never fails."""
    try:
        if windows:
            subprocess.run(
                ["taskkill", "/T", "/F", "/PID", str(child.pid)], capture_output=True, check=False
            )
        else:
            os.killpg(child.pid, signal.SIGKILL)
    except OSError:
        pass  # it ended by itself meanwhile


def wait_for_tree(child: subprocess.Popen[Any], seconds: float = 2.0) -> None:
    """Return when all that an ended child had started is gone too: it may still write files."""
    end = time.monotonic() + seconds  # a container without an init keeps what is dead for ever
    while not WINDOWS and time.monotonic() < end:
        try:
            os.killpg(child.pid, 0)
        except OSError:
            return
        time.sleep(0.01)


def driver_cuda(windows: bool = WINDOWS) -> Optional[Tuple[int, int]]:
    """The newest CUDA that the NVIDIA driver of this machine runs, as (12, 4); None without one."""
    version = ctypes.c_int()
    try:
        library = ctypes.CDLL("nvcuda.dll" if windows else "libcuda.so.1")
        if library.cuDriverGetVersion(ctypes.byref(version)) or not version.value:
            return None
    except (OSError, AttributeError):
        return None
    return version.value // 1000, version.value % 1000 // 10


def why_no_cuda(macos: bool = MACOS) -> str:
    """Why no machine of this system has CUDA; "" where some have."""
    return "macOS has no CUDA" if macos else ""


def index_build(windows: bool = WINDOWS, macos: bool = MACOS) -> str:
    """What a plain ``pip install torch`` brings on this machine: ``cpu`` or ``cu130``."""
    return "cpu" if windows or macos else "cu130"


def pip_files() -> List[Path]:
    """The configuration files that pip reads, on whatever system: who has none of them has none."""
    home, config = Path.home(), os.environ.get("XDG_CONFIG_HOME")
    return [
        Path(os.environ.get("PIP_CONFIG_FILE") or os.devnull), Path("/etc/pip.conf"),
        Path("/etc/xdg/pip/pip.conf"), home / ".pip" / "pip.conf", home / "pip" / "pip.ini",
        Path(config) / "pip" / "pip.conf" if config else home / ".config" / "pip" / "pip.conf",
        home / "Library" / "Application Support" / "pip" / "pip.conf",
        Path(os.environ.get("APPDATA") or home) / "pip" / "pip.ini",
        Path(os.environ.get("PROGRAMDATA") or home) / "pip" / "pip.ini",
    ]  # fmt: skip


def uv_files() -> List[Path]:
    """The configuration files that uv reads, on whatever system."""
    home, config = Path.home(), os.environ.get("XDG_CONFIG_HOME")
    folders = [
        Path(config) if config else home / ".config", Path("/etc"), Path("/etc/xdg"),
        Path(os.environ.get("APPDATA") or home), Path(os.environ.get("PROGRAMDATA") or home),
    ]  # fmt: skip
    return [folder / "uv" / "uv.toml" for folder in folders]


def closed_to_others(path: Path, windows: bool = WINDOWS) -> Optional[Path]:
    """The outermost folder on the way to ``path`` that only its owner may enter; None without."""
    if windows:
        return None  # no rights are looked at there
    for folder in reversed(path.parents):
        if not os.stat(folder).st_mode & 0o011:
            return folder
    return None


def open_to_all(folder: Path, windows: bool = WINDOWS) -> None:
    """Let every user of the machine read and run what is in ``folder``; who writes stays."""
    if windows:
        return  # a folder there has the rights of the one around it
    for place, folders, files in os.walk(folder):
        for name in [*folders, *files]:
            path = os.path.join(place, name)
            if not os.path.islink(path):
                mode = os.stat(path).st_mode
                os.chmod(path, mode | 0o444 | (0o111 if mode & 0o100 else 0))
    os.chmod(folder, 0o755)
