"""Work on a thread: events in order, one result or one error, nothing that waits but ``wait``."""

from __future__ import annotations

import threading
from collections.abc import Callable

import pytest

from dmp_matting import CancelledError, EngineError
from dmp_matting.client.background_task import BackgroundTask


def test_events_come_in_order_and_the_result_last() -> None:
    go = threading.Event()

    def work(report: Callable[[int], None]) -> str:
        report(1)
        report(2)
        go.wait(30)
        report(3)
        return "made"

    task = BackgroundTask(work, "dmp-test")
    assert not task.wait(0) and not task.done
    events = []
    while len(events) < 2:
        events += task.poll()
    assert events == [1, 2] and task.poll() == []
    with pytest.raises(AssertionError, match="not ended"):
        task.result()
    go.set()
    assert task.wait(30)
    assert not task.done  # an event is left
    assert task.poll() == [3] and task.done
    assert task.result() == task.result() == "made"


def test_what_ends_the_work_is_raised_by_result() -> None:
    def cancelled(report: Callable[[int], None]) -> None:
        report(1)
        raise CancelledError("Cancelled on request.")

    def bug(report: Callable[[int], None]) -> None:
        raise KeyError("gone")

    task = BackgroundTask(cancelled, "dmp-test")
    assert task.wait(30) and task.poll() == [1] and task.done
    with pytest.raises(CancelledError, match="on request"):
        task.result()
    other = BackgroundTask(bug, "dmp-test")
    assert other.wait(30) and other.done
    with pytest.raises(EngineError, match=r"DMP hit a bug: KeyError: 'gone'\."):
        other.result()
