"""The files by which clients know of the engine: run file, lock, log. Standard library, Python 3.9.

The kernel frees the lock however an engine ends. So the lock alone is proof that one lives, and a
run file whose lock nobody holds is stale: another program may listen at its address by now.
"""

from __future__ import annotations

import contextlib
import json
import time
from pathlib import Path
from typing import Any, Dict, Optional

from .. import operating_system
from ..errors import EngineError
from ..file_lock import only_one
from ..paths import cache_folder, open_regular, run_folder

LARGEST = 64 << 10  # bytes of a run file
FIELDS = {"address": str, "token": str, "version": str, "pid": int}  # of the run file


def log_file() -> Path:
    """Where the engine and its workers write what happened."""
    return cache_folder() / "logs" / "engine.log"


def run_file() -> Optional[Dict[str, Any]]:
    """Address, token, version and process of the engine that lives; None without one."""
    if not lock_is_held():
        return None
    try:
        with open_regular(run_folder() / "engine.json") as file:
            content = json.loads(file.read(LARGEST).decode("utf-8"))
        found = {name: content[name] for name in FIELDS}
    except (OSError, ValueError, KeyError, TypeError, RecursionError):
        return None
    sound = all(type(found[name]) is kind for name, kind in FIELDS.items())
    return found if sound else None


def lock_is_held() -> bool:
    """True while an engine of this user lives, whether it answers or not."""
    try:
        with only_one(run_folder() / "engine.lock") as alone:
            return not alone
    except OSError:
        return False


def lock_is_free_within(seconds: float) -> bool:
    deadline = time.monotonic() + seconds
    while lock_is_held():
        if time.monotonic() > deadline:
            return False
        time.sleep(0.05)
    return True


def locking_process() -> int:
    """The process that holds the lock. EngineError where the lock file does not name it."""
    try:
        with (run_folder() / "engine.lock").open("rb", buffering=0) as file:
            file.seek(1)
            return int(file.read(32))
    except (OSError, ValueError):
        pass
    found = run_file()
    if found is not None:
        return int(found["pid"])
    raise EngineError(
        f"An engine holds {run_folder() / 'engine.lock'}, but which process it is cannot be "
        "read; end the program `dmp_engine serve` by hand."
    )


def is_suspended(pid: int) -> bool:
    """Whether the process is stopped by a signal or a debugger; False where that is unknown."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(") ")[2][:1] in ("T", "t")
    except OSError:
        return False


def engine_is_suspended() -> bool:
    """Whether this user's engine is stopped by a signal or a debugger."""
    try:
        return lock_is_held() and is_suspended(locking_process())
    except EngineError:
        return False


def kill(pid: int) -> None:
    with contextlib.suppress(OSError):  # it ended by itself meanwhile
        operating_system.kill(pid)
