"""Which files' tests go first when several processes share the tests: the slowest.

Each process takes whole files in this order, so that at the end none waits for the other's long
file. A file that is not here takes less than `LONG` seconds; a wrong figure costs time only.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

LONG = 10  # seconds

# Seconds of two busy cores, file by file.
SECONDS: dict[str, int] = {}


def slowest_first(tests: Path) -> Callable[[Path], int]:
    """A key that sorts test files below ``tests``; stable for those that are not in the table."""
    return lambda file: -SECONDS.get(file.relative_to(tests).as_posix(), 0)
