"""Find this user's engine, start one when there is none, end it. Standard library only, Python 3.9.

The run file holds address, token and protocol of the engine that wrote it. It counts
only while that engine holds the lock and when it answers.
Any number of hosts may start an engine at the same moment: they do it one after another, each of
those engines takes the lock in the run folder or ends, and all hosts greet the one that has it.

An engine of another version would give other pixels, or old ones after an update: it is replaced
when it has no work, and refused otherwise.
"""

from __future__ import annotations

import contextlib
import functools
import os
import signal
import time
from dataclasses import fields
from typing import Any, Dict, List, Optional, Sequence, Tuple

from ..errors import EngineError, EngineMissingError, InputError
from ..file_lock import one_after_another
from ..job import PROTOCOL
from ..paths import cache_folder, config_file, read_config, run_folder
from ..settings import Settings
from ..version import __version__
from .connection import Connection, EngineGone, EngineSilent
from .engine_files import (
    is_suspended,
    kill,
    lock_is_free_within,
    lock_is_held,
    locking_process,
    log_file,
    run_file,
)
from .engine_process import query_engine
from .engine_python import engine_command, engine_place
from .engine_start import EngineDied, Starting

START_LIMIT = 60.0  # seconds; a Python on a slow network disk
TURN_LIMIT = 10.0  # seconds that a start waits for that of another client
START_TRIES = 3  # engines in a row that may die while they start
GREETING_LIMIT = 6.0  # seconds for an answer that needs no work
END_LIMIT = 15.0  # seconds that an engine takes to end
REACH_LIMIT = 3.0  # seconds until an engine that starts can be reached, or one that ends is gone
KILL_AFTER = 3.0  # seconds that a hanging engine gets to end by itself
MOST_GIGABYTES = 1e6
AGAIN = 1.0  # seconds after which an engine that ended at once is started again

__all__ = [
    "engine_silence", "ensure_engine", "find_engine", "log_file", "start_engine", "stop_engine",
]  # fmt: skip


def ensure_engine(**options: Any) -> Connection:
    """A living engine of this user and version, started when needed.

    ``options`` as :func:`start_engine`. An engine of another version is ended first if it has no
    work. Raises EngineMissingError, or EngineError with the reason and what to do.
    """
    found = run_file()
    connection: Optional[Connection] = None
    greeting: Dict[str, Any] = {}
    try:
        connection, greeting = _greet(found)
    except EngineSilent:
        assert found is not None  # nobody was greeted otherwise
        silence = _silence_of(found["pid"])
        if silence:
            raise EngineError(silence) from None
    except EngineGone:
        pass  # it has just ended
    if connection is not None:
        other = _other_version(greeting, options.get("python"))
        if not other:
            return connection
        _make_way(connection, other)
    return start_engine(**options)


def find_engine() -> Optional[Connection]:
    """The engine that is running, of whatever version, or None.

    Raises EngineError when it speaks another protocol or is too old for our settings.
    """
    connection, greeting = _greeted()
    if connection is not None:
        strange = _not_understood(greeting)
        if strange:
            raise EngineError(f"{strange}; end it with `dmp engine stop` and try again.")
    return connection


def engine_silence() -> str:
    """A sentence when an engine of this user lives but does not answer; empty otherwise.

    One that has not written its address yet is starting, not silent.
    """
    found = run_file()
    try:
        _greet(found)
    except EngineSilent:
        assert found is not None  # nobody was greeted otherwise
        return _silence_of(found["pid"])
    except EngineGone:
        pass  # it ends, or has just taken the lock and not yet removed what another left
    return ""


def _silence_of(pid: int) -> str:
    """The sentence about an engine that has not answered; empty when it has ended."""
    if not lock_is_held():
        return ""
    if is_suspended(pid):
        return (
            f"The engine (process {pid}) is suspended and does not answer; "
            f"`kill -CONT {pid}` lets it go on, `dmp engine stop --force` ends it."
        )
    return (
        f"The engine (process {pid}) runs but does not answer; `dmp engine stop --force` "
        "ends it, and `dmp engine log` may show why."
    )


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
        arguments += ["--cache-gb", str(_size_of_cache(gigabytes))]
    if tcp:
        arguments += ["--tcp"]
    if idle is not None:
        arguments += ["--idle", str(idle)]
    command = engine_command(python) + arguments + list(more)
    with one_after_another(run_folder(), TURN_LIMIT) as waited:
        found = find_engine() if waited else None  # as started by the one before
        return found or _started(command)


def _started(command: List[str]) -> Connection:
    """The engine that ``command`` starts, or another one that was first."""
    deadline = time.monotonic() + START_LIMIT
    starting, begun = Starting(command), time.monotonic()
    deaths = 0
    while time.monotonic() < deadline:
        serves: Optional[bool] = None
        try:
            serves = starting.served(0.03)
        except EngineDied:
            deaths += 1
            if deaths == START_TRIES:
                raise
            starting, begun = Starting(command), time.monotonic()
        connection = find_engine()
        if connection is not None:
            return connection
        if serves is not None:  # the one that holds the lock starts, ends or hangs
            silence = engine_silence()
            if silence:
                raise EngineError(silence)
            if time.monotonic() - begun > AGAIN:
                starting, begun = Starting(command), time.monotonic()
        time.sleep(0.03)  # the start may know no more at once
    raise EngineError(
        engine_silence()
        or f"The engine has not started within {START_LIMIT:.0f} s; see `dmp engine log`."
    )


def _size_of_cache(given: Any) -> float:
    if type(given) in (int, float) and 0 <= given < MOST_GIGABYTES:  # also refuses NaN
        return float(given)
    raise InputError(
        f"The configuration {config_file()} has a cache_gb that is no size; set it with "
        "`dmp cache limit 10`."
    )


def stop_engine(*, force: bool = False) -> bool:
    """End the engine; False when none was running. EngineError when it has work and not forced.

    Jobs that somebody waits for end as cancelled, the others go on with the next engine. Whether
    one runs is read from the lock alone: its run file may be gone, and it may hang or be starting.
    """
    connection = _answering()  # of any protocol: the way out must work for every one
    if connection is None:
        if not lock_is_held():
            return False
        pid = locking_process()
        if not force:
            silence = engine_silence() or (_silence_of(pid) if is_suspended(pid) else "")
            raise EngineError(
                silence
                or f"The engine (process {pid}) is starting or ending; wait a moment and try again,"
                " or end it with `dmp engine stop --force`."
            )
        _end_process(pid)
        return True
    try:
        connection.request("POST", "/v1/shutdown", {"force": force})
    except EngineSilent:  # it has hung since its greeting
        silence = _silence_of(connection.pid)
        if silence and not force:
            raise EngineError(silence) from None
        if silence:
            _end_process(connection.pid)
    except EngineGone:
        pass  # it ends already
    if not lock_is_free_within(END_LIMIT):
        if not force:
            raise EngineError("The engine takes long to end; `dmp engine stop --force` kills it.")
        kill(connection.pid)
    return True


def _answering() -> Optional[Connection]:
    """The engine that answers; None without one, or where it hangs.

    One that holds the lock and cannot be reached may be starting or ending: it gets a little time.
    """
    deadline = time.monotonic() + REACH_LIMIT
    while True:
        try:
            connection, _ = _greet(run_file())
        except EngineSilent:
            return None
        except EngineGone:
            connection = None
        if connection is not None or not lock_is_held() or time.monotonic() > deadline:
            return connection
        time.sleep(0.05)


def _end_process(pid: int) -> None:
    """End the engine that holds the lock: it may tidy up if it still can, then it is killed."""
    with contextlib.suppress(OSError):
        os.kill(pid, signal.SIGTERM)
    if not lock_is_free_within(KILL_AFTER):
        kill(pid)
        lock_is_free_within(KILL_AFTER)


def _greeted() -> Tuple[Optional[Connection], Dict[str, Any]]:
    """The engine that answers, and its greeting; None without one."""
    try:
        return _greet(run_file())
    except EngineGone:
        return None, {}


def _greet(found: Optional[Dict[str, Any]]) -> Tuple[Optional[Connection], Dict[str, Any]]:
    """The engine that wrote that run file and its greeting. EngineGone if it does not answer."""
    if found is None:
        return None, {}
    connection = Connection(found["address"], found["token"], found["version"], found["pid"])
    greeting = connection.request("GET", "/v1", timeout=GREETING_LIMIT)
    return connection, greeting if isinstance(greeting, dict) else {}


# --- versions ------------------------------------------------------------------------------------


def _not_understood(greeting: Dict[str, Any]) -> str:
    """Why this program cannot talk to the engine; empty when it can."""
    protocol = greeting.get("protocol")
    if protocol != PROTOCOL:
        return f"The running engine speaks protocol {protocol} and this program {PROTOCOL}"
    strange = {spec.name for spec in fields(Settings)} - set(greeting.get("settings", ()))
    if strange:
        return (
            f"The running engine {greeting.get('version')} is older than this program and does not "
            f"know {', '.join(sorted(strange)[:3])}"
        )
    return ""


def _other_version(greeting: Dict[str, Any], python: Optional[str]) -> str:
    """Why the engine is not the one that this program would start; empty when it is."""
    strange = _not_understood(greeting)
    if strange:
        return strange
    running = str(greeting.get("version"))
    if running.partition("+")[0] != __version__:
        return f"The running engine has version {running}, this program {__version__}"
    installed = greeting.get("installed")  # where it was started from
    if installed != running:
        return f"DMP was updated, and the engine that runs is still {running}"
    try:
        place = engine_place(python)
    except EngineMissingError:
        return ""  # this program has no engine of its own: it takes the one that runs
    if place.is_that_of(greeting):
        return ""
    ours = _version_of(tuple(engine_command(python)))
    return (
        "" if ours == running else f"The running engine is {running}, that of this program {ours}"
    )


@functools.lru_cache(maxsize=8)
def _version_of(command: Tuple[str, ...]) -> str:
    """The version of an engine that does not run. EngineError, EngineMissingError."""
    return str(query_engine("version", command=command)["version"])


def _make_way(connection: Connection, why: str) -> None:
    """End an engine of another version; EngineError when it has work."""
    try:
        connection.request("POST", "/v1/shutdown", {"force": False})
    except EngineGone:
        pass  # it ends already
    except InputError:
        raise EngineError(
            f"{why}; it has work. Try again when that is done, or end it with "
            "`dmp engine stop --force`."
        ) from None
    if not lock_is_free_within(END_LIMIT):
        raise EngineError(f"{why}, and takes long to end; `dmp engine stop --force` kills it.")
