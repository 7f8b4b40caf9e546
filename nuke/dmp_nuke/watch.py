"""Changes of the nodes above a DMP node: its tile shows states no longer that they have outdated.

Nuke calls :func:`changed` in idle time when anything in the script has changed. The nodes above are
then compared with those of the moment when the states were found: once for many changes, and at
most once a second.
"""

from __future__ import annotations

import time
from typing import Optional

import nuke

from . import knobs, results
from .node import each_node
from .sources import digest_above
from .ticker import Ticker

INTERVAL = 1.0  # seconds between two looks
SHARE = 20  # and as many times as long as a look takes: it is Nuke's main thread


class _Watch:
    """At most one ticker, which ends with its first look."""

    def __init__(self) -> None:
        self._ticker: Optional[Ticker] = None
        self._not_before = 0.0

    def start(self) -> None:
        if self._ticker is None:
            self._ticker = Ticker(self._tick, lambda _: self._end())

    def _tick(self) -> None:
        began = time.monotonic()
        if began < self._not_before:
            return
        self._end()  # a change after this one starts another look
        look()
        self._not_before = time.monotonic() + max(INTERVAL, SHARE * (time.monotonic() - began))

    def _end(self) -> None:
        if self._ticker is not None:
            self._ticker.stop()
        self._ticker = None


_watch = _Watch()


def changed() -> None:
    """A callback for each Group of a GUI session when something has changed; sets nothing."""
    if knobs.is_dmp(nuke.thisNode()):
        _watch.start()


def look() -> None:
    """Outdate the states of nodes above which something is not as it was when they were found."""
    with results.without_undo():
        for node in each_node():
            recorded = node.knob("states_of")
            if recorded is None or not knobs.shows_states(node):
                continue
            if recorded.value() and recorded.value() != digest_above(node):
                knobs.outdate_states(node)
