"""Find this user's engine, start one when there is none, end it. Standard library only, Python 3.9.

The run file holds address, token and protocol of the engine that wrote it. It counts
only when that engine answers: a file left by a killed one is stale.
Any number of hosts may start an engine at the same moment: each of those takes
the lock in the run folder or ends, and all hosts greet the one that has it.
"""

from __future__ import annotations

import contextlib
import json
import os
import signal
import subprocess
import sys
import time
from dataclasses import fields
from pathlib import Path
from typing import Any, Dict, List, Optional, Sequence, Tuple

from ..errors import EngineError, EngineMissingError, from_wire
from ..job import PROTOCOL
from ..paths import cache_folder, read_config, run_folder
from ..settings import Settings
from .connection import Connection, EngineGone
from .engine_python import child_environment, engine_command

START_LIMIT = 60.0  # seconds; a Python on a slow network disk
GREETING_LIMIT = 10.0  # seconds for an answer that needs no work
KILL_AFTER = 3.0  # seconds that a hanging engine gets to end by itself
AGAIN = 1.0  # seconds after which an engine that ended at once is started again
LOG_LIMIT = 4 << 20  # bytes, then a new log is started and the old one is kept beside it
HANGS = (
    "The engine runs but does not answer; `dmp engine stop --force` ends it, and "
    "`dmp engine log` may show why."
)
WINDOWS = sys.platform == "win32"


def ensure_engine(**options: Any) -> Connection:
    """A living engine of this user, started when needed (``options`` as :func:`start_engine`).

    Raises EngineMissingError, or EngineError with the reason and what to do.
    """
    return find_engine() or start_engine(**options)


def find_engine() -> Optional[Connection]:
    """The engine that is running, or None.

    Raises EngineError when it speaks another protocol or is too old for our settings.
    """
    connection, greeting = _greeted(_run_file())
    if connection is None:
        return None
    protocol = greeting.get("protocol")
    if protocol != PROTOCOL:
        raise EngineError(
            f"The running engine speaks protocol {protocol} and this program "
            f"protocol {PROTOCOL}; end it with `dmp engine stop` and try again."
        )
    strange = {spec.name for spec in fields(Settings)} - set(greeting.get("settings", ()))
    if strange:
        raise EngineError(
            f"The running engine {connection.version} is older than this program and does not know "
            f"{', '.join(sorted(strange)[:3])}; end it with `dmp engine stop` and try again."
        )
    return connection


def engine_hangs() -> bool:
    """True when an engine of this user lives and has written its address, but does not answer."""
    run_file = _run_file()
    return run_file is not None and _greeted(run_file)[0] is None and _lock_is_held()


def start_engine(
    *,
    python: Optional[str] = None,
    tcp: bool = False,
    idle: Optional[float] = None,
    more: Sequence[str] = (),
) -> Connection:
    """Start an engine, detached from this process, and wait for its greeting.

    ``python``: the one that the artist set in a host; ``tcp``: on 127.0.0.1 with a free
    port (always so on Windows); ``idle``: seconds after which it ends when unused;
    ``more``: further options of ``dmp_engine serve``. They mean nothing when another
    start was first.
    """
    arguments = ["serve", "--detach", "--run-folder", str(run_folder())]
    arguments += ["--cache-folder", str(cache_folder())]
    gigabytes = read_config().get("cache_gb")
    if gigabytes is not None:
        arguments += ["--cache-gb", str(float(gigabytes))]
    if tcp:
        arguments += ["--tcp"]
    if idle is not None:
        arguments += ["--idle", str(idle)]
    command = engine_command(python) + arguments + list(more)
    deadline = time.monotonic() + START_LIMIT
    starting: Optional[subprocess.Popen[bytes]] = None
    started = 0.0
    while time.monotonic() < deadline:
        if starting is None or (starting.poll() is not None and time.monotonic() - started > AGAIN):
            starting, started = _spawn(command), time.monotonic()
        if starting.poll() not in (None, 0):
            raise _failed_to_start(starting.returncode)
        connection = find_engine()
        if connection is not None:
            if not WINDOWS:  # where the process is the engine itself, not one that forked it
                with contextlib.suppress(subprocess.TimeoutExpired):
                    starting.wait(5)
            return connection
        time.sleep(0.03)
    raise EngineError(HANGS)


def stop_engine(*, force: bool = False) -> bool:
    """End the engine; False when none was running. EngineError when it has work and not forced.

    Jobs that somebody waits for end as cancelled, the others go on with the next engine. Whether
    one runs is read from the lock alone: its run file may be gone, and it may hang.
    """
    connection, _ = _greeted(_run_file())  # of any protocol: the way out must work for every one
    if connection is None:
        if not _lock_is_held():
            return False
        if not force:
            raise EngineError(HANGS)
        _end_process(_locking_process())
        return True
    connection.request("POST", "/v1/shutdown", {"force": force})
    if not _lock_is_free_within(15.0):
        if not force:
            raise EngineError("The engine takes long to end; `dmp engine stop --force` kills it.")
        _kill(connection.pid)
    return True


def _end_process(pid: int) -> None:
    """End the engine that holds the lock: it may tidy up if it still can, then it is killed."""
    with contextlib.suppress(OSError):
        os.kill(pid, signal.SIGTERM)
    if not _lock_is_free_within(KILL_AFTER):
        _kill(pid)
        _lock_is_free_within(KILL_AFTER)


def _lock_is_free_within(seconds: float) -> bool:
    deadline = time.monotonic() + seconds
    while _lock_is_held():
        if time.monotonic() > deadline:
            return False
        time.sleep(0.05)
    return True


def log_file() -> Path:
    """Where the engine and its workers write what happened."""
    return cache_folder() / "logs" / "engine.log"


def _run_file() -> Optional[Dict[str, Any]]:
    try:
        content = json.loads((run_folder() / "engine.json").read_text(encoding="utf-8"))
        return {name: content[name] for name in ("address", "token", "version", "pid")}
    except (OSError, ValueError, KeyError, TypeError):
        return None


def _greeted(run_file: Optional[Dict[str, Any]]) -> Tuple[Optional[Connection], Dict[str, Any]]:
    """The engine that wrote that run file and its greeting; None if it lives no more."""
    if run_file is None:
        return None, {}
    connection = Connection(
        run_file["address"], run_file["token"], run_file["version"], run_file["pid"]
    )
    try:
        return connection, connection.request("GET", "/v1", timeout=GREETING_LIMIT)
    except EngineGone:
        return None, {}


def _spawn(command: List[str]) -> subprocess.Popen[bytes]:
    """Start the engine without a tie to this process: session, console, pipes, folder."""
    log = log_file()
    detached: Dict[str, Any] = {"start_new_session": True}
    if WINDOWS:
        detached = {"creationflags": 0x00000008 | 0x00000200}  # DETACHED_PROCESS, own group
    try:
        log.parent.mkdir(parents=True, exist_ok=True)
        if log.exists() and log.stat().st_size > LOG_LIMIT:
            os.replace(log, log.with_suffix(".log.1"))
        with log.open("ab") as file:
            return subprocess.Popen(
                command,
                stdin=subprocess.DEVNULL,
                stdout=file,
                stderr=file,
                cwd=run_folder(),
                env=child_environment(),
                **detached,
            )
    except OSError as reason:
        raise EngineMissingError(
            f"The engine's Python at '{command[0]}' could not be started with the log {log} "
            f"({reason.strerror})."
        ) from None


def _failed_to_start(code: int) -> EngineError:
    """The last line of the engine's log, as an error."""
    try:
        with log_file().open("rb") as file:
            file.seek(max(0, log_file().stat().st_size - 4096))
            last = file.read().decode("utf-8", "replace").strip().rpartition("\n")[2]
    except OSError:
        last = ""
    try:
        error = from_wire(json.loads(last))
        if isinstance(error, EngineError):
            return error
    except (ValueError, AttributeError):
        pass
    return EngineError(
        f"The engine could not start (exit code {code}): {last or 'no reason given'}; "
        f"the log is {log_file()}."
    )


def _lock_is_held() -> bool:
    """True while an engine of this user lives, whether it answers or not."""
    try:
        file = (run_folder() / "engine.lock").open("r+b")
    except OSError:
        return False
    with file:
        try:
            if sys.platform == "win32":
                import msvcrt

                msvcrt.locking(file.fileno(), msvcrt.LK_NBLCK, 1)
                msvcrt.locking(file.fileno(), msvcrt.LK_UNLCK, 1)
            else:
                import fcntl

                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            return True
    return False


def _locking_process() -> int:
    """The process that holds the lock. EngineError where the lock file does not name it."""
    try:
        with (run_folder() / "engine.lock").open("rb", buffering=0) as file:
            file.seek(1)
            return int(file.read(32))
    except (OSError, ValueError):
        run_file = _run_file()
        if run_file is not None:
            return int(run_file["pid"])
        raise EngineError(
            f"An engine holds {run_folder() / 'engine.lock'}, but which process it is cannot be "
            "read; end the program `dmp_engine serve` by hand."
        ) from None


def _kill(pid: int) -> None:
    with contextlib.suppress(OSError):  # it ended by itself meanwhile
        os.kill(pid, signal.SIGTERM if WINDOWS else signal.SIGKILL)
