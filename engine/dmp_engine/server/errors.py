"""The response to a request that fails: an HTTP status and one of our errors.

{"error": "PlateError", "message": "one sentence"}
"""

from __future__ import annotations

import logging
from typing import Any

from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect, Request
from starlette.responses import JSONResponse, Response

from dmp_matting.errors import DmpError, EngineError, InputError, OutputError

from ..machine.errors import as_dmp_error
from .large_json import AT_ONCE, beside_the_loop, parse

JSON_LIMIT = 16 << 20  # bytes; a job of 50,000 frames

log = logging.getLogger("dmp.http")


class Refusal(Exception):
    """An answer other than success."""

    def __init__(self, status: int, error: DmpError) -> None:
        super().__init__(str(error))
        self.status = status
        self.error = error


def refusal_response(refusal: Refusal) -> JSONResponse:
    headers = {"WWW-Authenticate": "Bearer"} if refusal.status == 401 else {}
    if refusal.status in (401, 403, 413):
        headers["Connection"] = "close"  # the rest of the body is not read
    return JSONResponse(refusal.error.to_wire(), refusal.status, headers)


async def _on_refusal(request: Request, refusal: Exception) -> Response:
    assert isinstance(refusal, Refusal)
    return refusal_response(refusal)


async def _on_dmp_error(request: Request, error: Exception) -> Response:
    assert isinstance(error, DmpError)
    status = {InputError: 422, OutputError: 507, EngineError: 503}
    code = next((number for kind, number in status.items() if isinstance(error, kind)), 500)
    return JSONResponse(error.to_wire(), code)


async def _on_http(request: Request, error: Exception) -> Response:
    assert isinstance(error, HTTPException)
    failure = InputError(f"{request.method} {request.url.path}: {error.detail}.")
    return JSONResponse(failure.to_wire(), error.status_code, error.headers)


async def _on_gone(request: Request, error: Exception) -> Response:
    return Response(status_code=400)  # nobody reads it


async def _on_bug(request: Request, error: Exception) -> Response:
    failure = as_dmp_error(error)
    log.error("%s %s: %s", request.method, request.url.path, failure)
    return JSONResponse(failure.to_wire(), 500)


HANDLERS: dict[Any, Any] = {
    Refusal: _on_refusal,
    DmpError: _on_dmp_error,
    HTTPException: _on_http,
    ClientDisconnect: _on_gone,
    Exception: _on_bug,
}


async def read_object(request: Request) -> dict[str, Any]:
    """The body as a JSON object of at most JSON_LIMIT bytes. Raises Refusal 413 and 400."""
    data = bytearray()
    async for part in request.stream():
        data += part
        if len(data) > JSON_LIMIT:
            raise Refusal(413, InputError(f"The request is larger than {JSON_LIMIT} bytes."))
    try:
        text = bytes(data or b"{}").decode("utf-8")
        large = len(text) > AT_ONCE
        found = await beside_the_loop(lambda: parse(text), large=True) if large else parse(text)
    except (ValueError, RecursionError):
        found = None
    if not isinstance(found, dict):
        raise Refusal(400, InputError("The request's body is not a JSON object."))
    return found
