"""HTTP to the engine over its socket: one request at a time, with the token. Standard library only.

On TCP any program may listen at the address of an engine that has ended. So each connection begins
with a proof: the engine answers a fresh number with its HMAC under the token of the run file, and
only then the token, and perhaps a plate, is sent. A Unix socket lies in a folder of this user.

Everything that can go wrong on the way becomes one of our errors here: EngineGone
when nobody answers (the caller may start another engine and go on), NotThere for
what the engine does not have, and else the error that the engine raised.
"""

from __future__ import annotations

import hmac
import http.client
import json
import secrets
import selectors
import socket
import time
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from typing import IO, Any, Dict, Iterator, Union

from ..errors import DmpError, EngineError, PlateError, from_wire
from ..job import PROOF, proof_of

TIMEOUT = 60.0  # seconds; an answer that needs a slow disk
STREAM_TIMEOUT = 10.0  # seconds without a line, where the engine sends one every five
GREETING = 6.0  # seconds for an answer that needs no work; no longer than SILENCE
SILENCE = 6.0  # seconds without an answer, then a greeting shows whether the engine lives
BLOCK = 1 << 20  # bytes


class EngineGone(EngineError):
    """Nobody answers at the engine's address, or it ended in the middle."""


class EngineSilent(EngineGone):
    """Its socket is there, but it does not answer."""


class NotThere(EngineError):
    """The engine does not have what the request names (404)."""


class _UnixConnection(http.client.HTTPConnection):
    """HTTP over a Unix socket."""

    def __init__(self, path: str, timeout: float) -> None:
        super().__init__("localhost", timeout=timeout, blocksize=BLOCK)
        self._path = path

    def connect(self) -> None:
        self.sock = socket.socket(socket.AF_UNIX)
        self.sock.settimeout(self.timeout)
        self.sock.connect(self._path)


@dataclass(frozen=True)
class Connection:
    """An engine's address and token, its version and process."""

    address: str  # unix:/path or http://127.0.0.1:port
    token: str
    version: str = ""
    pid: int = 0

    def request(
        self,
        method: str,
        path: str,
        body: Union[None, Dict[str, Any], IO[bytes]] = None,
        *,
        size: int = 0,
        timeout: float = TIMEOUT,
    ) -> Any:
        """The JSON that the engine answers, None for an empty answer.

        ``body`` is an object to send as JSON, or an open file of ``size`` bytes. PlateError
        when the file has become shorter or can no longer be read.
        """
        with self._answer(method, path, body, size, timeout) as answer:
            data = _read(answer)
        try:
            return json.loads(data) if data else None
        except (ValueError, RecursionError):
            raise EngineGone("What answers at the engine's address is no engine.") from None

    def lines(self, path: str) -> Iterator[Dict[str, Any]]:
        """The objects of a stream of JSON lines, until the engine ends it."""
        with self._answer("GET", path, None, 0, STREAM_TIMEOUT) as answer:
            while True:
                try:
                    line = answer.readline()
                except (OSError, http.client.HTTPException) as reason:
                    raise _gone(reason) from None
                if not line:
                    return
                if not line.endswith(b"\n"):
                    raise EngineGone("The engine ended in the middle of a message.")
                try:
                    yield json.loads(line)
                except (ValueError, RecursionError):
                    raise EngineGone("The engine sent a line that was not understood.") from None

    def blocks(self, path: str) -> Iterator[bytes]:
        """A file that the engine sends, in blocks."""
        with self._answer("GET", path, None, 0, TIMEOUT) as answer:
            left = answer.length
            while True:
                try:
                    block = answer.read(BLOCK)
                except (OSError, http.client.HTTPException) as reason:
                    raise _gone(reason) from None
                if not block:
                    break
                left = None if left is None else left - len(block)
                yield block
            if left:
                raise EngineGone("The engine ended in the middle of a file.")

    @contextmanager
    def _answer(
        self,
        method: str,
        path: str,
        body: Union[None, Dict[str, Any], IO[bytes]],
        size: int,
        timeout: float,
    ) -> Iterator[http.client.HTTPResponse]:
        connection = self._connection(timeout)
        headers = {"Authorization": f"Bearer {self.token}"}
        sent: Union[None, bytes, IO[bytes]] = None
        if isinstance(body, dict):
            sent = json.dumps(body).encode()
            headers["Content-Type"] = "application/json"
        elif body is not None:
            sent = _Exactly(body, size)  # type: ignore[assignment]
            headers["Content-Type"] = "application/octet-stream"
            headers["Content-Length"] = str(size)
        try:
            connection.connect()
            connection.auto_open = False  # another connection might be to another program
            if not self.address.startswith("unix:"):
                self._check_proof(connection)
            # The engine may have refused a large body half way: its answer has the reason.
            with suppress(BrokenPipeError, ConnectionResetError):
                connection.request(method, path, sent, headers)
            self._wait(connection.sock, timeout)
            answer = connection.getresponse()
            refusal = _read(answer) if answer.status >= 400 else b""
            if answer.status >= 400:
                raise _refused(answer.status, refusal)
            yield answer
        except (OSError, http.client.HTTPException) as reason:
            raise _gone(reason) from None
        finally:
            connection.close()

    def _check_proof(self, connection: http.client.HTTPConnection) -> None:
        """Raise EngineGone unless the other end knows our token."""
        number = secrets.token_hex(32)
        connection.request("GET", f"{PROOF}?number={number}")
        self._wait(connection.sock, GREETING)
        answer = connection.getresponse()
        try:
            given = json.loads(answer.read(4096))["proof"]
            sound = hmac.compare_digest(given.encode(), proof_of(self.token, number).encode())
        except (ValueError, KeyError, TypeError, AttributeError, RecursionError):
            sound = False
        if not sound:
            raise EngineGone("Another program listens at the address of the engine.")

    def _wait(self, line: socket.socket, limit: float) -> None:
        """Wait for the first byte of an answer. EngineSilent after ``limit`` seconds without one.

        Work may take long; an engine that does not even greet meanwhile hangs.
        """
        deadline = time.monotonic() + limit
        with selectors.DefaultSelector() as waiting:
            waiting.register(line, selectors.EVENT_READ)
            while not waiting.select(min(SILENCE, max(0.0, deadline - time.monotonic()))):
                if limit <= GREETING or time.monotonic() >= deadline:
                    raise EngineSilent("The engine does not answer any more.")
                self.request("GET", "/v1", timeout=GREETING)

    def _connection(self, timeout: float) -> http.client.HTTPConnection:
        if self.address.startswith("unix:"):
            return _UnixConnection(self.address[5:], timeout)
        host, _, port = self.address.partition("//")[2].partition(":")
        return http.client.HTTPConnection(host, int(port), timeout=timeout, blocksize=BLOCK)


class _Exactly:
    """The first ``size`` bytes of an open file, as a body: never more, and never silently fewer."""

    def __init__(self, file: IO[bytes], size: int) -> None:
        self._file = file
        self._size = self._left = size

    def read(self, most: int) -> bytes:
        """Raises PlateError where the file ends too early: the engine would wait for the rest."""
        try:
            block = self._file.read(min(most, self._left)) if self._left else b""
        except OSError as reason:
            raise PlateError(f"{self._file.name} cannot be read ({reason.strerror}).") from None
        if self._left and not block:
            raise PlateError(
                f"{self._file.name} became shorter while it was sent: {self._size} bytes, now "
                f"{self._size - self._left}. Is it still being written? Try again when it is done."
            )
        self._left -= len(block)
        return block


def _read(answer: http.client.HTTPResponse) -> bytes:
    try:
        return answer.read()
    except (OSError, http.client.HTTPException) as reason:
        raise _gone(reason) from None


def _refused(status: int, body: bytes) -> DmpError:
    try:
        error = from_wire(json.loads(body))
    except (ValueError, AttributeError, TypeError, RecursionError):
        return EngineError(f"The engine answered with status {status} and no reason.")
    if status == 404:
        return NotThere(str(error))
    if status in (401, 503):  # another engine took this one's place, or it is about to end
        return EngineGone(str(error))
    return error


def _gone(reason: BaseException) -> EngineGone:
    if isinstance(reason, EngineGone):
        return reason
    if isinstance(reason, socket.timeout):
        return EngineSilent("The engine does not answer any more.")
    return EngineGone(f"The connection to the engine was lost ({reason or type(reason).__name__}).")
