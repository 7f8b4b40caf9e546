"""A self-hosted repository of Blender's extensions: a folder with the zip and an index of it.

Artists add the folder, or the address that it is served at, once; updates then arrive by
themselves. Blender's own platform lists no add-on that needs an outside program to work.
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
from pathlib import Path
from typing import List

from ..errors import InputError, OutputError

INDEX = "index.json"
COMMAND = "server-generate"
# Where a bpy module has the tool, without loading it.
_FIND = """\
import importlib.util, pathlib
spec = importlib.util.find_spec("bpy")
for place in spec.submodule_search_locations if spec else ():
    for tool in pathlib.Path(place).glob("*/scripts/addons_core/bl_pkg/cli/blender_ext.py"):
        print(tool)
"""


def write_index(folder: Path, blender: str = "") -> Path:
    """Have Blender's own tool write the index of the zips in ``folder``; its path.

    ``blender``: the program of Blender 4.2 or later, or a Python with the module bpy; empty: the
    ``blender`` on the path. Raises InputError, and OutputError with what the tool printed.
    """
    index = folder / INDEX
    try:
        done = subprocess.run(
            [*_tool(blender), COMMAND, "--repo-dir", str(folder)], stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, timeout=120,
        )  # fmt: skip
    except (OSError, subprocess.TimeoutExpired) as reason:
        raise InputError(f"'{blender}' cannot be run ({reason}); name another --blender.") from None
    if done.returncode or not index.is_file():
        lines = done.stdout.strip().splitlines() or ["no output"]
        raise OutputError(f"Blender's tool wrote no {index}: {lines[-1]}")
    return index


def _tool(blender: str) -> List[str]:
    named = blender or shutil.which("blender") or ""
    if not named:
        raise InputError(
            "There is no Blender here to write the index; name the program of Blender 4.2 or "
            "later with --blender, or a Python that has bpy."
        )
    if not os.path.basename(named).lower().startswith("python"):
        _check_version(named)
        return [named, "--command", "extension"]
    found = subprocess.run([named, "-c", _FIND], capture_output=True, text=True).stdout.split("\n")
    if not found[0]:
        raise InputError(f"The Python '{named}' has no bpy of Blender 4.2 or later.")
    return [named, found[0]]


def _check_version(program: str) -> None:
    """An older Blender has no such tool and takes its command for a file to open. InputError."""
    done = subprocess.run(
        [program, "--version"],
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=120,
    )
    found = re.search(r"^Blender (\d+)\.(\d+)", done.stdout, re.MULTILINE)
    if found is not None and (int(found[1]), int(found[2])) < (4, 2):
        raise InputError(
            f"'{program}' is {found[0]}, which has no tool for an index; name the program of "
            "Blender 4.2 or later with --blender, or a Python that has bpy."
        )
