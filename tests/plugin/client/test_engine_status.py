"""What a host's panel shows of the engine, by a real one."""

from __future__ import annotations

import os
import signal
import sys
from contextlib import suppress
from dataclasses import make_dataclass
from pathlib import Path

import pytest

from dmp_matting import start_engine, stop_engine
from dmp_matting.cli.app import app
from dmp_matting.client import engine_status
from dmp_matting.client.background_job import BackgroundJob
from dmp_matting.client.engine_status import EngineStatus, engine_state
from dmp_matting.errors import EngineError
from dmp_matting.paths import run_folder

from ...conftest import ENDLESS, Home, Pair, wait_until


def test_before_and_after_an_engine_runs(home: Home, pair: Pair, tmp_path: Path) -> None:
    assert engine_state().status is EngineStatus.STOPPED
    start_engine()
    assert engine_state().status in (EngineStatus.STARTING, EngineStatus.READY)
    wait_until(lambda: engine_state().status is EngineStatus.READY, 60)
    ready = engine_state()
    assert ready.device in ready.sentence and ready.device

    task = BackgroundJob(pair.job(ENDLESS), {1: str(tmp_path / "out.exr")})
    wait_until(lambda: engine_state().status is EngineStatus.BUSY, 30)
    assert engine_state().jobs[0]["name"].endswith("image1.exr")
    task.cancel()
    wait_until(lambda: engine_state().status is EngineStatus.READY, 30)


def test_no_engine_python(home: Home, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DMP_ENGINE_PYTHON", "/no/such/python")
    missing = engine_state()
    assert missing.status is EngineStatus.MISSING and "/no/such/python" in missing.sentence
    assert engine_state(sys.executable).status is EngineStatus.STOPPED  # the host's own word counts


def test_an_older_engine_is_updated_by_whoever_named_it(
    home: Home, monkeypatch: pytest.MonkeyPatch
) -> None:
    """An update by the button would not be used while the variable names another."""
    older = "The engine is DMP 0.1.0, older than this program (0.2.0)."
    monkeypatch.setattr(engine_status, "update_sentence", lambda python: older)
    monkeypatch.setenv("DMP_ENGINE_PYTHON", sys.executable)
    named = engine_state()
    assert named.update == "" and named.sentence.endswith(
        f"{older[:-1]}; unset DMP_ENGINE_PYTHON, or point it at an engine that belongs to this "
        "program."
    )
    assert engine_state(sys.executable).update == older, "which the button would replace"
    monkeypatch.delenv("DMP_ENGINE_PYTHON")
    assert engine_state().update == older


def test_an_engine_of_another_protocol(home: Home, monkeypatch: pytest.MonkeyPatch) -> None:
    start_engine()
    monkeypatch.setattr("dmp_matting.client.launcher.PROTOCOL", 99)
    assert run_folder().exists()
    broken = engine_state()
    assert broken.status is EngineStatus.BROKEN and "dmp engine stop" in broken.sentence


def test_an_engine_of_another_protocol_can_be_ended(
    home: Home, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As its sentence promises."""
    start_engine()
    monkeypatch.setattr("dmp_matting.client.launcher.PROTOCOL", 99)
    assert stop_engine()
    assert engine_state().status is EngineStatus.STOPPED


def test_an_engine_that_is_too_old_for_our_settings(
    home: Home, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Two checkouts, one user: the running engine does not know what the newer one asks for."""
    start_engine()
    monkeypatch.setattr(
        "dmp_matting.client.launcher.Settings", make_dataclass("Newer", ["newest_knob"])
    )
    broken = engine_state()
    assert broken.status is EngineStatus.BROKEN
    assert "newest_knob" in broken.sentence and "dmp engine stop" in broken.sentence


def test_an_engine_that_hangs(home: Home, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("dmp_matting.client.launcher.GREETING_LIMIT", 0.5)
    wire = start_engine()
    os.kill(wire.pid, signal.SIGSTOP)
    try:
        broken = engine_state()
        assert broken.status is EngineStatus.BROKEN and "stop --force" in broken.sentence
        with pytest.raises(EngineError, match="does not answer"):
            app(["engine", "status"], standalone_mode=False)
        assert stop_engine(force=True)
    finally:
        with suppress(ProcessLookupError):
            os.kill(wire.pid, signal.SIGCONT)
    wait_until(lambda: engine_state().status is EngineStatus.STOPPED, 10)
