"""A cancellation ends a frame at once, wherever it is, but never cuts an import in half."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from pathlib import Path

from ...processes import Processes

ROOT = Path(__file__).resolve().parents[3]

SLOW = """
import time
for _ in range(40):
    time.sleep(0.02)
whole = True
"""

CHILD = """
import sys, threading, time
from dmp_engine.processes.worker import Interrupted, Pipes
pipes = Pipes()
threading.Thread(target=pipes.listen, daemon=True).start()
try:
    with pipes.interruptible():
        print("ready", file=sys.stderr, flush=True)
        if sys.argv[1] == "import":
            import slow_to_load
        for _ in range(500):
            time.sleep(0.02)
    print("never", file=sys.stderr)
except Interrupted:
    module = sys.modules.get("slow_to_load")
    print("interrupted", getattr(module, "whole", None), file=sys.stderr, flush=True)
time.sleep(0.2)  # nothing comes after it
print("still here", file=sys.stderr, flush=True)
"""


def interrupted(start_process: Processes, how: str, folder: Path) -> list[str]:
    """What the child prints after a cancellation."""
    (folder / "slow_to_load.py").write_text(SLOW)
    roots = os.pathsep.join((str(ROOT / "plugin"), str(ROOT / "engine"), str(folder)))
    child = start_process(
        [sys.executable, "-c", CHILD, how],
        env={**os.environ, "PYTHONPATH": roots},
        stdin=subprocess.PIPE,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
    )
    assert child.stderr.readline() == b"ready\n"
    time.sleep(0.1)
    child.stdin.write(b'{"do": "cancel"}\n')
    child.stdin.flush()
    printed: list[str] = child.stderr.read().decode().splitlines()
    assert child.wait(60) == 0
    return printed


def test_a_frame_is_left_at_once(tmp_path: Path, start_process: Processes) -> None:
    assert interrupted(start_process, "step", tmp_path) == ["interrupted None", "still here"]


def test_an_import_is_finished_first(tmp_path: Path, start_process: Processes) -> None:
    """Half of torch's lazy modules in memory would fail each frame that comes after."""
    assert interrupted(start_process, "import", tmp_path) == ["interrupted True", "still here"]
