"""What plates were made from that a host rendered for a farm: a record beside them.

Their names have nothing of the shot, and the results of the farm name them. ``made_from.json`` has
for each file the name that a job of the host gives the plate, and what the disk reported of the
files behind it. With it the host knows the farm's results, and a farm those of the host. Standard
library only.
"""

from __future__ import annotations

import functools
import json
import os
from pathlib import Path
from typing import Dict, List, Mapping, Sequence

from ..atomic_write import atomic_write

RECORD = "made_from.json"

Record = Dict[str, List[str]]  # name and status, by the file's name


def write_plate_record(folder: Path, plates: Mapping[str, Sequence[str]]) -> None:
    """Write the record of plates in ``folder``: name and status, by the file's name. OSError."""
    found = {file: list(row) for file, row in plates.items()}
    with atomic_write(folder / RECORD) as temporary:
        temporary.write_text(json.dumps(found, indent=1) + "\n", encoding="utf-8")


def read_plate_record(plate: str) -> Record:
    """The record beside a plate; empty where there is none."""
    path = os.path.join(os.path.dirname(plate), RECORD)
    try:
        return _read(path, os.stat(path).st_mtime_ns)
    except (OSError, ValueError):
        return {}


def recorded_name(plate: str) -> str:
    """The name that a job of the host gives the file ``plate``; itself without a record."""
    if not os.path.isabs(plate):
        return plate
    row = read_plate_record(plate).get(os.path.basename(plate))
    return row[0] if row else plate


@functools.lru_cache(maxsize=8)
def _read(path: str, changed: int) -> Record:
    """The record as it was ``changed``; empty where it is somebody else's file. OSError."""
    try:
        with open(path, encoding="utf-8") as file:
            found = json.load(file)
        return {str(name): [str(one) for one in row] for name, row in found.items()}
    except (ValueError, AttributeError, TypeError, RecursionError):
        return {}
