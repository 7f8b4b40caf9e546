"""Who is let in, what is refused, and what that leaves behind: nothing."""

from __future__ import annotations

import contextlib
import http.client
import json
import os
import resource
import socket
from collections.abc import Mapping
from pathlib import Path

import pytest

from dmp_matting import OutputError
from dmp_matting.client.connection import Connection, _UnixConnection

from ...conftest import Home, Pair, wait_until


def ask(
    engine: Connection,
    method: str,
    path: str,
    headers: Mapping[str, str] | None = None,
    body: bytes | None = None,
    token: bool = True,
) -> tuple[int, dict[str, str]]:
    """Status and JSON of a request with exactly these headers (and the token, unless not)."""
    connection: http.client.HTTPConnection = _UnixConnection(engine.address[5:], 20)
    sent = {"Host": "localhost", **(headers or {})}
    if token:
        sent.setdefault("Authorization", f"Bearer {engine.token}")
    connection.putrequest(method, path, skip_host=True, skip_accept_encoding=True)
    for name, value in sent.items():
        if value:
            connection.putheader(name, value)
    if body is not None and "Content-Length" not in sent:
        connection.putheader("Content-Length", str(len(body)))
    with contextlib.suppress(BrokenPipeError):  # refused before all of it was sent
        connection.endheaders(body)
    answer = connection.getresponse()
    data = answer.read()
    connection.close()
    of_ours = answer.headers["Content-Type"] == "application/json"
    return answer.status, json.loads(data) if of_ours else {}


@pytest.mark.parametrize(
    "path", ["/v1", "/v1/status", "/v1/jobs", "/v1/openapi.json", "/v1/nowhere", "/", "/v1/attend"]
)
@pytest.mark.parametrize(
    "given", ["", "Bearer", "Bearer wrong", "Basic {token}", "bearer{token}", "{token}", "Bearer ü"]
)
def test_without_the_token_nothing_is_reported(engine: Connection, path: str, given: str) -> None:
    headers = {"Authorization": given.replace("{token}", engine.token)}
    status, answer = ask(engine, "GET", path, headers, token=False)
    assert status == 401
    assert answer == {"error": "InputError", "message": "The engine's token is missing or wrong."}


@pytest.mark.parametrize(
    "host", ["", "evil.example", "localhost.evil.example", "127.0.0.1.evil.example", "10.0.0.1",
             "localhost:80:80", "127.0.0.1:99999999", "localhost@evil", "[::1", "LOCALHOST\u0660"],
)  # fmt: skip
def test_a_forged_host_is_refused(engine: Connection, host: str) -> None:
    status, answer = ask(engine, "GET", "/v1", {"Host": host.encode("utf-8").decode("latin-1")})
    assert status in (400, 403)  # h11 itself refuses a request without any Host
    assert not answer or "Host" in answer["message"]


def test_two_hosts_are_refused(engine: Connection) -> None:
    assert raw(engine, b"GET /v1 HTTP/1.1\r\nHost: localhost\r\nHost: evil\r\n\r\n")[9:12] in (
        b"400",
        b"403",
    )


@pytest.mark.parametrize("origin", ["http://evil.example", "null", "https://localhost", "file://"])
def test_requests_of_web_pages_are_refused(engine: Connection, origin: str) -> None:
    assert ask(engine, "GET", "/v1", {"Origin": origin})[0] == 403
    assert ask(engine, "POST", "/v1/shutdown", {"Origin": origin}, b"{}")[0] == 403


def raw(engine: Connection, data: bytes) -> bytes:
    """What comes back for these very bytes."""
    line = socket.socket(socket.AF_UNIX)
    line.settimeout(10)
    line.connect(engine.address[5:])
    try:
        line.sendall(data)
        line.shutdown(socket.SHUT_WR)
        answer = b""
        while part := line.recv(65536):
            answer += part
        return answer
    except (BrokenPipeError, ConnectionResetError):
        return b""
    finally:
        line.close()


def new_job(engine: Connection, pair: Pair) -> str:
    return str(engine.request("POST", "/v1/jobs", {"job": pair.job().to_json()})["id"])


def test_oversized_bodies(engine: Connection, pair: Pair, shared_home: Home) -> None:
    """Announced and unannounced; the engine of these tests takes 8 MB a plate."""
    job = new_job(engine, pair)
    place = f"/v1/jobs/{job}/plates/0"
    announced = {"Content-Length": str(9 << 20)}
    assert ask(engine, "PUT", place, announced, b"x")[0] == 413

    chunk = b"100000\r\n" + bytes(1 << 20) + b"\r\n"
    head = (
        f"PUT {place} HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer {engine.token}\r\n"
        "Transfer-Encoding: chunked\r\n\r\n"
    )
    answer = raw(engine, head.encode() + chunk * 9 + b"0\r\n\r\n")
    assert answer == b"" or answer.split()[1] == b"413"

    long = json.dumps({"job": "x" * (17 << 20)}).encode()
    status, answer = ask(engine, "POST", "/v1/jobs", body=long)
    assert status == 413 and "larger than" in answer["message"]
    assert shared_home.loose_files() == []
    engine.request("POST", f"/v1/jobs/{job}/cancel")
    assert job not in shared_home.jobs()


@pytest.mark.parametrize(
    "body",
    [b"", b"[]", b"{", b'"job"', b"\xff\xfe", b'{"job": NaN}', b"{}", b'{"job": {}}', b"[" * 100000,
     b'{"job": {"frames": [], "settings": {}}}', b'{"job": {"frames": 3, "settings": {}}}',
     b'{"job": {"frames": [{"number": true, "plates": []}], "settings": {}}}'],
)  # fmt: skip
def test_bodies_that_are_no_job(engine: Connection, shared_home: Home, body: bytes) -> None:
    before = shared_home.jobs()
    status, answer = ask(engine, "POST", "/v1/jobs", body=body)
    assert status == 400 and answer["error"] == "InputError"
    assert shared_home.jobs() == before


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        ({"settings": {"rounds": 99}}, "between 1 and 10"),
        ({"settings": {"colour": 1}}, "no setting 'colour'"),
        ({"frames": "no clean"}, "no clean plate"),
        ({"frames": "twice"}, "named twice"),
        ({"frames": "two images"}, "two plates of one role"),
    ],
)
def test_jobs_that_make_no_sense(
    engine: Connection, pair: Pair, change: dict[str, object], sentence: str
) -> None:
    job = pair.job().to_json()
    (frame,) = job["frames"]
    if change.get("frames") == "no clean":
        frame["plates"] = frame["plates"][:1]
    elif change.get("frames") == "twice":
        job["frames"] = [frame, frame]
    elif change.get("frames") == "two images":
        frame["plates"] = [*frame["plates"], frame["plates"][0]]
    else:
        job.update(change)
    status, answer = ask(engine, "POST", "/v1/jobs", body=json.dumps({"job": job}).encode())
    assert status == 422 and sentence in answer["message"]


def test_out_of_order_requests(engine: Connection, pair: Pair, shared_home: Home) -> None:
    job = new_job(engine, pair)
    assert ask(engine, "POST", f"/v1/jobs/{job}/start")[0] == 409  # no plates yet
    assert ask(engine, "DELETE", f"/v1/jobs/{job}")[0] == 409  # not ended
    assert ask(engine, "PUT", f"/v1/jobs/{job}/plates/7", body=b"x")[0] == 404
    assert ask(engine, "PUT", f"/v1/jobs/{job}/plates/0", body=b"")[0] == 400
    assert ask(engine, "GET", f"/v1/jobs/{job}/frames/1/layers")[0] == 404
    assert ask(engine, "GET", f"/v1/jobs/{job}/preview")[0] == 404
    assert ask(engine, "POST", f"/v1/jobs/{job}/cancel")[0] == 200
    assert ask(engine, "POST", f"/v1/jobs/{job}/cancel")[0] == 200  # once more changes nothing
    assert ask(engine, "PUT", f"/v1/jobs/{job}/plates/0", body=b"x")[0] == 409
    assert ask(engine, "POST", f"/v1/jobs/{job}/start")[0] == 409
    assert ask(engine, "DELETE", f"/v1/jobs/{job}")[0] == 204
    assert ask(engine, "DELETE", f"/v1/jobs/{job}")[0] == 404
    assert ask(engine, "PATCH", "/v1/jobs")[0] == 405
    assert ask(engine, "GET", "/v1/nowhere")[0] == 404
    assert job not in shared_home.jobs()


@pytest.mark.parametrize(
    "name", ["../../../escape.exr", "/etc/passwd", "a/../../b.exr", "x." + "y" * 300, "con.e/x"]
)
def test_a_clients_path_never_names_a_file_of_ours(
    engine: Connection, pair: Pair, shared_home: Home, name: str
) -> None:
    job = pair.job().to_json()
    job["frames"][0]["plates"][0]["path"] = name
    made = engine.request("POST", "/v1/jobs", {"job": job})
    assert ask(engine, "PUT", f"/v1/jobs/{made['id']}/plates/0", body=b"hello")[0] == 204
    folder = next(shared_home.cache.glob(f"jobs-*/{made['id']}/plates"))
    assert [entry.partition(".")[0] for entry in os.listdir(folder)] == ["0"]
    engine.request("POST", f"/v1/jobs/{made['id']}/cancel")


@pytest.mark.parametrize("job", ["..", "%2e%2e", "%2e%2e%2f", "0" * 16, "x", "%00"])
def test_job_names_that_do_not_exist(engine: Connection, job: str) -> None:
    assert ask(engine, "GET", f"/v1/jobs/{job}")[0] == 404


def test_an_upload_that_stops_half_way(engine: Connection, pair: Pair, shared_home: Home) -> None:
    job = new_job(engine, pair)
    head = (
        f"PUT /v1/jobs/{job}/plates/0 HTTP/1.1\r\nHost: localhost\r\n"
        f"Authorization: Bearer {engine.token}\r\nContent-Length: 4000\r\n\r\n"
    )
    raw(engine, head.encode() + bytes(1000))
    wait_until(lambda: not shared_home.loose_files(), 5)
    plate = engine.request("GET", f"/v1/jobs/{job}")["plates"][0]
    assert plate["received"] is False
    engine.request("POST", f"/v1/jobs/{job}/cancel")


def test_a_full_disk_while_uploading(home: Home, pair: Pair, tmp_path: Path) -> None:
    """The engine may write 100 kB a file: the kernel then refuses as a full disk does."""
    pair.image.write_bytes(os.urandom(3_000_000))

    def limit() -> None:
        resource.setrlimit(resource.RLIMIT_FSIZE, (100_000, 100_000))

    wire = home.spawn(preexec_fn=limit)
    with pytest.raises(OutputError, match="cannot store the plate") as caught:
        list(pair.matting(wire, tmp_path / "o.exr").events())
    assert "free some disk space" in str(caught.value)
    assert home.loose_files() == [] and home.jobs() == []
    # It stays up, and takes what fits.
    small = Pair(tmp_path, seed=2)
    list(small.matting(wire, tmp_path / "small.exr").events())
    assert (tmp_path / "small.exr").exists()


def test_an_upload_larger_than_the_disk_is_refused_at_once(
    home: Home, pair: Pair, tmp_path: Path
) -> None:
    wire = home.spawn("--plate-mb", str(1 << 40))
    job = new_job(wire, pair)
    status, answer = ask(
        wire, "PUT", f"/v1/jobs/{job}/plates/0", {"Content-Length": str(1 << 55)}, b"x"
    )
    assert status == 507 and answer["error"] == "OutputError"


def test_nothing_secret_is_logged(home: Home, pair: Pair, tmp_path: Path) -> None:
    wire = home.start()
    list(pair.matting(wire, tmp_path / "o.exr").events())
    assert wire.token not in home.log()
    for pid in home.processes():
        assert wire.token not in Path(f"/proc/{pid}/cmdline").read_text()
        assert wire.token.encode() not in Path(f"/proc/{pid}/environ").read_bytes()
