"""Everything about an installation that differs between operating systems, in this one file.

Standard library only, Python 3.9. The functions about paths take ``windows`` as an argument, so
that a test can try both; nothing of Windows and macOS has been run on such a machine yet.
"""

from __future__ import annotations

import ctypes
import os
import signal
import subprocess
import sys
from pathlib import Path, PurePath
from typing import Any, Dict, List, Optional, Tuple

WINDOWS = sys.platform == "win32"
MACOS = sys.platform == "darwin"


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
    if windows:
        return folder / "dmp.cmd", '@"%~dp0python.exe" -I -m dmp_matting.cli %*\r\n'
    text = (
        "#!/bin/sh\n"
        'here=$(CDPATH= cd -- "$(dirname -- "$(readlink -f -- "$0")")" && pwd)\n'
        'exec "$here/python" -I -m dmp_matting.cli "$@"\n'
    )
    return folder / "dmp", text


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


def child_options() -> Dict[str, Any]:
    """Options of Popen for a child that can be ended with all its children."""
    if WINDOWS:
        return {"creationflags": 0x08000000 | 0x00000200}  # CREATE_NO_WINDOW, own group
    return {"start_new_session": True}


def end_tree(child: subprocess.Popen[Any]) -> None:
    """End a child and everything that it started; never fails."""
    try:
        if WINDOWS:
            subprocess.run(
                ["taskkill", "/T", "/F", "/PID", str(child.pid)], capture_output=True, check=False
            )
        else:
            os.killpg(child.pid, signal.SIGKILL)
    except OSError:
        pass  # it ended by itself meanwhile


def driver_cuda() -> Optional[Tuple[int, int]]:
    """The newest CUDA that the NVIDIA driver of this machine runs, as (12, 4); None without one."""
    version = ctypes.c_int()
    try:
        library = ctypes.CDLL("nvcuda.dll" if WINDOWS else "libcuda.so.1")
        if library.cuDriverGetVersion(ctypes.byref(version)) or not version.value:
            return None
    except (OSError, AttributeError):
        return None
    return version.value // 1000, version.value % 1000 // 10


def index_build() -> str:
    """What a plain ``pip install torch`` brings on this machine: ``cpu`` or ``cu130``."""
    return "cu130" if sys.platform.startswith("linux") else "cpu"


def open_to_all(folder: Path) -> None:
    """Let every user of the machine read and run what is in ``folder``, and nobody else write."""
    if WINDOWS:
        return  # a folder there has the rights of the one around it
    for place, folders, files in os.walk(folder):
        for name in [*folders, *files]:
            path = os.path.join(place, name)
            if not os.path.islink(path):
                mode = os.stat(path).st_mode
                os.chmod(path, mode | 0o444 | (0o111 if mode & 0o100 else 0))
    os.chmod(folder, 0o755)
