"""Who is still there: a host that waits for a job, and hosts that keep the engine for themselves.

A stream that stays open is the only honest sign of a client: however it dies,
its end of the socket closes. Leaving is forgiven for a grace period, because a
client reconnects after a hiccup, and the whole engine may just have restarted.
"""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager


class Presence:
    """Counts open streams; knows since when nobody is there."""

    def __init__(self) -> None:
        self.streams = 0
        self._left = time.monotonic()

    @contextmanager
    def present(self) -> Iterator[None]:
        """While the body runs, somebody is there."""
        self.streams += 1
        try:
            yield
        finally:
            self.streams -= 1
            self.seen()

    def seen(self, ahead: float = 0.0) -> None:
        """Somebody was there just now, or is trusted to come within ``ahead`` more seconds."""
        self._left = time.monotonic() + ahead

    def absent_for(self) -> float:
        """Seconds since the last sign of a client; 0 while one is there."""
        return 0.0 if self.streams else max(0.0, time.monotonic() - self._left)
