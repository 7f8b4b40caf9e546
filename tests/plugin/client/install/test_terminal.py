"""The installer on a terminal: what ends it."""

from __future__ import annotations

import os
import signal
from typing import Any, cast

import pytest

from dmp_matting.client.install import terminal
from dmp_matting.errors import CancelledError


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_a_terminal_that_is_closed_cancels_it_too(number: signal.Signals) -> None:
    class Task:
        done = False

        def poll(self) -> list[object]:
            os.kill(os.getpid(), number)
            return []

        def cancel(self) -> None:
            self.done = True

        def wait(self, seconds: float) -> None: ...

        def result(self) -> None:
            raise CancelledError("Nothing was installed.")

    before = signal.getsignal(number)
    with pytest.raises(CancelledError):
        terminal._run(cast(Any, Task()))
    assert signal.getsignal(number) is before
