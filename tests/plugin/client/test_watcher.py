"""The one watch of the engine, for the panel and for Blender."""

from __future__ import annotations

import pytest

from dmp_matting.client import watcher
from dmp_matting.client.engine_status import EngineState, EngineStatus
from dmp_matting.client.watcher import Event, Preview, Watcher

from ...conftest import wait_until

RUNNING = {"id": "a", "state": "running", "preview": "/v1/preview/1", "progress": {"frame": 7}}


class Connection:
    def blocks(self, address: str) -> list[bytes]:
        return [b"PNG ", address.encode()]


@pytest.fixture
def pythons(monkeypatch: pytest.MonkeyPatch) -> list[str | None]:
    """With which Python of the host's preferences each query was made."""
    found: list[str | None] = []

    def engine_state(python: str | None = None) -> EngineState:
        found.append(python)
        return EngineState(EngineStatus.BUSY, "Busy.", jobs=(RUNNING,))

    monkeypatch.setattr(watcher, "engine_state", engine_state)
    monkeypatch.setattr(watcher, "find_engine", Connection)
    return found


@pytest.mark.parametrize("previews", [True, False])
def test_states_and_previews(pythons: list[str | None], previews: bool) -> None:
    watch = Watcher(0.01, previews=previews)
    events: list[Event] = []
    watch.start()
    try:
        wait_until(lambda: len(pythons) > 3, 10)
        watch.python = "/of/the/preferences"
        wait_until(lambda: pythons[-1] == "/of/the/preferences", 10)
    finally:
        watch.stop()
    events += watch.poll()
    states = [event for event in events if isinstance(event, EngineState)]
    pictures = [event for event in events if isinstance(event, Preview)]
    assert len(states) > 3 and pythons[0] is None
    # A picture is fetched once, and none where nobody shows it.
    assert pictures == ([Preview("a", 7, b"PNG /v1/preview/1")] if previews else [])


def test_it_starts_again_after_a_stop(pythons: list[str | None]) -> None:
    watch = Watcher(0.01, previews=False)
    watch.start()
    watch.start()  # while it runs: nothing more
    wait_until(lambda: len(pythons) > 0, 10)
    watch.stop()
    before = len(pythons)
    watch.start()
    wait_until(lambda: len(pythons) > before + 1, 10)
    watch.stop()
