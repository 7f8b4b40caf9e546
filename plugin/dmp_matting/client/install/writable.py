"""Whether an installation can write where it will, before anything is built. Nothing is made here.

One sentence names every variable to set: an artist who sets one and tries again should not meet
the next one minutes later.
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import List, Optional, Tuple

from ...errors import OutputError
from ...operating_system import runs_nothing
from ...paths import cache_folder, config_file, run_folder

FOLDER, FILE = "to a folder of your own", "to a file in a folder of your own"


def check_folders(place: Path, *, shared: bool) -> None:
    """OutputError unless everything that the installation and its self-test write can be written.

    ``place``: the folder of engines; ``shared``: a shared environment, which leads nobody to it.
    EngineError for a user without a home folder.
    """
    if shared:
        check_new(place)
    data = "name another folder with --into" if shared else f"set DMP_DATA_DIR {FOLDER}"
    wanted: List[Tuple[Path, str]] = [(place.parent if shared else place, data)]
    if not shared:  # with --into no configuration is written, and no running engine looked for
        wanted.append((config_file().parent, f"set DMP_CONFIG {FILE}"))
    wanted.append((cache_folder(), f"set DMP_CACHE_DIR {FOLDER}"))
    named = os.environ.get("DMP_RUN_DIR", "")
    if named and not shared:  # else it is in /tmp, or the next place
        wanted.append((Path(named).expanduser().absolute(), f"set DMP_RUN_DIR {FOLDER}"))
    found = [(step, _hindrance(folder)) for folder, step in wanted]
    if not found[0][1] and runs_nothing(existing(place.parent if shared else place)):
        found[0] = (data, f"programs cannot be run from the disk of {place}: it is mounted noexec")
    steps = [f"{step} ({hindrance})" for step, hindrance in found if hindrance]
    if steps:
        listed = ", ".join(steps[:-1]) + ", and " if steps[1:] else ""
        raise OutputError(f"The engine cannot be installed; {listed}{steps[-1]}.")
    if named and not shared and os.path.isdir(wanted[-1][0]):
        run_folder()  # EngineError where it is another user's, or open to others


def check_new(place: Path) -> None:
    """OutputError unless ``place`` is an empty folder, or nothing yet: nothing is ever mixed."""
    try:
        if os.path.lexists(place) and (place.is_symlink() or not place.is_dir()):
            raise OutputError(f"{place} is a file or a link; name a new folder with --into.")
        if place.is_dir() and any(place.iterdir()):
            raise OutputError(f"The folder {place} is not empty; name a new one with --into.")
    except OSError as reason:
        raise OutputError(
            f"{place} cannot be read ({reason.strerror}); name another folder with --into."
        ) from None


def _hindrance(folder: Path) -> str:
    """Why files cannot be made in ``folder``, which may not be there yet; "" where they can."""
    nearest = existing(folder)
    reason: Optional[str] = None
    if nearest != folder and os.path.lexists(_child(nearest, folder)):
        nearest, reason = _child(nearest, folder), "it is no folder"
    elif not os.access(nearest, os.W_OK | os.X_OK, effective_ids=_EFFECTIVE):
        reason = "no permission, or a read-only disk"
    if reason is None:
        return ""
    at = f" at {nearest}" if nearest != folder else ""
    return f"{folder} cannot be written: {reason}{at}"


_EFFECTIVE = os.access in os.supports_effective_ids


def existing(place: Path) -> Path:
    """``place``, or the nearest folder around it that exists."""
    while not os.path.isdir(place):  # is_dir raises where a folder around may not be searched
        place = place.parent
    return place


def _child(nearest: Path, folder: Path) -> Path:
    """The path directly in ``nearest`` that leads to ``folder``."""
    return nearest / folder.relative_to(nearest).parts[0]
