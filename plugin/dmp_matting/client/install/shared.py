"""An engine for all users of a farm: whether others can reach what one user has installed.

Standard library only, Python 3.9.
"""

from __future__ import annotations

import os
from contextlib import suppress
from pathlib import Path
from typing import List

from . import machine


def make_open(folder: Path) -> None:
    """Make a folder for all users, and those around it, whatever the umask. OSError."""
    if not folder.is_dir():
        make_open(folder.parent)
        with suppress(FileExistsError):
            folder.mkdir()
            folder.chmod(0o755)


def closed(environment: Path, python: str) -> List[str]:
    """A sentence for each of ``environment`` and its ``python`` that others cannot reach."""
    folder = machine.closed_to_others(environment)
    notes = [f"Other users cannot enter {folder}; let them with `chmod a+rx {folder}`."]
    return (notes if folder else []) + closed_python(python)


def closed_python(python: str) -> List[str]:
    """A sentence where others cannot run the Python that ``python`` is a link to, or is."""
    base = Path(os.path.realpath(python))
    folder = machine.closed_to_others(base)
    if folder is None:
        return []
    return [
        f"Other users cannot run the Python that it is built on, {base}: {folder} is closed to "
        "them; open that folder, or install on another Python with --base."
    ]
