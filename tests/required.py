"""What continuous integration must have beside Python's packages, and which skips it may have.

Where a program, a library or a Blender is missing, its tests are skipped, with its name. On a
developer's machine that is fine. In continuous integration (``CI=true``) it would hide that
something went untested, so there every skip that `ALLOWED` does not list is a failure.

``python tests/required.py`` names what is missing here, and ends with 1 if anything is.
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from collections.abc import Callable, Generator
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).resolve().parent.parent


def runs(*command: object) -> bool:
    """Whether a command ends well."""
    words = [str(word) for word in command]
    try:
        done = subprocess.run(
            words, capture_output=True, env={**os.environ, "QT_QPA_PLATFORM": "offscreen"}
        )
    except OSError:
        return False
    return done.returncode == 0


def program(name: str) -> Callable[[], bool]:
    return lambda: shutil.which(name) is not None


def prints(beginning: str, *command: str) -> Callable[[], bool]:
    """Whether a command's output begins with these words."""

    def present() -> bool:
        try:
            done = subprocess.run(command, capture_output=True, text=True)
        except OSError:
            return False
        return done.stdout.startswith(beginning)

    return present


def imports(code: str, environment: str = ".venv") -> Callable[[], bool]:
    """Whether the Python of one of the repository's environments can import something."""
    return lambda: runs(ROOT / environment / "bin" / "python", "-c", f"import {code}")


# The windows of pyblish, and what each imports; pyblish_lite itself only with its test's Qt.py.
PYBLISH = {
    "lite": "PySide6.QtWidgets, Qt, importlib.metadata as m; m.version('pyblish-lite')",
    "qml": "pyblish_qml.api, PyQt5.QtQuick, PyQt5.QtMultimedia",
}

# What must be there, and how that is seen. A folder of the user's choice (DMP_BPY_45,
# DMP_PYBLISH …) is for developers; continuous integration makes these.
REQUIRED: dict[str, Callable[[], bool]] = {
    "chromium": program("chromium"),
    "ffmpeg": program("ffmpeg"),
    "ffprobe": program("ffprobe"),
    "Tcl": imports("tkinter; tkinter.Tcl()"),
    "Qt": imports("Qt.QtWidgets"),
    "Blender 4.2 as a module": imports("bpy", ".venv-bpy-4.2"),
    "Blender 4.5 as a module": imports("bpy", ".venv-bpy-4.5"),
    "Blender 5.0 as a module": imports("bpy", ".venv-bpy-5.0"),
    "Blender 3.4, Debian's, with a window": prints("Blender 3.4", "blender", "--version"),
    "Xvfb": program("Xvfb"),
    "xdotool": program("xdotool"),
    "ImageMagick": program("import"),
    **{f"pyblish-{name}": imports(code, ".venv-pyblish") for name, code in PYBLISH.items()},
    "PyAV": imports("av"),
    "pyblish": imports("pyblish.api"),
    "Dask": imports("distributed"),
    "OpenJD": imports("openjd.cli"),
    "schemathesis": imports("schemathesis"),
    "pymatting": imports("pymatting"),
    "Pillow": imports("PIL.Image"),
    "types-nuke": lambda: bool([*ROOT.glob(".venv/lib/*/site-packages/nuke-stubs")]),
    "git": program("git"),
}

# Reasons for which a test may be skipped anywhere. A regular expression, and why.
ALLOWED: dict[str, str] = {
    r"NUKE_EXECUTABLE is not set": "Nuke has no licence that a test could use",
    r"no \.\./shared/data beside this checkout": "the data may not be passed on",
    r"the benchmark's data is absent": "the data may not be passed on",
    r"Python 3\.\d+ is not here|no Python 3\.\d+ here": "a machine has some Pythons, not all",
    r"no Blender 5\.3 here": "its module needs Python 3.13, which not every machine has",
    r"a small disk cannot be mounted here|may not mount a small disk here": "root alone may mount",
    r"this user may write everywhere": "root may",
    r"no PowerShell here": "Microsoft's program is in no package index that CI has",
    r"without a CUDA GPU|this machine has a GPU": "about machines without a GPU",
}


def missing() -> list[str]:
    """The names of what `REQUIRED` lists and this machine lacks."""
    return [name for name, present in REQUIRED.items() if not present()]


def in_ci() -> bool:
    return os.environ.get("CI", "").lower() in ("true", "1")


def judge(report: Any) -> None:
    """In continuous integration, make a skip that is not allowed a failure with its reason."""
    if not in_ci() or report.outcome != "skipped" or hasattr(report, "wasxfail"):
        return
    reason = report.longrepr[-1] if isinstance(report.longrepr, tuple) else str(report.longrepr)
    if any(re.search(pattern, reason) for pattern in ALLOWED):
        return
    report.outcome = "failed"
    report.longrepr = (
        f"{report.nodeid} was skipped in continuous integration: {reason}\n"
        "Install what it wants (.ci/run), or list the reason in ALLOWED of tests/required.py."
    )


@pytest.hookimpl(wrapper=True, tryfirst=True)
def pytest_runtest_makereport() -> Generator[None, Any, Any]:
    report = yield
    judge(report)
    return report


@pytest.hookimpl(wrapper=True, tryfirst=True)
def pytest_make_collect_report() -> Generator[None, Any, Any]:
    report = yield  # of a whole file that is skipped
    judge(report)
    return report


if __name__ == "__main__":
    lacking = missing()
    for name in lacking:
        print(f"Missing: {name}")
    sys.exit(bool(lacking))
