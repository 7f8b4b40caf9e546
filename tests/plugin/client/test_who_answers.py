"""Which engine a client talks to: one of its own version, alive, and no other program."""

from __future__ import annotations

import fcntl
import json
import os
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import pytest

from dmp_matting import EngineError
from dmp_matting.client import connection, launcher
from dmp_matting.client.connection import Connection, EngineGone, EngineSilent
from dmp_matting.client.engine_files import run_file
from dmp_matting.client.engine_python import EnginePlace, engine_environment, engine_place
from dmp_matting.client.launcher import ensure_engine, find_engine, start_engine, stop_engine
from dmp_matting.job import PROTOCOL
from dmp_matting.paths import run_folder
from dmp_matting.settings import Settings
from dmp_matting.version import __version__

from ...conftest import Home, Pair
from ...processes import Processes

TOKEN = "the token of an engine"
OURS = {
    "protocol": PROTOCOL, "settings": list(Settings().to_json()), "version": f"{__version__}+a",
    "installed": f"{__version__}+a", "python": "/p", "folder": "/f",
}  # fmt: skip


@contextmanager
def another_program(answer: bytes) -> Iterator[tuple[str, list[bytes]]]:
    """A program that has taken a port: its address, and all that anybody sends to it."""
    received: list[bytes] = []
    with socket.create_server(("127.0.0.1", 0)) as listener:
        ended = threading.Event()

        def serve() -> None:
            while not ended.is_set():
                line, _ = listener.accept()
                with line, suppress(OSError):
                    received.append(line.recv(65536))
                    line.sendall(answer)

        thread = threading.Thread(target=serve, daemon=True)
        thread.start()
        yield f"http://127.0.0.1:{listener.getsockname()[1]}", received
        ended.set()
        socket.create_connection(listener.getsockname()).close()
        thread.join(5)


@contextmanager
def held_lock() -> Iterator[None]:
    with (run_folder() / "engine.lock").open("w") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield


def write_run_file(**changes: object) -> None:
    found = {"address": "unix:/nowhere", "token": TOKEN, "version": "1", "pid": os.getpid()}
    (run_folder() / "engine.json").write_text(json.dumps({**found, **changes}))


# --- who is at the other end ---------------------------------------------------------------------


def test_a_run_file_whose_lock_nobody_holds_is_stale(home: Home) -> None:
    with another_program(b"") as (address, received):
        write_run_file(address=address)
        assert run_file() is None and find_engine() is None and stop_engine() is False
    assert received == [b""], "only our own last knock"


@pytest.mark.parametrize(
    "answer",
    [
        b"HTTP/1.1 200 OK\r\nContent-Length: 15\r\n\r\n{'proof': 'mine'}",
        b'HTTP/1.1 200 OK\r\nContent-Length: 16\r\n\r\n{"proof": "\xc3\xa4aa"}',
        b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n[]",
        b"HTTP/1.1 200 OK\r\nContent-Length: 100000\r\n\r\n" + b"[" * 100_000,
        b"220 mail.example ESMTP\r\n",
        b"",
    ],
)
def test_another_program_at_the_address_is_sent_no_token(home: Home, answer: bytes) -> None:
    with held_lock(), another_program(answer) as (address, received):
        write_run_file(address=address)
        assert find_engine() is None
        with pytest.raises(EngineGone):
            Connection(address, TOKEN).request("POST", "/v1/jobs", {"job": {}})
    assert len(received) > 1 and all(TOKEN.encode() not in data for data in received)
    assert all(b"POST" not in data for data in received)


@pytest.mark.parametrize("content", ["", "{}", "[1]", "[" * 9999, '{"address": 3}', "9" * 9999])
def test_a_run_file_of_anything_else_is_none(home: Home, content: str) -> None:
    with held_lock():
        (run_folder() / "engine.json").write_text(content)
        assert run_file() is None and find_engine() is None


def test_a_real_engine_on_tcp_proves_itself(
    home: Home, pair: Pair, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """And one that is suspended is reported so, in a bounded time, and can be ended."""
    assert connection.GREETING <= connection.SILENCE and connection.SILENCE * 3 < 20
    engine = start_engine(tcp=True)
    list(pair.matting(engine, tmp_path / "o.exr").events())
    assert (tmp_path / "o.exr").exists()
    with pytest.raises(EngineGone, match="Another program"):
        Connection(engine.address, "another token").request("GET", "/v1")
    os.kill(engine.pid, signal.SIGSTOP)
    for module, limit in (
        (connection, "GREETING"), (connection, "SILENCE"), (launcher, "GREETING_LIMIT"),
    ):  # fmt: skip
        monkeypatch.setattr(module, limit, getattr(module, limit) / 6)
    try:
        begun = time.monotonic()
        with pytest.raises(EngineError, match=f"suspended .*kill -CONT {engine.pid}"):
            ensure_engine()
        with pytest.raises(EngineError, match="suspended"):
            stop_engine()
        with pytest.raises(EngineGone, match="does not answer"):
            engine.request("GET", "/v1/status")
        assert time.monotonic() - begun < 3 * 20 / 6
    finally:
        assert stop_engine(force=True)


# --- its end -------------------------------------------------------------------------------------


@pytest.fixture
def locking_child(home: Home, start_process: Processes) -> subprocess.Popen[bytes]:
    """A process that holds the engine's lock until it is ended."""
    lock = run_folder() / "engine.lock"
    lock.touch()
    script = (
        f"import fcntl, os, time; file = open({str(lock)!r}, 'r+b'); fcntl.flock(file, 2); "
        "file.seek(1); file.write(b'%d' % os.getpid()); file.flush(); "
        "print(flush=True); time.sleep(60)"
    )
    child = start_process([sys.executable, "-c", script], stdout=subprocess.PIPE)
    assert child.stdout.readline()
    return child


def greets_and_then(monkeypatch: pytest.MonkeyPatch, error: EngineError, pid: int) -> None:
    """An engine that greets, and whose next answer is ``error``."""

    def request(*_: object, **__: object) -> None:
        raise error

    engine = Connection("unix:/nowhere", TOKEN, "1", pid)
    monkeypatch.setattr(launcher, "_greet", lambda found: (engine, {}))
    monkeypatch.setattr(Connection, "request", request)


@pytest.mark.parametrize("force", [False, True])
def test_an_engine_that_has_just_ended_is_stopped(
    home: Home, monkeypatch: pytest.MonkeyPatch, force: bool
) -> None:
    greets_and_then(monkeypatch, EngineGone("It has ended."), os.getpid())
    assert stop_engine(force=force) is True


def test_an_engine_that_hangs_after_its_greeting_is_killed_if_forced(
    locking_child: subprocess.Popen[bytes], monkeypatch: pytest.MonkeyPatch
) -> None:
    greets_and_then(monkeypatch, EngineSilent("It does not answer."), locking_child.pid)
    with pytest.raises(EngineError, match=f"process {locking_child.pid}.*does not answer"):
        stop_engine()
    assert locking_child.poll() is None
    assert stop_engine(force=True) is True
    assert locking_child.wait(5) == -signal.SIGTERM


@pytest.mark.parametrize("force", [False, True])
def test_an_engine_that_ends_by_itself_is_waited_for(
    locking_child: subprocess.Popen[bytes], force: bool
) -> None:
    threading.Timer(0.3, locking_child.kill).start()
    assert stop_engine(force=force) is False
    assert locking_child.wait(5) == -signal.SIGKILL


def test_an_engine_that_nobody_can_reach_yet_is_not_called_silent(
    locking_child: subprocess.Popen[bytes], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(launcher, "REACH_LIMIT", 0.1)
    with pytest.raises(EngineError, match="is starting or ending; wait a moment"):
        stop_engine()
    assert locking_child.poll() is None


# --- of which version ----------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("changes", "sentence"),
    [
        ({}, ""),
        ({"protocol": 99}, "speaks protocol 99"),
        ({"settings": []}, "older than this program"),
        ({"version": "9.0+a", "installed": "9.0+a"}, "has version 9.0"),
        ({"installed": f"{__version__}+b"}, "was updated"),
        ({"installed": ""}, "was updated"),  # half an update
        ({"installed": None}, "was updated"),  # an engine that is too old to report it
        ({"python": "/q"}, "that of this program x"),
        ({"folder": "/g"}, "that of this program x"),
    ],
)
def test_an_engine_of_another_version_is_not_ours(
    monkeypatch: pytest.MonkeyPatch, changes: dict[str, object], sentence: str
) -> None:
    monkeypatch.setattr(launcher, "engine_place", lambda python: EnginePlace("/p", "/f"))
    monkeypatch.setattr(launcher, "engine_command", lambda python: ["/p"])
    monkeypatch.setattr(launcher, "_version_of", lambda command: "x")
    found = launcher._other_version({**OURS, **changes}, None)
    assert bool(found) is bool(sentence) and sentence in found


def test_an_engine_elsewhere_of_the_same_version_is_ours(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(launcher, "engine_place", lambda python: EnginePlace("/q", "/g"))
    monkeypatch.setattr(launcher, "engine_command", lambda python: ["/q"])
    monkeypatch.setattr(launcher, "_version_of", lambda command: OURS["version"])
    assert launcher._other_version(OURS, None) == ""


def test_an_idle_engine_of_another_version_makes_way_a_busy_one_is_refused(
    home: Home, pair: Pair, monkeypatch: pytest.MonkeyPatch
) -> None:
    first = ensure_engine()
    greeting = first.request("GET", "/v1")
    assert engine_place().is_that_of(greeting) and greeting["installed"] == greeting["version"]
    job = first.request("POST", "/v1/jobs", {"job": pair.job().to_json()})["id"]
    with monkeypatch.context() as patch:
        patch.setattr(launcher, "__version__", "99.0")
        with pytest.raises(EngineError, match="this program 99.0; it has work"):
            ensure_engine()
        first.request("POST", f"/v1/jobs/{job}/cancel")
        second = ensure_engine()
    assert second.pid != first.pid
    assert ensure_engine().pid == second.pid


# --- its start -----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("script", "sentence"),
    [
        ("(sleep 0.2; echo 'it broke after the fork' >&2) & exit 0", "it broke after the fork"),
        ("echo before >&2; kill -9 $$", "signal 9.*before"),
        ('echo \'{"error": "EngineError", "message": "No socket."}\'; exit 3', "No socket."),
    ],
)
def test_an_engine_that_dies_while_it_starts_is_reported_at_once(
    home: Home, monkeypatch: pytest.MonkeyPatch, script: str, sentence: str
) -> None:
    python = home.root / "python"
    python.write_text(f"#!/bin/sh\n{script}\n")
    python.chmod(0o755)
    monkeypatch.setenv("DMP_ENGINE_PYTHON", str(python))
    begun = time.monotonic()
    with pytest.raises(EngineError, match=sentence):
        start_engine()
    assert time.monotonic() - begun < launcher.START_LIMIT / 2


def test_the_engine_keeps_no_secrets_of_the_program_that_starts_it(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    secrets = ("AWS_SECRET_ACCESS_KEY", "GITHUB_TOKEN", "HTTPS_PROXY", "SSH_AUTH_SOCK",
               "LD_PRELOAD", "PYTHONPATH", "NUKE_PATH", "SHOT")  # fmt: skip
    kept = ("PATH", "CUDA_VISIBLE_DEVICES", "DMP_CACHE_DIR", "OMP_NUM_THREADS", "LC_ALL", "OCIO")
    for name in (*secrets, *kept):
        monkeypatch.setenv(name, "x")
    environment = engine_environment()
    assert not set(secrets) & set(environment)
    assert set(kept) < set(environment) and environment["PYTHONNOUSERSITE"] == "1"
