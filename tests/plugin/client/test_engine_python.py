"""Finding the engine's Python, and keeping a host's Python settings out of it."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from dmp_matting import EngineMissingError
from dmp_matting.client.engine_process import query_engine
from dmp_matting.client.engine_python import (
    child_environment,
    engine_command,
    python_command,
)
from dmp_matting.errors import engine_remedy


def test_this_python_has_the_engine(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("DMP_ENGINE_PYTHON", raising=False)
    assert engine_command()[:2] == [sys.executable, "-I"]
    done = subprocess.run([*engine_command(), "--help"], capture_output=True, text=True)
    assert done.returncode == 0
    assert "run" in done.stdout and "doctor" in done.stdout


def test_a_hosts_python_settings_stay_outside(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    (tmp_path / "torch.py").write_text("raise SystemExit('the host\\'s torch was imported')\n")
    monkeypatch.setenv("PYTHONHOME", str(tmp_path))
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    monkeypatch.setenv("PYTHONSTARTUP", str(tmp_path / "torch.py"))
    monkeypatch.setenv("OCIO", "ocio://default")
    monkeypatch.chdir(tmp_path)  # nor does a torch.py in the current folder count
    environment = child_environment()
    assert {name for name in environment if name.startswith("PYTHON")} == {
        "PYTHONNOUSERSITE",
        "PYTHONUTF8",
    }
    assert environment["OCIO"] == "ocio://default"
    assert environment["PATH"] == os.environ["PATH"]
    statuses = {check["name"]: check["status"] for check in query_engine("doctor")["checks"]}
    assert statuses["torch"] == "ok"


def test_a_named_python_is_taken(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    # A virtual environment without torch: only its own Python is tried, and reports so.
    bare = tmp_path / "bare"
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", bare], check=True)
    python = str(bare / "bin" / "python")
    monkeypatch.setenv("DMP_ENGINE_PYTHON", python)
    assert engine_command()[0] == python
    checks = {check["name"]: check for check in query_engine("doctor")["checks"]}
    assert checks["torch"]["status"] == "fail"
    assert python in checks["Python"]["detail"]


@pytest.mark.parametrize("wrong", ["/no/such/python", str(Path(__file__).parent), __file__])
def test_a_named_python_that_is_none(wrong: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DMP_ENGINE_PYTHON", wrong)
    with pytest.raises(EngineMissingError, match="DMP_ENGINE_PYTHON"):
        engine_command()


def test_a_python_without_engine_or_torch_is_not_taken(tmp_path: Path) -> None:
    # -S: no site-packages, as in a host; the plugin's folder alone is on the path.
    plugin = Path(__file__).resolve().parents[3] / "plugin"
    look = (
        f"import sys; sys.path.insert(0, {str(plugin)!r})\n"
        "from dmp_matting.client.engine_python import engine_command\n"
        "try: engine_command()\n"
        "except Exception as error: print(type(error).__name__, error)\n"
    )
    environment = {k: v for k, v in os.environ.items() if k != "DMP_ENGINE_PYTHON"}
    done = subprocess.run(
        [sys.executable, "-I", "-S", "-c", look], capture_output=True, text=True, env=environment
    )
    assert done.stdout.startswith("EngineMissingError The DMP engine was not found; ")
    assert "press Install Engine, or run `dmp setup --install`." in done.stdout


def test_a_hosts_copy_names_its_button_alone(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It has no command `dmp`; nor is one named to it by a Python without the engine."""
    monkeypatch.delenv("DMP_ENGINE_PYTHON", raising=False)
    monkeypatch.setattr("dmp_matting.errors._COMMAND", tmp_path / "cli")
    assert engine_remedy() == "press Install Engine"
    done = subprocess.run(
        python_command(sys.executable, "no_such_engine"), capture_output=True, text=True
    )
    (event,) = map(json.loads, done.stdout.splitlines())
    assert (event["error"], done.returncode) == ("EngineMissingError", 3)
    assert event["message"].endswith("; press Install Engine.")
