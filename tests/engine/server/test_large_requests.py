"""A job of very many frames is taken beside the event loop: nobody else waits for it."""

from __future__ import annotations

import asyncio
import json
import time
from pathlib import Path
from typing import Any

import pytest

from dmp_engine.server import large_json
from dmp_engine.server.app import Api
from dmp_engine.server.dispatcher import Dispatcher
from dmp_engine.server.job_store import Store
from dmp_engine.server.pool import Pool
from dmp_engine.server.requests import FRAMES_LIMIT
from dmp_engine.server.result_cache import ResultCache
from dmp_matting.job import Job
from dmp_matting.settings import Settings

TICK = 0.005  # seconds
LONGEST = 0.5  # seconds between two ticks: 0.1 and what a busy machine adds; it was seconds


def body(frames: int) -> bytes:
    job = {
        "settings": Settings().to_json(),
        "frames": [
            {"number": number, "plates": [
                {"path": f"/shows/a/plate.{number}.exr", "role": "image", "colour_space": "auto"},
                {"path": "/shows/a/clean.exr", "role": "clean", "colour_space": "auto"},
            ]} for number in range(frames)
        ],
    }  # fmt: skip
    return json.dumps({"job": job, "attended": False}).encode()


async def call(app: Any, method: str, path: str, content: bytes = b"") -> tuple[int, Any]:
    """Status and JSON of a request, its body in pieces as they come over a socket."""
    pieces = [content[at : at + 65536] for at in range(0, len(content), 65536)] or [b""]
    sent: list[dict[str, Any]] = []

    async def receive() -> dict[str, Any]:
        part = pieces.pop(0)
        await asyncio.sleep(0)
        return {"type": "http.request", "body": part, "more_body": bool(pieces)}

    async def send(message: dict[str, Any]) -> None:
        sent.append(message)

    headers = [(b"host", b"localhost"), (b"authorization", b"Bearer token")]
    scope = {"type": "http", "method": method, "path": path, "raw_path": path.encode(),
             "query_string": b"", "headers": headers, "http_version": "1.1", "scheme": "http",
             "client": None, "server": ("localhost", 80), "root_path": ""}  # fmt: skip
    await app(scope, receive, send)
    return sent[0]["status"], json.loads(b"".join(one.get("body", b"") for one in sent[1:]))


def test_a_job_of_the_most_frames_blocks_nobody(tmp_path: Path) -> None:
    content = body(FRAMES_LIMIT)
    dispatcher = Dispatcher(Store(tmp_path / "jobs"), ResultCache(tmp_path / "results"), Pool())
    app = Api(dispatcher, 1 << 20).app("token")
    gaps: list[float] = []

    async def tick() -> None:
        while True:
            begun = time.monotonic()
            await asyncio.sleep(TICK)
            gaps.append(time.monotonic() - begun - TICK)

    async def test() -> None:
        ticking = asyncio.create_task(tick())
        status, summary = await call(app, "POST", "/v1/jobs", content)
        assert status == 201 and len(summary["frames"]) == FRAMES_LIMIT
        for path in ("/v1/jobs", "/v1/status", f"/v1/jobs/{summary['id']}"):
            assert (await call(app, "GET", path))[0] == 200
        ticking.cancel()

    asyncio.run(test())
    assert len(gaps) > 50 and max(gaps) < LONGEST, (max(gaps), len(gaps))
    (record,) = Store(tmp_path / "jobs").load()
    assert record.job == Job.from_json(json.loads(content)["job"])
    assert len(record.content(record.job.frames[7])) == 2


@pytest.mark.parametrize(
    "value",
    [{"a": [{"b": [1] * 999, "c": {}}], "d": [{"e": None}] * 999}, [], {}, "x", {"f": [[1], [2]]}],
)
def test_what_is_written_in_pieces_reads_the_same(value: Any) -> None:
    assert json.loads(large_json.write(value)) == value


@pytest.mark.parametrize(
    "text", ['{"a": [1, 2.5, null, true, "\\u00e9"], "b": {}}', "[]", '"x"', "-0.0"]
)
def test_the_parser_that_gives_way_reads_the_same(
    text: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(large_json, "AT_ONCE", 0)
    assert large_json.parse(text) == json.loads(text)


@pytest.mark.parametrize("text", ["", "{", "[" * 100_000, '{"a": NaN}', "[1,]", "9" * 5000, "[] x"])
@pytest.mark.parametrize("at_once", [0, 1 << 20])
def test_and_refuses_the_same(text: str, at_once: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(large_json, "AT_ONCE", at_once)
    with pytest.raises((ValueError, RecursionError)):
        large_json.parse(text)
