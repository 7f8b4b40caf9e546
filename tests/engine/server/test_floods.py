"""Connections that send nothing, requests that are none, lines without end: a user is served."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import os
import socket
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
import uvicorn
from starlette.types import Receive, Scope, Send

from dmp_engine.server import log as log_module
from dmp_engine.server.connections import limited_protocol
from dmp_engine.server.log import NoFlood, OneLine, rotate

REQUEST = b"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n"
Connect = Callable[[], socket.socket]


async def app(scope: Scope, receive: Receive, send: Send) -> None:
    await send(
        {"type": "http.response.start", "status": 200, "headers": [(b"content-length", b"2")]}
    )
    await send({"type": "http.response.body", "body": b"ok"})


@pytest.fixture
def connect() -> Iterator[Connect]:
    """A server that gives a header half a second, and eight connections without one."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        config = uvicorn.Config(
            app, http=limited_protocol(0.5, 8), lifespan="off", log_config=None, access_log=False
        )
        server = uvicorn.Server(config)
        thread = threading.Thread(
            target=lambda: asyncio.run(server.serve(sockets=[listener])), daemon=True
        )
        thread.start()
        with contextlib.ExitStack() as opened:

            def open_one() -> socket.socket:
                line = socket.create_connection(listener.getsockname())
                line.settimeout(5)
                return opened.enter_context(line)

            yield open_one
        server.should_exit = True
        thread.join(10)


def is_closed(line: socket.socket) -> bool:
    """Wait for the end of the connection; TimeoutError where it does not come."""
    try:
        while line.recv(100):
            pass
    except ConnectionResetError:
        pass
    return True


@pytest.mark.parametrize("sent", [b"", b"G", REQUEST[:-2], REQUEST + b"GET / HT"])
def test_a_connection_without_a_whole_header_ends_in_time(connect: Connect, sent: bytes) -> None:
    line = connect()
    line.sendall(sent)
    if sent.startswith(REQUEST):
        assert line.recv(1000).startswith(b"HTTP/1.1 200")
    assert is_closed(line)


def test_beside_many_of_them_a_request_is_answered(connect: Connect) -> None:
    idle = [connect() for _ in range(60)]
    for line in idle[::2]:
        line.sendall(b"POST / HTTP/1.1\r\nHost")
    asking = connect()
    asking.sendall(REQUEST)
    assert asking.recv(1000).startswith(b"HTTP/1.1 200")
    assert all(is_closed(line) for line in idle[:40]), "the oldest made way"


# --- the log -------------------------------------------------------------------------------------


def record(message: str, *arguments: object, name: str = "dmp") -> logging.LogRecord:
    return logging.LogRecord(name, logging.WARNING, "", 0, message, arguments, None)


def test_a_flood_of_one_kind_is_counted_and_the_others_pass(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    flood = NoFlood()
    passed = [flood.filter(record("job %s", number)) for number in range(500)]
    assert sum(passed) == log_module.OF_A_KIND and all(passed[: log_module.OF_A_KIND])
    assert flood.filter(record("another"))
    kinds = sum(flood.filter(record(f"kind {number}")) for number in range(5000))
    assert kinds < log_module.OF_ALL
    left_out = 500 - log_module.OF_A_KIND + 5000 - kinds
    monkeypatch.setattr(log_module, "WINDOW", -1.0)
    assert flood.filter(record("job %s", 1))
    assert caplog.messages == [f"{left_out} lines like these were left out"]


def test_a_message_is_one_line_without_anything_raw() -> None:
    text = OneLine("%(name)s %(message)s").format(record("plate %s", "a\nb\x1b[2J"))
    assert text == r"dmp plate a\nb\x1b[2J"
    try:
        raise ValueError("a\x1b[2J")
    except ValueError as error:
        bug = record("bug")
        bug.exc_info = (ValueError, error, error.__traceback__)
    lines = OneLine("%(message)s").format(bug).splitlines()
    assert lines[0] == "bug" and lines[-1] == r"ValueError: a\x1b[2J" and len(lines) > 3


def test_the_log_is_emptied_while_it_is_written_to(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    place = tmp_path / "engine.log"
    with place.open("ab", buffering=0) as file:
        monkeypatch.setattr(os, "fstat", lambda fd, stat=os.stat: stat(place))
        file.write(b"first\n" * 10)
        rotate(place, limit=1000)
        assert place.stat().st_size == 60
        rotate(place, limit=50)
        file.write(b"second\n")
    assert place.read_bytes() == b"second\n"
    assert (tmp_path / "engine.log.1").read_bytes() == b"first\n" * 10
    rotate(tmp_path / "elsewhere.log", limit=0)  # not what we write to
    assert sorted(os.listdir(tmp_path)) == ["engine.log", "engine.log.1"]
