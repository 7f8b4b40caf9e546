"""What a test has started ends with the test, whatever it does and however the test ends."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from . import processes
from .conftest import wait_until
from .processes import Processes

TESTS = Path(__file__).resolve().parent

# A parent and a child; both ignore SIGTERM if that is wanted.
STUBBORN = """
import os, signal, sys, time
if sys.argv[1] == "stubborn":
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
if not os.fork():
    print(os.getpid(), flush=True)  # the child
time.sleep(600)
"""

FAILING = """
import sys
from processes import start_process

def test_it(start_process):
    process = start_process([sys.executable, "-c", "import time; time.sleep(600)"])
    with open("pid", "w") as file:
        file.write(str(process.pid))
    assert False, "before it was ended"
"""

pytestmark = pytest.mark.skipif(not Path("/proc/self").exists(), reason="looks into /proc")


def runs(pid: int) -> bool:
    """Whether it lives; a process that nobody has waited for yet does not."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(") ")[2][0] != "Z"
    except OSError:
        return False


@pytest.mark.parametrize(
    ("how", "code"), [("obedient", -signal.SIGTERM), ("stubborn", -signal.SIGKILL)]
)
def test_a_process_and_its_child_end(
    monkeypatch: pytest.MonkeyPatch, how: str, code: signal.Signals
) -> None:
    monkeypatch.setattr(processes, "PATIENCE", 15.0 if how == "obedient" else 0.2)
    started = Processes()
    parent = started(
        [sys.executable, "-c", STUBBORN, how], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    )
    child = int(parent.stdout.readline())
    parent.stdin.write(b"that nobody reads")
    assert runs(parent.pid) and runs(child)
    started.end()
    assert parent.returncode == code
    wait_until(lambda: not runs(child), 5)
    assert parent.stdin.closed and parent.stdout.closed
    started.end()  # once more does nothing


def test_the_child_of_a_process_that_has_ended_ends_too() -> None:
    started = Processes()
    parent = started([sys.executable, "-c", STUBBORN, "stubborn"], stdout=subprocess.PIPE)
    child = int(parent.stdout.readline())
    parent.kill()
    parent.wait()
    assert runs(child)
    started.end()
    wait_until(lambda: not runs(child), 5)


def test_sigint_reaches_one_that_shall_be_interrupted(start_process: Processes) -> None:
    before = signal.signal(signal.SIGINT, signal.SIG_IGN)  # as a runner in the background
    try:
        process = start_process(
            [sys.executable, "-c", "print(1, flush=True); import time; time.sleep(600)"],
            interruptible=True, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL,
        )  # fmt: skip
    finally:
        signal.signal(signal.SIGINT, before)
    assert process.stdout.readline()
    process.send_signal(signal.SIGINT)
    assert process.wait(10) == -signal.SIGINT


def test_a_test_that_fails_leaves_no_process(tmp_path: Path) -> None:
    (tmp_path / "test_it.py").write_text(FAILING)
    done = subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "test_it.py"],
        env={**os.environ, "PYTHONPATH": str(TESTS)}, cwd=tmp_path, capture_output=True, text=True,
    )  # fmt: skip
    assert done.returncode == 1 and "before it was ended" in done.stdout, done.stdout
    assert not runs(int((tmp_path / "pid").read_text()))
