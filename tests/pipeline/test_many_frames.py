"""Nothing grows with the number of frames (benchmarks/many_frames.py has the run of a thousand)."""

from __future__ import annotations

import json
import subprocess
import sys

from .conftest import ROOT, environment


def test_a_long_shot_does_not_grow_memory_files_or_sockets() -> None:
    done = subprocess.run(
        [sys.executable, ROOT / "benchmarks" / "many_frames.py", "--frames", "120"],
        env=environment(), capture_output=True, text=True, timeout=280,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    result = json.loads(done.stdout)
    assert (result["frames"], result["outputs"], result["jobs_left"]) == (120, 120, [])
    early, last = result["notes"][1], result["notes"][-1]
    for process in ("client", "server", "worker"):
        assert last[process]["mb"] < early[process]["mb"] + 8, process
        assert last[process]["files"] <= early[process]["files"] + 3, process
        assert last[process]["threads"] <= early[process]["threads"] + 2, process
    # Frames would be 0.14 MB each with their plates; kept results have a limit of 10 MB.
    assert last["engine_mb"] < 10.5
