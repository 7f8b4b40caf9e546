"""How much main memory this process may still take, on its machine and in its container."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

from dmp_matting.operating_system import limits

NO_LIMIT = 1 << 60  # bytes; cgroup v1 writes a number near 2**63 where there is none


def free_memory(root: Path = Path("/")) -> int | None:
    """Bytes that can still be taken; None where that is unknown. ``root`` holds proc and sys."""
    found = [*_of_machine(root), *_of_groups(root), *_of_account(root)]
    return max(0, min(found)) if found else None


def _of_machine(root: Path) -> Iterator[int]:
    for name, value in _table(root / "proc/meminfo"):
        if name == "MemAvailable":
            yield value << 10


def _of_groups(root: Path) -> Iterator[int]:
    """What each control group above this process has left, of version 1 and 2.

    Pages of files that were read count as used there, but the kernel drops them when need be.
    """
    for line in _text(root / "proc/self/cgroup").splitlines():
        _, _, rest = line.partition(":")
        kinds, _, path = rest.partition(":")
        if kinds == "":  # version 2
            top, limit, used = root / "sys/fs/cgroup", "memory.max", "memory.current"
            droppable = "inactive_file"
        elif "memory" in kinds.split(","):
            top, limit = root / "sys/fs/cgroup/memory", "memory.limit_in_bytes"
            used, droppable = "memory.usage_in_bytes", "total_inactive_file"
        else:
            continue
        place = top / path.strip("/")
        for folder in (place, *place.parents):
            most, taken = _number(folder / limit), _number(folder / used)
            if most is not None and taken is not None and most < NO_LIMIT:
                files = dict(_table(folder / "memory.stat")).get(droppable, 0)
                yield most - max(0, taken - files)
            if folder == top:
                break


def _of_account(root: Path) -> Iterator[int]:
    """What `ulimit -v` leaves."""
    resource = limits()
    if resource is None:
        return
    limit, _ = resource.getrlimit(resource.RLIMIT_AS)
    if limit != resource.RLIM_INFINITY:
        pages = _text(root / "proc/self/statm").split()
        if pages and pages[0].isdigit():
            yield limit - int(pages[0]) * os.sysconf("SC_PAGE_SIZE")


def _text(path: Path) -> str:
    try:
        return path.read_text("utf-8", "replace")
    except OSError:
        return ""


def _number(path: Path) -> int | None:
    text = _text(path).strip()
    return int(text) if text.isdigit() else None  # "max": no limit


def _table(path: Path) -> Iterator[tuple[str, int]]:
    for line in _text(path).splitlines():
        parts = line.replace(":", " ").split()
        if len(parts) > 1 and parts[1].isdigit():
            yield parts[0], int(parts[1])
