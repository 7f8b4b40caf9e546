"""A thousand requests and more that nobody foresaw: the engine stays up and leaves nothing behind.

schemathesis makes them from the engine's own OpenAPI description, right and wrong
ones, and holds every answer against it; the rest are bytes that are no HTTP at all.
"""

from __future__ import annotations

import json
import random
import socket
import subprocess
import sys
from pathlib import Path

import pytest

from dmp_engine.server.openapi import description
from dmp_matting.client.connection import Connection
from dmp_matting.job import NEXT_STATES, Role
from dmp_matting.settings import Settings

from ...conftest import Home, Pair, engine_jobs, wait_until

schemathesis = pytest.importorskip("schemathesis", reason="schemathesis is not installed")

# 422 is for what a schema cannot say, such as "an image and a clean plate in every frame".
CONFIG = """
[checks.positive_data_acceptance]
expected-statuses = ["2xx", "401", "403", "404", "409", "422"]
"""


def test_the_description_follows_the_vocabulary() -> None:
    schemas = description()["components"]["schemas"]
    settings = schemas["Settings"]["properties"]
    assert set(settings) == set(Settings().to_json())
    assert settings["rounds"] == {
        "type": "integer", "title": "Rounds",
        "description": "How often the two stages run. Preset paper only.",
        "default": 2, "minimum": 1, "maximum": 10,
    }  # fmt: skip
    assert schemas["Summary"]["properties"]["state"]["enum"] == [s.value for s in NEXT_STATES]
    frame = schemas["NewJob"]["properties"]["job"]["properties"]["frames"]["items"]
    roles = frame["properties"]["plates"]["items"]["properties"]["role"]["enum"]
    assert roles == [role.value for role in Role]


def test_every_route_is_described(engine: Connection) -> None:
    """What the server routes and what it describes are the same paths and methods."""
    from dmp_engine.server.app import Api

    described = {
        (path, method.upper())
        for path, operations in description()["paths"].items()
        for method in operations
        if method != "parameters"
    }
    gate = Api(dispatcher=None, plate_limit=1).app("token")  # type: ignore[arg-type]
    routed = {
        (route.path, method)
        for route in gate.app.routes  # type: ignore[attr-defined]
        for method in route.methods
    }
    assert routed == described
    assert engine.request("GET", "/v1/openapi.json") == json.loads(json.dumps(description()))


@pytest.mark.timeout(280)
def test_a_thousand_requests_of_schemathesis(home: Home, pair: Pair, tmp_path: Path) -> None:
    wire = home.start("--grace", "2", tcp=True)
    staying = wire.lines("/v1/attend")
    next(staying)
    (tmp_path / "schemathesis.toml").write_text(CONFIG)
    report = tmp_path / "report.ndjson"
    command = [
        sys.executable, "-c", "from schemathesis.cli import schemathesis; schemathesis()",
        "--config-file", str(tmp_path / "schemathesis.toml"),
        "run", f"{wire.address}/v1/openapi.json", "--header", f"Authorization: Bearer {wire.token}",
        # These would end the engine, or never end themselves.
        "--exclude-operation-id", "shutdown", "--exclude-operation-id", "attend",
        "--exclude-operation-id", "events",
        "--phases", "examples,coverage,fuzzing", "--max-examples", "40", "--seed", "20",
        "--no-shrink", "--continue-on-failure", "--warnings", "off",
        "--report", "ndjson", "--report-ndjson-path", str(report),
    ]  # fmt: skip
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, timeout=270)
    assert done.returncode == 0, done.stdout[-6000:] + done.stderr[-2000:]
    assert report.read_text().count('"status_code"') >= 1000
    greeting = wire.request("GET", "/v1")
    assert greeting["pid"] == wire.pid
    # The jobs that the fuzzer created and left are gone when the grace is over.
    wait_until(lambda: home.jobs() == [] or left_unattended(wire, home), 15)
    assert home.loose_files() == []
    staying.close()  # type: ignore[attr-defined]
    assert "Traceback" not in home.log()


def left_unattended(wire: Connection, home: Home) -> bool:
    """A job of the fuzzer that nobody waits for stays, until it is cancelled."""
    states = engine_jobs(wire)
    for job in states:
        if job["state"] == "uploading" and not job["attended"]:
            wire.request("POST", f"/v1/jobs/{job['id']}/cancel")
    return home.jobs() == []


def test_bytes_that_are_no_request(engine: Connection, pair: Pair, shared_home: Home) -> None:
    """Random bytes, damaged requests, requests cut anywhere: 400 or silence, never an end."""
    chance = random.Random(3)
    body = json.dumps({"job": pair.job().to_json()}).encode()
    whole = (
        b"POST /v1/jobs HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer "
        + engine.token.encode()
        + b"\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n" % len(body)
        + body
    )
    before = set(shared_home.jobs())
    for number in range(600):
        if number % 3 == 0:
            data = chance.randbytes(chance.randrange(1, 3000))
        elif number % 3 == 1:
            data = whole[: chance.randrange(len(whole))]
        else:
            data = bytearray(whole)
            for _ in range(chance.randrange(1, 6)):
                data[chance.randrange(len(data))] = chance.randrange(256)
        answer = send(engine, bytes(data))
        assert answer == b"" or answer.startswith(b"HTTP/1.1 "), answer[:80]
        assert not answer.startswith(b"HTTP/1.1 5"), (bytes(data), answer)
    assert engine.request("GET", "/v1")["pid"] == engine.pid
    assert shared_home.loose_files() == []
    for job in engine_jobs(engine):  # a damaged byte in a name still makes a job
        engine.request("POST", f"/v1/jobs/{job['id']}/cancel")
    assert set(shared_home.jobs()) == before


@pytest.mark.parametrize(
    "data",
    [b"GET / HTTP/9.9\r\n\r\n", b"\r\n" * 5000, b"GET /" + b"a" * 200_000 + b" HTTP/1.1\r\n\r\n",
     b"GET /v1 HTTP/1.1\r\nHost: localhost\r\n" + b"X: y\r\n" * 50_000, b"\x16\x03\x01\x02\x00\x01",
     b"PUT /v1/jobs/x/plates/0 HTTP/1.1\r\nHost: localhost\r\nContent-Length: -5\r\n\r\nabc",
     b"PUT /v1/jobs/x/plates/0 HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\n"
     b"Content-Length: 5\r\n\r\nZZ\r\n",
     b"PUT /v1/jobs/x/plates/" + b"9" * 5000 + b" HTTP/1.1\r\nHost: localhost\r\n"
     b"Content-Length: 0\r\n\r\n",
     b"CONNECT evil:80 HTTP/1.1\r\nHost: localhost\r\n\r\n",
     b"GET /v1 HTTP/1.1\r\nHost: localhost\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n"],
)  # fmt: skip
def test_hostile_requests(engine: Connection, data: bytes) -> None:
    answer = send(engine, data)
    assert answer == b"" or answer.startswith(b"HTTP/1.1 4")
    assert engine.request("GET", "/v1")["pid"] == engine.pid


def test_a_thousand_connections_leave_no_socket_open(engine: Connection) -> None:
    def sockets() -> int:
        return len(list(Path(f"/proc/{engine.pid}/fd").iterdir()))

    if not Path("/proc/self").exists():
        pytest.skip("looks into /proc")
    before = sockets()
    for _ in range(1000):
        line = socket.socket(socket.AF_UNIX)
        line.connect(engine.address[5:])
        line.close()
    wait_until(lambda: sockets() <= before + 1, 10)


def send(engine: Connection, data: bytes) -> bytes:
    line = socket.socket(socket.AF_UNIX)
    line.settimeout(10)
    line.connect(engine.address[5:])
    answer = b""
    try:
        line.sendall(data)
        line.shutdown(socket.SHUT_WR)
        while part := line.recv(65536):
            answer += part
    except (BrokenPipeError, ConnectionResetError):
        pass  # refused before all of it was sent
    finally:
        line.close()
    return answer
