"""The installer on a terminal: what it asks, and what ends it."""

from __future__ import annotations

import io
import os
import signal
from typing import Any, cast

import pytest

from dmp_matting.client.install import __main__ as command
from dmp_matting.client.install import terminal
from dmp_matting.errors import CancelledError, InputError


class Stream(io.StringIO):
    """A standard stream: of a terminal, or not."""

    def __init__(self, typed: str, terminal: bool) -> None:
        super().__init__(typed)
        self._terminal = terminal

    def isatty(self) -> bool:
        return self._terminal


@pytest.mark.parametrize("typed", ["\n", "y\n", "Yes\n"])
def test_a_person_agrees(typed: str, monkeypatch: pytest.MonkeyPatch) -> None:
    shown = Stream("", True)
    monkeypatch.setattr("sys.stdin", Stream(typed, True))
    monkeypatch.setattr("sys.stderr", shown)
    terminal._ask()
    assert shown.getvalue() == "Go on? [Y/n] "


@pytest.mark.parametrize("typed", ["", "n\n", "what?\n"], ids=["Ctrl-D", "no", "another word"])
def test_a_person_does_not_agree(typed: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sys.stdin", Stream(typed, True))
    monkeypatch.setattr("sys.stderr", Stream("", True))
    with pytest.raises(CancelledError, match="Nothing was installed"):
        terminal._ask()


def test_ctrl_c_at_the_question(monkeypatch: pytest.MonkeyPatch) -> None:
    class Interrupted(Stream):
        def readline(self, size: int = -1, /) -> str:
            raise KeyboardInterrupt

    monkeypatch.setattr("sys.stdin", Interrupted("", True))
    monkeypatch.setattr("sys.stderr", Stream("", True))
    with pytest.raises(CancelledError, match="Nothing was installed"):
        terminal._ask()


def test_ctrl_c_before_the_question(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """While it looks for Pythons, say."""

    def interrupted(*_: object, **__: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(terminal, "install", interrupted)
    assert command.main(["--json"]) == 130
    printed = capsys.readouterr()
    assert printed.err == "Stopped by Ctrl-C.\n" and '"error": "CancelledError"' in printed.out


@pytest.mark.parametrize("lacking", ["stdin", "stderr"])
@pytest.mark.parametrize("stream", [Stream("y\n", False), None])
def test_nothing_is_installed_unasked(
    lacking: str, stream: Stream | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("stdin", "stderr"):
        monkeypatch.setattr(f"sys.{name}", stream if name == lacking else Stream("y\n", True))
    with pytest.raises(InputError, match="no terminal to ask on; add --yes"):
        terminal._ask()


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

    before = signal.signal(number, signal.default_int_handler)  # by nohup SIGHUP is ignored
    try:
        with pytest.raises(CancelledError):
            terminal._run(cast(Any, Task()))
        assert signal.getsignal(number) is signal.default_int_handler
    finally:
        signal.signal(number, before)
