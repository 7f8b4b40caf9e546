"""What each part of DMP needs of other people's packages. setup.py and the installer read it.

Standard library only, and no import of ours: setup.py runs this file by itself.
"""

from __future__ import annotations

import sys
from typing import Dict, List

NAME = "dmp-matting"
SUMMARY = "Background matting with a Deep Matte Prior, for Nuke, Blender and batches"
CLIENT_PYTHON = (3, 9)
ENGINE_PYTHON = (3, 11)
NEWEST_PYTHON = (3, 14)  # of those that the locked packages have wheels for
TORCH = "2.13.0"  # that the private engine gets; as in constraints.txt

# Lower bounds are the oldest releases that pass the tests (`make oldest`), and that have no
# published advisory for what we use of them: docs/td/deployment.md has the audit.
CLI = ["typer>=0.16", "rich>=13.7", "fileseq>=2"]
ENGINE = [
    "torch>=2.6",  # loading weights only was not safe before
    "numpy>=2.0",  # OpenImageIO wants it
    "scipy>=1.13",
    "OpenImageIO>=3.2.2",  # the first that knows a configuration's chromaticities
    "opencv-python-headless>=4.10.0.84",  # registration of the clean plate
    "starlette>=1.3.1",  # Range and Host headers were trusted too far
    "uvicorn>=0.30",
    "h11>=0.16",  # bodies in pieces were read too leniently
]
# PySide6 6.12.0 counts None wrongly on Python 3.11 and ends it after some minutes of a window.
UI = [
    "Qt.py>=2.0",
    "PySide6-Essentials>=6.5,<6.12; python_version < '3.12'",
    "PySide6-Essentials>=6.5; python_version >= '3.12'",
]
EXTRAS: Dict[str, List[str]] = {
    "engine": ENGINE,
    "ui": UI,
    "batch": ["PyYAML>=6", "OpenTimelineIO>=0.17"],  # lists of shots; CSV and JSON need neither
    "movies": ["av>=18"],  # PyAV: movies in and out; the engine's Python needs it
    "publish": ["pyblish-base>=1.8"],
    "farm": ["openjd-cli>=0.8"],
    "cluster": ["distributed>=2026.1.1"],  # scripts in its dashboard; wants Python 3.10
    "eval": ["pymatting>=1.1.13", "pillow>=12.3"],  # what `dmp eval` needs besides the engine
}


def how_to_add(extra: str) -> str:
    """The command that adds an extra's packages to the Python that runs this, ready to be copied.

    It names the packages themselves: DMP comes as a release folder and is on no package index.
    """
    packages = []
    for requirement in EXTRAS[extra]:
        package, _, marker = requirement.partition(";")
        old = sys.version_info < (3, 12)
        if not marker or old == ("<" in marker):
            packages.append(f"'{package.strip()}'")
    return f"{sys.executable} -m pip install {' '.join(packages)}"
