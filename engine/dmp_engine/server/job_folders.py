"""Which folder of jobs is this engine's own: two engines never share one.

The run folder's lock makes one engine of a user on one machine. It does not reach into another
container with the same home, nor where ``$DMP_RUN_DIR`` is set in one shell only. So the jobs
folder is locked itself, and an engine that finds it taken has the next one:

    jobs-<host>, jobs-<host>+2, ...     each with jobs-<host>.lock, ... beside it

What an ended engine left in one of these is taken over. Folders of hosts that are gone are removed
after a month.
"""

from __future__ import annotations

import contextlib
import logging
import os
import shutil
import socket
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from dmp_matting.errors import EngineError

MOST = 50  # engines of one user on one host
FORGOTTEN = 30 * 24 * 3600.0  # seconds without a sign of an engine

log = logging.getLogger("dmp.jobs")

TakeLock = Callable[[Path], Any]  # the open lock file, or None when another holds it


def take_jobs_folder(cache: Path, take_lock: TakeLock) -> tuple[Path, Any]:
    """A jobs folder of our own and its lock, with all jobs that ended engines of this host left."""
    for name in _names():
        lock = take_lock(_lock_of(cache / name))
        if lock is not None:
            _take_over(cache / name, take_lock)
            _sweep(cache, cache / name, take_lock)
            return cache / name, lock
    raise EngineError(f"{MOST} engines use {cache}; end some, or set DMP_CACHE_DIR.")


def show_life(folder: Path) -> None:
    """Keep an engine on another host from taking the folder for one that is forgotten."""
    with contextlib.suppress(OSError):
        os.utime(_lock_of(folder))


def _names() -> Iterator[str]:
    first = f"jobs-{socket.gethostname()}"
    yield first
    yield from (f"{first}+{number}" for number in range(2, MOST))  # no host has a plus in its name


def _lock_of(folder: Path) -> Path:
    return folder.with_name(f"{folder.name}.lock")


def _take_over(ours: Path, take_lock: TakeLock) -> None:
    for name in _names():
        other = ours.with_name(name)
        if other == ours or not other.is_dir():
            continue
        lock = take_lock(_lock_of(other))
        if lock is None:
            continue
        with contextlib.closing(lock), contextlib.suppress(OSError):
            ours.mkdir(mode=0o700, exist_ok=True)
            for job in other.iterdir():
                log.info("job %s was left by an engine that has ended", job.name)
                shutil.move(job, ours / job.name)
            other.rmdir()


def _sweep(cache: Path, ours: Path, take_lock: TakeLock) -> None:
    for folder in (*cache.glob("jobs-*"), *cache.glob("unreadable-jobs-*")):
        if folder == ours or not folder.is_dir() or not _is_forgotten(folder):
            continue
        lock = take_lock(_lock_of(folder))
        if lock is None:
            continue
        with contextlib.closing(lock):
            log.info("%s is of a host that is gone, and is removed", folder)
            shutil.rmtree(folder, ignore_errors=True)
            _lock_of(folder).unlink(missing_ok=True)


def _is_forgotten(folder: Path) -> bool:
    places = (folder, _lock_of(folder), *folder.glob("*"), *folder.glob("*/job.json"))
    newest = 0.0
    for place in places:
        with contextlib.suppress(OSError):
            newest = max(newest, place.stat().st_mtime)
    return abs(time.time() - newest) > FORGOTTEN
