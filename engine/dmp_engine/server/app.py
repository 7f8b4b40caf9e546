"""The routes of the engine: the API under /v1 (bearer token) and the status page (cookie).

openapi.py describes the API, docs/engineering/engine_protocol.md explains it.
"""

from __future__ import annotations

import asyncio
import os
import re
import sys
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import asdict, fields
from typing import Any

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import FileResponse, HTMLResponse, JSONResponse, RedirectResponse, Response
from starlette.routing import Route
from starlette.types import ASGIApp

from dmp_matting.errors import EngineError, InputError
from dmp_matting.job import PROOF, PROTOCOL, JobState, proof_of
from dmp_matting.settings import Settings

from ..version import PACKAGE, engine_version, installed_version
from . import page
from .auth import COOKIE, Gate, PageKeys
from .dispatcher import Dispatcher, Live
from .errors import HANDLERS, Refusal, read_object
from .events import job_events, job_summary
from .file_digest import plate_digest
from .job_store import Record
from .large_json import beside_the_loop, write
from .openapi import description
from .presence import Presence
from .requests import parse_new_job
from .streams import LineStream, receive_file

HEARTBEAT = 5.0  # seconds
LARGE = 1000  # frames of a job
NUMBER = re.compile("[0-9a-f]{64}")  # a client's, to be proved with


class LayersResponse(FileResponse):
    """An EXR of many megabytes: fewer, larger pieces."""

    chunk_size = 1 << 20


class Api:
    """The routes, around one dispatcher."""

    def __init__(self, dispatcher: Dispatcher, plate_limit: int) -> None:
        self.dispatcher = dispatcher
        self.plate_limit = plate_limit
        self.keys = PageKeys()
        self.hosts = Presence()
        self.deserted = False  # the last client went away instead of saying that it was done
        self.stop_asked = asyncio.Event()
        self.open_page: Callable[[], Awaitable[str]] | None = None  # the page's address
        self.started = time.monotonic()
        self.used = time.monotonic()  # when a client last wanted something

    def app(self, token: str) -> ASGIApp:
        """The API, for the engine's own socket."""

        async def prove(request: Request) -> Response:
            number = request.query_params.get("number", "")
            if not NUMBER.fullmatch(number):
                raise Refusal(400, InputError("'number' wants 64 hexadecimal digits."))
            return JSONResponse({"proof": proof_of(token, number)})

        routes = [
            Route("/v1", self.greeting, methods=["GET"]),
            Route(PROOF, prove, methods=["GET"]),
            Route("/v1/openapi.json", self.openapi, methods=["GET"]),
            Route("/v1/status", self.status, methods=["GET"]),
            Route("/v1/attend", self.attend, methods=["GET"]),
            Route("/v1/page", self.page_address, methods=["POST"]),
            Route("/v1/shutdown", self.shutdown, methods=["POST"]),
            Route("/v1/cache", self.cache, methods=["GET", "DELETE"]),
            Route("/v1/jobs", self.jobs, methods=["GET", "POST"]),
            Route("/v1/jobs/{id}", self.job, methods=["GET", "DELETE"]),
            Route("/v1/jobs/{id}/plates/{index}", self.plate, methods=["PUT"]),
            Route("/v1/jobs/{id}/start", self.start, methods=["POST"]),
            Route("/v1/jobs/{id}/cancel", self.cancel, methods=["POST"]),
            Route("/v1/jobs/{id}/events", self.events, methods=["GET"]),
            Route("/v1/jobs/{id}/frames/{number}/layers", self.layers, methods=["GET"]),
            Route("/v1/jobs/{id}/preview", self.preview, methods=["GET"]),
        ]
        for route in routes:
            route.methods.discard("HEAD")  # type: ignore[union-attr]
        return Gate(_application(routes), token=token)

    def page_app(self) -> ASGIApp:
        """The status page, for its own TCP port; nothing here changes anything."""
        routes = [
            Route("/", self.page, methods=["GET"]),
            Route("/status", self.status, methods=["GET"]),
            Route("/jobs/{id}/preview", self.preview, methods=["GET"]),
        ]
        return Gate(_application(routes), keys=self.keys)

    # --- the engine ----------------------------------------------------------------------------

    async def greeting(self, request: Request) -> Response:
        return JSONResponse(
            {
                "engine": "dmp",
                "protocol": PROTOCOL,
                "version": engine_version(),
                "installed": await asyncio.to_thread(installed_version),
                "python": sys.executable,
                "folder": PACKAGE,
                "pid": os.getpid(),
                "settings": [spec.name for spec in fields(Settings)],
            }
        )

    async def openapi(self, request: Request) -> Response:
        return JSONResponse(description())

    async def status(self, request: Request) -> Response:
        return await asyncio.to_thread(self._status)

    def _status(self) -> Response:
        usage = self.dispatcher.cache.usage()
        slots = self.dispatcher.pool.slots
        return _json(
            {
                "version": engine_version(),
                "pid": os.getpid(),
                "uptime": round(time.monotonic() - self.started, 1),
                "devices": [
                    {
                        **asdict(slot.device),
                        "state": "busy" if slot.job else "ready" if slot.worker else "asleep",
                        "job": slot.job,
                        "held": slot.worker.memory if slot.worker else {},
                    }
                    for slot in slots
                ],
                "jobs": self._summaries(),
                "cache": asdict(usage),
            }
        )

    async def attend(self, request: Request) -> Response:
        """A host's sign of life: the stream lasts as long as host and engine do."""

        async def alive() -> AsyncIterator[dict[str, Any]]:
            self.deserted = False
            try:
                with self.hosts.present():
                    while not self.stop_asked.is_set():
                        yield {"event": "alive"}
                        await asyncio.sleep(HEARTBEAT)
            finally:
                self.deserted = True

        return LineStream(alive())

    async def page_address(self, request: Request) -> Response:
        assert self.open_page is not None
        address = await self.open_page()
        return JSONResponse({"url": f"{address}/?key={self.keys.new_key()}"}, 201)

    async def shutdown(self, request: Request) -> Response:
        """Stop; 409 while jobs are there, unless forced."""
        body = await read_object(request)
        force = body.get("force", False)
        if type(force) is not bool or body.keys() - {"force"}:
            raise Refusal(400, InputError("The body may hold 'force', true or false."))
        if self.dispatcher.busy and not force:
            raise Refusal(409, InputError("The engine has work; stop it with --force."))
        self.stop_asked.set()
        return Response(status_code=202)

    async def cache(self, request: Request) -> Response:
        store = self.dispatcher.cache
        if request.method == "DELETE":
            return JSONResponse({"removed": await asyncio.to_thread(store.clear)})
        return JSONResponse(asdict(await asyncio.to_thread(store.usage)))

    # --- jobs ----------------------------------------------------------------------------------

    async def jobs(self, request: Request) -> Response:
        if request.method == "GET":
            return await asyncio.to_thread(lambda: _json({"jobs": self._summaries()}))
        self._refuse_at_the_end()
        body = await read_object(request)
        self._wanted()
        # A job may have 50,000 frames: what takes long is done beside the event loop.
        record = await beside_the_loop(lambda: self._stored(body), large=_is_large(body))
        self._refuse_at_the_end()
        live = self.dispatcher.enter(record)
        return await self._summary(live, 201)

    async def job(self, request: Request) -> Response:
        live = self._live(request)
        if request.method == "DELETE":
            if not live.record.ended:
                raise Refusal(409, InputError("The job has not ended; cancel it first."))
            self.dispatcher.forget(live)
            return Response(status_code=204)
        return await self._summary(live)

    async def plate(self, request: Request) -> Response:
        live = self._live(request)
        record, text = live.record, request.path_params["index"]
        index = _number(text)
        if index is None or not 0 <= index < len(record.plates):
            raise Refusal(404, InputError(f"The job has no plate {text[:40]}."))
        if record.state is not JobState.UPLOADING:
            raise Refusal(409, InputError(f"The job is {record.state.value}, not uploading."))
        place = self.dispatcher.store.plate(record, index)
        with live.presence.present(), self.hosts.present():
            size = await receive_file(request, place, self.plate_limit)
            try:
                digest = await asyncio.to_thread(plate_digest, place)
            except FileNotFoundError:
                raise Refusal(409, InputError("The job ended while this plate was sent.")) from None
        record.plates[index].bytes, record.plates[index].digest = size, digest
        return Response(status_code=204)

    async def start(self, request: Request) -> Response:
        live = self._live(request)
        if live.record.state is not JobState.UPLOADING:
            raise Refusal(409, InputError(f"The job is {live.record.state.value} already."))
        missing = live.record.missing()
        if missing:
            name = live.record.plates[missing[0]].path
            raise Refusal(409, InputError(f"The plate {name} has not been sent."))
        self._refuse_at_the_end()
        self._wanted()
        live.presence.seen()
        self.dispatcher.start(live)
        return await self._summary(live)

    async def cancel(self, request: Request) -> Response:
        live = self._live(request)
        self.dispatcher.cancel(live, "Cancelled on request.")
        return await self._summary(live)

    async def events(self, request: Request) -> Response:
        live = self._live(request)
        self.deserted = False

        async def lines() -> AsyncIterator[dict[str, Any]]:
            with live.presence.present(), self.hosts.present():
                async for event in job_events(live, self.dispatcher, HEARTBEAT):
                    yield event
            self._wanted()

        return LineStream(lines())

    async def layers(self, request: Request) -> Response:
        live = self._live(request)
        text = request.path_params["number"]
        number = _number(text)
        path = None if number is None else self.dispatcher.store.layers(live.record, number)
        if path is None or number not in live.record.layers or not path.exists():
            raise Refusal(404, InputError(f"Frame {text[:40]} is not finished."))
        self._wanted()
        return LayersResponse(path, media_type="image/x-exr")

    async def preview(self, request: Request) -> Response:
        live = self._live(request)
        try:
            picture = self.dispatcher.store.preview(live.record).read_bytes()
        except FileNotFoundError:
            raise Refusal(404, InputError("The job shows no preview at the moment.")) from None
        return Response(picture, media_type="image/png", headers={"Cache-Control": "no-store"})

    # --- the page ------------------------------------------------------------------------------

    async def page(self, request: Request) -> Response:
        key = request.query_params.get("key")
        if key is not None:
            cookie = self.keys.spend(key)
            if cookie is None:
                raise Refusal(401, InputError(page.STALE))
            answer: Response = RedirectResponse("/", 303)
            answer.set_cookie(COOKIE, cookie, httponly=True, samesite="strict", path="/")
            return answer
        if not self.keys.known(request.cookies.get(COOKIE, "")):
            raise Refusal(401, InputError(page.STALE))
        return HTMLResponse(page.HTML, headers=page.HEADERS)

    # --- small things --------------------------------------------------------------------------

    def _live(self, request: Request) -> Live:
        live = self.dispatcher.jobs.get(request.path_params["id"])
        if live is None:
            raise Refusal(404, InputError("There is no such job; it may have been cleaned up."))
        return live

    def _refuse_at_the_end(self) -> None:
        """503: the client is to start the next engine."""
        if self.stop_asked.is_set():
            raise Refusal(503, EngineError("The engine is ending."))

    def _wanted(self) -> None:
        self.used = time.monotonic()
        self.deserted = False

    async def _summary(self, live: Live, status: int = 200) -> Response:
        return await asyncio.to_thread(lambda: _json(job_summary(live, self.dispatcher), status))

    def _stored(self, body: dict[str, Any]) -> Record:
        wanted = parse_new_job(body)
        return self.dispatcher.stored(wanted.job, attended=wanted.attended, ocio=wanted.ocio)

    def _summaries(self) -> list[dict[str, Any]]:
        """All jobs, newest first. Takes long where they have many frames."""
        newest_first = list(self.dispatcher.jobs.values())[::-1]
        return [job_summary(live, self.dispatcher) for live in newest_first]


def _json(data: dict[str, Any], status: int = 200) -> Response:
    headers = {"Cache-Control": "no-store"}
    return Response(write(data), status, headers, "application/json")


def _is_large(body: dict[str, Any]) -> bool:
    job = body.get("job")
    frames = job.get("frames") if isinstance(job, dict) else None
    return isinstance(frames, list) and len(frames) > LARGE


def _number(text: str) -> int | None:
    """A whole number of a path; None where it is none, or longer than any of ours."""
    return int(text) if re.fullmatch(r"-?[0-9]{1,10}", text) else None


def _application(routes: list[Route]) -> Starlette:
    made = Starlette(routes=routes, exception_handlers=HANDLERS)
    made.router.redirect_slashes = False  # a path is right or unknown
    return made
