"""DMP Matte > Install Engine in Nuke: one question, progress, cancel, and a sentence at the end."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from nuke_standin.session import Session, run_until

from dmp_matting.client.install.installation import Plan
from dmp_matting.errors import InputError
from dmp_matting.hosts import EngineStatus, engine_state
from dmp_nuke import engine_install

from ..conftest import Home
from ..packages import Index, index, plan, release

__all__ = ["index", "plan", "release"]  # fixtures


@pytest.fixture(autouse=True)
def inside_nuke(plan: Plan, monkeypatch: pytest.MonkeyPatch) -> None:
    """After the plan, which is one for the Python of the tests."""
    monkeypatch.setattr("sys.executable", "/usr/local/Nuke15.1v5/Nuke15.1")


def test_the_menus_command_installs(
    session: Session, plan: Plan, home: Home, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(engine_install, "plan_installation", lambda request: plan)
    assert engine_state().status is EngineStatus.MISSING
    assert "press Install Engine" in engine_state().sentence
    session.answers.append(False)
    engine_install.press()
    assert session.messages == [f"{plan.sentence}\n\nGo on?"] and not engine_install.RUNNING
    session.answers.append(True)
    engine_install.press()
    engine_install.press()
    assert session.messages[-1] == "The engine is being installed already."
    run_until(lambda: not engine_install.RUNNING)
    assert session.messages[-1] == "The engine is installed and has made its first matte."
    (bar,) = session.bars
    assert "Making a first matte, to see that it works" in bar.texts
    assert engine_state().status is EngineStatus.STOPPED


def test_cancelled_and_impossible(
    session: Session, plan: Plan, index: Index, home: Home, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(engine_install, "plan_installation", lambda request: plan)
    index.trouble = "slow"
    session.answers.append(True)
    engine_install.press()
    run_until(index.stuck.is_set)
    session.bars[0].cancelled = True
    run_until(lambda: not engine_install.RUNNING)
    assert session.messages[-1] == "The installation was cancelled; nothing of it was kept."
    assert os.listdir(home.root / "data" / "engines") == []

    def impossible(request: object) -> Plan:
        raise InputError("No Python was found.")

    monkeypatch.setattr(engine_install, "plan_installation", impossible)
    engine_install.press()
    assert session.messages[-1] == "No Python was found."
    assert not Path(home.environment["DMP_CONFIG"]).exists()
