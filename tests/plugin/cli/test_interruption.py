"""How a running `dmp` ends: Ctrl-C, SIGTERM, kill -9 of either side, and what a terminal shows."""

from __future__ import annotations

import os
import pty
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from ...processes import Processes

ROOT = Path(__file__).resolve().parents[3]
LEMUR = ROOT / "tests" / "plates" / "lemur"
ENDLESS = [
    "--preset", "paper", "--device", "cpu", "--threads", "1", "--set", "solve_size=64",
    "--set", "joint_steps=1000000", "--set", "fit_steps=1", "--set", "projection_steps=1",
]  # fmt: skip

pytestmark = pytest.mark.skipif(not Path("/proc/self").exists(), reason="looks into /proc")


def start_matte(
    start_process: Processes, folder: Path, *arguments: str, stderr: int = subprocess.PIPE
) -> subprocess.Popen[str]:
    """`dmp matte` in a process group of its own, as a shell starts it."""
    command = [
        sys.executable, "-m", "dmp_matting.cli", "matte", str(LEMUR / "plate.png"),
        "--clean", str(LEMUR / "clean.png"), "-o", str(folder / "lemur.exr"), "--no-server",
        *arguments,
    ]  # fmt: skip
    roots = os.pathsep.join((str(ROOT / "plugin"), str(ROOT / "engine")))
    return start_process(
        command,
        interruptible=True,
        env={**os.environ, "PYTHONPATH": roots, "TERM": "xterm", "COLUMNS": "100"},
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=stderr,
        text=True,
    )


def wait_for_solving(process: subprocess.Popen[str]) -> int:
    """Wait for the engine's first step; returns the engine's process id."""
    assert process.stderr is not None
    printed = []
    for line in process.stderr:
        printed.append(line)
        if line.startswith("Solving"):
            children = Path(f"/proc/{process.pid}/task/{process.pid}/children").read_text()
            return int(children.split()[0])
    raise AssertionError("dmp ended before it solved: " + "".join(printed))


def wait_for_end(pid: int, seconds: float = 20) -> None:
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        try:
            state = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
        except (FileNotFoundError, ProcessLookupError):
            return
        if state == "Z":  # dead; only nobody has read its exit code
            return
        time.sleep(0.05)
    raise AssertionError(f"process {pid} still lives after {seconds} s")


@pytest.mark.parametrize("to_group", [True, False], ids=["as a terminal", "to dmp alone"])
def test_ctrl_c_ends_cleanly(to_group: bool, tmp_path: Path, start_process: Processes) -> None:
    process = start_matte(start_process, tmp_path, *ENDLESS)
    engine = wait_for_solving(process)
    began = time.monotonic()
    (os.killpg if to_group else os.kill)(process.pid, signal.SIGINT)
    _, printed = process.communicate(timeout=30)
    assert time.monotonic() - began < 8
    assert process.returncode == 130
    assert printed.splitlines()[-1].startswith("Stopped") and "Traceback" not in printed
    wait_for_end(engine, 1)
    assert os.listdir(tmp_path) == []


def test_ctrl_c_while_the_engine_starts(tmp_path: Path, start_process: Processes) -> None:
    process = start_matte(start_process, tmp_path, *ENDLESS)
    time.sleep(1.0)
    os.killpg(process.pid, signal.SIGINT)
    _, printed = process.communicate(timeout=30)
    assert process.returncode == 130, printed
    assert "Traceback" not in printed
    assert os.listdir(tmp_path) == []


def test_sigterm_ends_cleanly(tmp_path: Path, start_process: Processes) -> None:
    process = start_matte(start_process, tmp_path, *ENDLESS, "--json")
    engine = wait_for_solving(process)
    process.terminate()
    done, _ = process.communicate(timeout=30)
    assert process.returncode == 130
    assert '"CancelledError"' in done and '"exit_code": 130' in done
    wait_for_end(engine, 1)
    assert os.listdir(tmp_path) == []


def test_a_killed_engine_is_reported_in_a_sentence(
    tmp_path: Path, start_process: Processes
) -> None:
    process = start_matte(start_process, tmp_path, *ENDLESS)
    os.kill(wait_for_solving(process), signal.SIGKILL)
    _, printed = process.communicate(timeout=30)
    assert process.returncode == 3
    assert printed.splitlines()[-1].startswith("The engine was killed (signal 9")
    assert "Traceback" not in printed
    assert os.listdir(tmp_path) == []


def test_the_engine_dies_with_dmp(tmp_path: Path, start_process: Processes) -> None:
    process = start_matte(start_process, tmp_path, *ENDLESS)
    engine = wait_for_solving(process)
    process.kill()
    wait_for_end(engine)
    assert os.listdir(tmp_path) == []


def test_a_terminal_shows_a_bar(tmp_path: Path, start_process: Processes) -> None:
    ours, theirs = pty.openpty()
    few = [*ENDLESS, "--set", "joint_steps=30", "--set", "rounds=1"]
    process = start_matte(start_process, tmp_path, *few, stderr=theirs)
    os.close(theirs)
    shown = b""
    while True:
        try:
            part = os.read(ours, 65536)
        except OSError:  # the other end is closed
            break
        if not part:
            break
        shown += part
    os.close(ours)
    assert process.wait(60) == 0
    text = shown.decode()
    assert "Solving" in text and " %" in text and "/30" in text and " left" in text
    assert "\x1b[" in text  # drawn in place, not line after line
    assert os.listdir(tmp_path) == ["lemur.exr"]


@pytest.mark.parametrize("words", ["presets --json", "matte no.exr --clean no.exr -o a.exr --json"])
def test_nobody_reads_the_answer_any_more(words: str) -> None:
    """`dmp presets --json | head -0` ends quietly, and so does a failure that is reported."""
    reader, writer = os.pipe()
    os.close(reader)
    done = subprocess.run(
        [sys.executable, "-m", "dmp_matting.cli", *words.split()],
        env={**os.environ, "PYTHONPATH": str(ROOT / "plugin")},
        stdout=writer,
        stderr=subprocess.PIPE,
        text=True,
    )
    os.close(writer)
    assert (done.returncode, done.stderr) == (141, "")
