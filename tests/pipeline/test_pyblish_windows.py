"""The windows of pyblish, real ones without a screen, opened as a host opens them.

They live in an environment of their own (.ci/run makes `.venv-pyblish`; DMP_PYBLISH names another
Python that has them). Where there is none the tests are skipped, with the reason.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from dmp_matting import Shot, preset
from dmp_matting.client.connection import Connection
from dmp_matting.publish.request import PublishRequest

from ..required import PYBLISH
from .conftest import FEW, ROOT, TinyShot

DRIVERS = Path(__file__).parent / "drivers"
QUICK = preset("paper").changed(device="cpu", threads=1, **FEW)
ON_RESULT = ("ValidateCoreHoles", "ValidateGrainOutside", "ValidateFlicker", "ValidateHighlights")


@pytest.fixture(params=PYBLISH)
def window(request: pytest.FixtureRequest) -> tuple[str, str]:
    """A Python with the window, and the window's name."""
    python = os.environ.get("DMP_PYBLISH") or str(ROOT / ".venv-pyblish" / "bin" / "python")
    if not os.path.exists(python):
        pytest.skip("no Python with pyblish's windows here (`make pyblish` makes one)")
    name = str(request.param)
    tried = subprocess.run(
        [python, "-c", f"import {PYBLISH[name]}"], capture_output=True, text=True,
        env={**os.environ, "QT_QPA_PLATFORM": "offscreen"},
    )  # fmt: skip
    if tried.returncode:
        pytest.skip(f"no pyblish-{name} here: {tried.stderr.splitlines()[-1]}")
    return python, name


def opened(
    window: tuple[str, str], plates: TinyShot, to: Path, accept: tuple[str, ...] = ON_RESULT
) -> Any:
    """What the window's driver answered."""
    python, name = window
    shot = Shot(
        "sh010", plates.pattern, str(plates.clean), "sh010.####.exr", plates.numbers,
        settings=QUICK,
    )  # fmt: skip
    request = to.parent / "request.json"
    request.write_text(json.dumps(PublishRequest((shot,), str(to), accept=accept).to_json()))
    environment = {
        **os.environ, "PYTHONPATH": str(ROOT / "plugin"), "DMP_ENGINE_PYTHON": sys.executable,
        "QT_QPA_PLATFORM": "offscreen", "QT_PREFERRED_BINDING": "PySide6",
    }  # fmt: skip
    done = subprocess.run(
        [python, DRIVERS / f"window_{name}.py", request, to / "sh010" / "v001",
         to.parent / "shown.png"],
        env=environment, capture_output=True, text=True, timeout=120,
    )  # fmt: skip
    lines = [line for line in done.stdout.splitlines() if line.startswith("ANSWER ")]
    assert len(lines) == 1, done.stdout + done.stderr
    return json.loads(lines[0].removeprefix("ANSWER "))


def test_a_shot_is_published_from_the_window(
    engine: Connection, window: tuple[str, str], tmp_path: Path
) -> None:
    plates = TinyShot(tmp_path / "plates", count=2)
    seen = opened(window, plates, tmp_path / "pub")
    assert (seen["opened"], seen["instances"], seen["failures"]) == (True, ["sh010"], [])
    assert seen["published"]
    names = {path.name for path in (tmp_path / "pub" / "sh010" / "v001").iterdir()}
    assert names == {"sh010.1001.exr", "sh010.1002.exr", "manifest.json", "contact_sheet.png"}
    if window[1] == "lite":
        assert (tmp_path / "shown.png").stat().st_size > 5000


def test_broken_plates_are_not_published_from_the_window(
    engine: Connection, window: tuple[str, str], tmp_path: Path
) -> None:
    plates = TinyShot(tmp_path / "plates", count=2)
    plates.plate(1002).unlink()
    seen = opened(window, plates, tmp_path / "pub")
    assert seen["opened"] and not seen["published"]
    failures = dict(seen["failures"])
    assert failures["ValidateFrames"].startswith("sh010: frame 1002 of ")
    assert "ExtractMatte" not in failures and not (tmp_path / "pub").exists()
