"""Qt for the tests of the panel: one application without a screen, and loops that turn it."""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Callable, Iterator
from types import TracebackType
from typing import Any

import pytest

os.environ.setdefault("QT_QPA_PLATFORM", "offscreen")
try:
    from Qt import QtCore, QtGui, QtWidgets
except ImportError as reason:  # no Qt.py, or a library of the system that Qt wants
    pytest.skip(f"Qt cannot be loaded: {reason}", allow_module_level=True)

__all__ = ["QtCore", "QtGui", "QtWidgets", "application", "qt", "turn"]

application = QtWidgets.QApplication.instance() or QtWidgets.QApplication(["tests"])


def turn(seconds: float, until: Callable[[], bool] | None = None) -> None:
    """Turn the event loop; fails when ``until`` is given and does not come true in time."""
    start = time.monotonic()
    while time.monotonic() - start < seconds:
        application.processEvents()
        if until is not None and until():
            return
        time.sleep(0.01)
    assert until is None, "waited in vain"


@pytest.fixture
def qt(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Fails the test when a slot raises: Qt prints that and goes on. Leaves no window behind."""
    raised: list[BaseException] = []

    def remember(kind: type[BaseException], error: BaseException, at: TracebackType | None) -> Any:
        raised.append(error)
        sys.__excepthook__(kind, error, at)

    monkeypatch.setattr(sys, "excepthook", remember)
    yield
    for window in QtWidgets.QApplication.topLevelWidgets():
        window.close()
        window.deleteLater()
    application.sendPostedEvents(None, int(QtCore.QEvent.Type.DeferredDelete.value))
    turn(0.05)
    assert raised == []
