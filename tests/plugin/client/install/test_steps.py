"""Children of an installation: none outlives what its target is removed for; all can be ended."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Generator
from pathlib import Path
from typing import Any

import pytest

from dmp_matting.client.engine_process import Notice
from dmp_matting.client.install import self_test as first_matte
from dmp_matting.client.install.steps import Runner
from dmp_matting.errors import CancelledError, EngineError

from ....conftest import Home

ROOT = Path(__file__).resolve().parents[4]


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


def test_no_child_goes_on_when_the_installer_is_killed(home: Home, tmp_path: Path) -> None:
    """By kill -9, or with a host that crashes."""
    stuck = (
        "import subprocess, sys, time\n"
        "subprocess.Popen([sys.executable, '-c', 'import time; time.sleep(60)'])\n"
        "print('it runs', flush=True)\n"
        "time.sleep(60)\n"
    )
    script = (
        "import os, signal, sys\n"
        "from pathlib import Path\n"
        "from dmp_matting.client.install.steps import Runner\n"
        f"Runner(Path({str(tmp_path / 'log')!r}), Path(), None).outcome(\n"
        f"    [sys.executable, '-c', {stuck!r}], dict(os.environ),\n"
        "    lambda line: os.kill(os.getpid(), signal.SIGKILL))\n"
    )
    environment = {**os.environ, **home.environment, "PYTHONPATH": str(ROOT / "plugin")}
    done = subprocess.run([sys.executable, "-c", script], env=environment)
    assert done.returncode == -signal.SIGKILL and "it runs" in (tmp_path / "log").read_text()
    deadline = time.monotonic() + 10
    while home.processes() and time.monotonic() < deadline:
        time.sleep(0.02)
    assert home.processes() == []


@pytest.mark.parametrize(("command", "code"), [("exit 0", 0), ("exit 7", 7), ("kill -9 $$", -9)])
def test_what_a_child_prints_and_how_it_ended(command: str, code: int, tmp_path: Path) -> None:
    runner = Runner(tmp_path / "log", tmp_path, None)
    words = ["/bin/sh", "-c", f'echo "$1"; cat; {command}', "sh", "a  b"]
    assert runner.outcome(words, {"PATH": os.environ["PATH"]}) == (code, "a  b\n")


def test_a_child_that_the_system_killed(tmp_path: Path) -> None:
    runner = Runner(tmp_path / "log", tmp_path, None)
    with pytest.raises(EngineError, match="failed: it was ended from outside, as where memory"):
        runner.run(["/bin/sh", "-c", "echo Collecting torch; kill -9 $$"], {})


def test_a_program_that_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(EngineError, match="'/no/pip' could not be started .No such file"):
        Runner(tmp_path / "log", tmp_path, None).outcome(["/no/pip"], {})


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
