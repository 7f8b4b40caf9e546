"""Bodies as streams: JSON lines out, plates in."""

from __future__ import annotations

import asyncio
import contextlib
import json
import logging
import shutil
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

from starlette.requests import Request
from starlette.responses import Response
from starlette.types import Receive, Scope, Send

from dmp_matting.atomic_write import atomic_write
from dmp_matting.errors import InputError, OutputError, PlateError

from .errors import Refusal

RESERVE = 64 << 20  # bytes of disk that an upload must leave
DRAIN_LIMIT = 256 << 20  # bytes read and thrown away so that the client can read our answer
DRAIN_SECONDS = 5.0
BUFFER = 1 << 20

log = logging.getLogger("dmp.http")


class LineStream(Response):
    """JSON lines until the iterator ends or the client is gone, which closes the iterator."""

    media_type = "application/x-ndjson"

    def __init__(self, lines: AsyncIterator[dict[str, Any]]) -> None:
        self.lines = lines
        super().__init__(headers={"Cache-Control": "no-store"})
        del self.headers["content-length"]

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        async def write() -> None:
            start = {"type": "http.response.start", "status": 200, "headers": self.raw_headers}
            await send(start)
            async for line in self.lines:
                body = json.dumps(line).encode() + b"\n"
                await send({"type": "http.response.body", "body": body, "more_body": True})
            await send({"type": "http.response.body", "body": b"", "more_body": False})

        async def hang_up() -> None:
            while (await receive())["type"] != "http.disconnect":
                pass

        tasks = [asyncio.create_task(write()), asyncio.create_task(hang_up())]
        try:
            await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for task in tasks:
                task.cancel()
            (failure, _) = await asyncio.gather(*tasks, return_exceptions=True)
            if isinstance(failure, Exception) and not isinstance(failure, OSError):
                log.error("a stream of lines was cut short", exc_info=failure)
            with contextlib.suppress(RuntimeError):
                await self.lines.aclose()  # type: ignore[attr-defined]


async def receive_file(request: Request, target: Path, limit: int) -> int:
    """Stream the body to ``target``; its size in bytes. A failure leaves no file behind.

    Raises Refusal: 413 for more than ``limit`` bytes, 507 for a full disk, 400 for an empty body.
    """
    announced = _announced_length(request)
    if announced > limit:
        raise Refusal(413, InputError(f"A plate may have {limit >> 20} MB at most."))
    if announced > shutil.disk_usage(target.parent).free - RESERVE:
        await _drain(request)
        raise Refusal(507, _full())
    size = 0
    try:
        with atomic_write(target) as temporary, temporary.open("wb", buffering=BUFFER) as file:
            async for part in request.stream():
                size += len(part)
                if size > limit:
                    raise Refusal(413, InputError(f"A plate may have {limit >> 20} MB at most."))
                file.write(part)
            if size == 0:
                raise Refusal(400, PlateError("The plate is empty."))
    except FileNotFoundError:
        raise Refusal(409, InputError("The job ended while this plate was sent.")) from None
    except OSError as reason:
        await _drain(request)
        raise Refusal(507, _full(reason.strerror)) from None
    return size


async def _drain(request: Request) -> None:
    """Read on for a while: a client that is still sending would miss our answer."""
    left = DRAIN_LIMIT
    with contextlib.suppress(RuntimeError, TimeoutError):  # RuntimeError: it was read already
        async with asyncio.timeout(DRAIN_SECONDS):
            async for part in request.stream():
                left -= len(part)
                if left < 0:
                    break


def _announced_length(request: Request) -> int:
    """Content-Length; 0 for a chunked body, whose size shows on the way."""
    try:
        return int(request.headers.get("content-length", "0"))
    except ValueError:
        raise Refusal(400, InputError("Content-Length is not a number.")) from None


def _full(reason: str | None = None) -> OutputError:
    return OutputError(
        f"The engine cannot store the plate ({reason or 'no space left'}); free some disk space, "
        "for instance with `dmp cache clear`, or set DMP_CACHE_DIR to a larger disk."
    )
