"""`make chaos` in short: with kills all the time, no matte is lost, wrong or without an end."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

CHAOS = Path(__file__).resolve().parents[3] / "benchmarks" / "chaos.py"


@pytest.mark.skipif(not Path("/proc/self").exists(), reason="looks into /proc")
def test_chaos_loses_nothing() -> None:
    short = ["--seconds", "20", "--clients", "2", "--every", "4", "--json"]
    done = subprocess.run(
        [sys.executable, str(CHAOS), *short], capture_output=True, text=True, timeout=280
    )
    assert done.stdout, done.stderr
    found = json.loads(done.stdout)
    assert (found["lost"], found["wrong"], found["hung"]) == (0, 0, 0), found
    assert found["kills"] >= 2 and found["jobs"] >= 2 and done.returncode == 0
