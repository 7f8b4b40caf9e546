"""Children of an installation: none outlives what its target is removed for; all can be ended."""

from __future__ import annotations

import sys
import time
from collections.abc import Generator
from pathlib import Path
from typing import Any

import pytest

from dmp_matting.client.engine_process import Notice
from dmp_matting.client.install import self_test as first_matte
from dmp_matting.client.install.steps import Runner
from dmp_matting.errors import CancelledError

from ....conftest import Home


def test_a_child_has_ended_when_its_lines_cannot_be_kept(home: Home, tmp_path: Path) -> None:
    script = (
        "import os, subprocess, sys, time\n"
        "child = subprocess.Popen([sys.executable, '-c', 'import time; time.sleep(60)'],"
        " stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)\n"
        "print(child.pid, flush=True)\n"
        "time.sleep(60)\n"
    )

    def full(line: str) -> None:
        raise OSError(28, "No space left on device")

    runner = Runner(tmp_path / "log", tmp_path, None)
    with pytest.raises(OSError, match="No space left"):
        runner.outcome([sys.executable, "-c", script], dict(home.environment), full)
    deadline = time.monotonic() + 5  # what a killed child has started ends a moment after it
    while home.processes() and time.monotonic() < deadline:
        time.sleep(0.02)
    assert home.processes() == []


def test_cancelled_during_the_first_matte(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    runner = Runner(tmp_path / "log", tmp_path, None)
    ended: list[bool] = []

    def endless(*_: Any, **__: Any) -> Generator[Notice, None, None]:
        try:
            for _number in range(10):
                yield Notice("It solves.")
                runner.cancel()
            raise AssertionError("the first matte went on")
        finally:
            ended.append(True)

    monkeypatch.setattr(first_matte, "query_engine", lambda *_, **__: {"checks": []})
    monkeypatch.setattr(first_matte, "run_directly", endless)
    with pytest.raises(CancelledError):
        first_matte.self_test(sys.executable, runner.check)
    assert ended == [True]
