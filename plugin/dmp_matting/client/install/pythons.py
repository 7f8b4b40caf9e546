"""The tools to build with: a Python of the right version, its pip, and uv where it is.

Standard library only, Python 3.9. Nothing is imported from a Python that is looked at: each is
run once and describes itself.
"""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
from dataclasses import dataclass
from pathlib import Path
from typing import Iterator, List, Optional, Tuple

from ...errors import InputError
from ..engine_python import child_environment, isolated
from ..requirements import ENGINE_PYTHON, NEWEST_PYTHON
from . import failures, machine
from .ways_in import BUTTON, WayIn

# pip: the wheel that ensurepip brings (it runs where it lies), else the installed package's folder.
_LOOK = """\
import glob, importlib.metadata, importlib.util, json, os, sys, sysconfig
wheels = glob.glob(os.path.join(sysconfig.get_config_var("WHEEL_PKG_DIR") or "", "pip-*.whl"))
ensurepip = importlib.util.find_spec("ensurepip")
if ensurepip and ensurepip.origin:
    folder = os.path.join(os.path.dirname(ensurepip.origin), "_bundled")
    wheels += glob.glob(os.path.join(folder, "pip-*.whl"))
pip = importlib.util.find_spec("pip")
print(json.dumps({
    "version": sys.version_info[:3], "executable": sys.executable, "bits": sys.maxsize > 2**32,
    "venv": importlib.util.find_spec("venv") is not None, "wheel": wheels[0] if wheels else "",
    "pip": os.path.dirname(pip.origin) if pip and pip.origin else "",
    "pip_version": importlib.metadata.version("pip") if pip else ""}))
"""
LOOK_LIMIT = 20.0  # seconds; a Python on a slow network disk


@dataclass(frozen=True)
class BasePython:
    """A Python as it described itself. ``pip``: a path that it can run as pip, or ""."""

    path: str
    version: Tuple[int, int, int]
    venv: bool
    pip: str
    pip_is_wheel: bool
    pip_version: str = ""

    @property
    def fits(self) -> bool:
        """Whether the engine can be built on it."""
        return self.venv and ENGINE_PYTHON <= self.version[:2] <= NEWEST_PYTHON

    @property
    def called(self) -> str:
        return f"Python {'.'.join(map(str, self.version))} at {self.path}"


def look_at(python: str) -> Optional[BasePython]:
    """The Python at that path; None where it is none, or a 32-bit one."""
    try:
        done = subprocess.run(
            isolated(python, _LOOK), env=child_environment(), stdin=subprocess.DEVNULL,
            capture_output=True, timeout=LOOK_LIMIT,
        )  # fmt: skip
        found = json.loads(done.stdout)
        version = (found["version"][0], found["version"][1], found["version"][2])
        if not found["bits"]:
            return None
        wheel = str(found["wheel"])
        pip = wheel or str(found["pip"])
        named = re.search(r"pip-([\d.]+)", os.path.basename(wheel))
        pip_version = named[1] if named else "" if wheel else str(found["pip_version"])
        return BasePython(
            str(found["executable"]) or python, version, bool(found["venv"]), pip, bool(wheel),
            pip_version,
        )  # fmt: skip
    except (
        OSError, ValueError, LookupError, TypeError, RecursionError, subprocess.TimeoutExpired,
    ):  # fmt: skip
        return None


def find(named: str = "", *, uv: str = "", way: WayIn = BUTTON) -> Optional[BasePython]:
    """The Python to build on; None where uv has to bring one.

    InputError where ``named`` is no Python that fits, or none is found and there is no ``uv``.
    """
    if named:
        chosen = look_at(named)
        if chosen is None or not chosen.fits:
            version = f" (it is {chosen.called})" if chosen else ""
            raise InputError(f"'{named}' is no Python 3.11 to 3.14 with venv{version}.")
        if not (chosen.pip or uv):
            raise failures.no_pip(chosen.called, way)
        return chosen
    others, without_pip = [], ""
    for path in _candidates():
        found = look_at(path)
        if found is not None and found.fits and (found.pip or uv):
            return found
        if found is not None:
            others.append(found.called)
            without_pip = without_pip or (found.called if found.fits else "")
    if uv:
        return None
    raise failures.no_pip(without_pip, way) if without_pip else failures.no_python(others, way)


def any_with_pip() -> Optional[BasePython]:
    """Some Python, however old, that can fetch uv; None where there is none."""
    for path in _candidates():
        found = look_at(path)
        if found is not None and found.pip_is_wheel and found.version >= (3, 8, 0):
            return found
    return None


def find_uv() -> str:
    """The program uv, or ""."""
    found = shutil.which("uv")
    return found or next((path for path in machine.uv_places() if os.access(path, os.X_OK)), "")


def pip_is_configured() -> bool:
    """Whether pip has an index, proxy or folder of wheels of its own here, which uv cannot know."""
    names = ("INDEX_URL", "EXTRA_INDEX_URL", "FIND_LINKS", "NO_INDEX", "PROXY")
    if any(os.environ.get(f"PIP_{name}") for name in names):
        return True
    return in_pip_files("index-url|extra-index-url|find-links|no-index|proxy")


def in_pip_files(options: str) -> bool:
    """Whether a configuration file of pip sets one of ``options``, a pattern."""
    if os.environ.get("PIP_CONFIG_FILE") == os.devnull:
        return False  # pip then reads none
    return _in_one_of(machine.pip_files(), rf"^\s*({options})\s*=")


def uv_is_configured() -> bool:
    """Whether the environment or a file leads uv to an index or a folder of wheels."""
    names = ("UV_INDEX", "UV_DEFAULT_INDEX", "UV_INDEX_URL", "UV_FIND_LINKS", "UV_CONFIG_FILE")
    if any(os.environ.get(name) for name in names):
        return True
    if os.environ.get("UV_NO_CONFIG"):
        return False  # uv then reads none
    return _in_one_of(
        machine.uv_files(), r"^\s*(\[\[index\]\]|(index|index-url|extra-index-url|find-links)\s*=)"
    )


def _in_one_of(files: List[Path], pattern: str) -> bool:
    words = re.compile(pattern, re.M)
    for file in files:
        try:
            if words.search(file.read_text(encoding="utf-8", errors="replace")):
                return True
        except OSError:
            continue
    return False


def _candidates() -> Iterator[str]:
    """Paths of Pythons, likely ones first, each once."""
    named = [f"python3.{minor}" for minor in (11, 12, 13, 14)]
    paths: List[str] = [shutil.which(name) or "" for name in [*named, "python3", "python"]]
    seen = set()
    for path in paths + machine.python_places():
        real = os.path.realpath(path) if path else ""
        if path and real not in seen and os.access(path, os.X_OK) and not os.path.isdir(path):
            seen.add(real)
            yield path
