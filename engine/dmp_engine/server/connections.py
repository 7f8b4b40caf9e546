"""Connections that have not sent a whole request: few at a time, and none for long.

Whoever reaches the TCP port or the status page may open connections and send nothing, or half a
header. They must not take the places of a client that knows the token: such a client sends its
header at once, so what waits longest goes first. What a connection may do once its header is there
is decided by auth.py, whose refusals close it.
"""

from __future__ import annotations

import asyncio
import contextlib

from uvicorn.protocols.http.h11_impl import H11Protocol

from dmp_matting.operating_system import limits

HEADER_LIMIT = 10.0  # seconds for the header of a request, also between two of one connection
MOST_WAITING = 256  # connections
OPEN_FILES = 8192  # that the engine would like to have at once


def limited_protocol(
    header_limit: float = HEADER_LIMIT, most: int = MOST_WAITING
) -> type[H11Protocol]:
    """uvicorn's protocol with both limits; all connections of the class count together."""
    waiting: dict[H11Protocol, asyncio.TimerHandle] = {}  # the longest first

    class Limited(H11Protocol):
        def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
            super().connection_made(transport)
            self._wait()
            if len(waiting) > most:
                next(iter(waiting))._drop()  # type: ignore[attr-defined]

        def connection_lost(self, exc: Exception | None) -> None:
            self._go_on()
            super().connection_lost(exc)

        def handle_events(self) -> None:
            super().handle_events()
            if self.cycle is not None and not self.cycle.response_complete:
                self._go_on()

        def on_response_complete(self) -> None:
            self._wait()
            super().on_response_complete()

        def _wait(self) -> None:
            self._go_on()
            waiting[self] = self.loop.call_later(header_limit, self._drop)

        def _go_on(self) -> None:
            timer = waiting.pop(self, None)
            if timer is not None:
                timer.cancel()

        def _drop(self) -> None:
            self._go_on()
            self.transport.abort()

    return Limited


def raise_file_limit() -> None:
    """Allow this process as many open files as it may have, up to OPEN_FILES."""
    resource = limits()
    if resource is None:
        return
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = OPEN_FILES if hard == resource.RLIM_INFINITY else min(hard, OPEN_FILES)
    if soft != resource.RLIM_INFINITY and soft < wanted:
        with contextlib.suppress(OSError, ValueError):
            resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, hard))
