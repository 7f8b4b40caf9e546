"""`dmp batch --cluster` over a real Dask scheduler with two worker processes on this machine."""

from __future__ import annotations

import dataclasses
import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from dmp_matting import Shot

from ..conftest import Home, wait_until
from ..processes import Processes
from .conftest import FEW, TinyShot, command, dmp, environment, events, same_pixels

pytest.importorskip("distributed", reason="there is no Dask here")


class Cluster:
    """A scheduler and its workers; all of them end with the test."""

    def __init__(self, folder: Path, start_process: Processes) -> None:
        self.folder, self._start_process = folder, start_process
        written = folder / "scheduler.json"
        self._start("scheduler", "--host", "127.0.0.1", "--port", "0", "--no-dashboard",
                    "--scheduler-file", written)  # fmt: skip
        self.workers: list[subprocess.Popen[bytes]] = []
        # The file is there before its text is.
        wait_until(lambda: written.exists() and written.read_text().endswith("\n}"), 60)
        self.address = json.loads(written.read_text())["address"]

    def add_worker(self, *more: object) -> subprocess.Popen[bytes]:
        worker = self._start("worker", self.address, "--nthreads", 1, "--no-nanny",
                             "--no-dashboard", "--local-directory", self.folder, *more)  # fmt: skip
        self.workers.append(worker)
        return worker

    def wait_for_workers(self) -> None:
        """Until the scheduler knows all: each worker then writes a line to the log they share."""
        log = self.folder / "worker.log"
        wait_until(lambda: log.read_text().count("Registered to:") == len(self.workers), 60)

    def _start(self, *words: object) -> subprocess.Popen[bytes]:
        log = (self.folder / f"{words[0]}.log").open("ab")
        with log:
            return self._start_process(
                [sys.executable, "-m", "dask", *words], env=environment(), stdout=log, stderr=log
            )

    def end(self) -> None:
        self._start_process.end()


@pytest.fixture
def cluster(home: Home, tmp_path: Path, start_process: Processes) -> Cluster:
    (tmp_path / "dask").mkdir()
    return Cluster(tmp_path / "dask", start_process)


def shots_file(folder: Path, **settings: object) -> Path:
    TinyShot(folder / "in", count=8)
    shot = {"name": "s", "image": "in/plate.####.exr", "clean": "in/clean.exr",
            "output": "out/m.####.exr", "preset": "paper", "device": "cpu", "threads": 1,
            "set": {**FEW, **settings}}  # fmt: skip
    file = folder / "shots.json"
    file.write_text(json.dumps([shot]))
    return file


def engines(home: Home) -> list[int]:
    """Engines of this test's workers; their home is their own, the configuration is the test's."""
    mark = f"DMP_CONFIG={home.root / 'config.json'}\0".encode()
    found = []
    for folder in Path("/proc").glob("[0-9]*"):
        try:
            if (
                mark in (folder / "environ").read_bytes() + b"\0"
                and b"dmp_engine" in (folder / "cmdline").read_bytes()
            ):
                found.append(int(folder.name))
        except OSError:
            continue
    return found


def test_two_workers_one_killed_in_the_middle_the_same_pixels(
    home: Home, cluster: Cluster, tmp_path: Path, start_process: Processes
) -> None:
    file = shots_file(tmp_path, joint_steps=25)
    assert dmp("batch", file, "--no-check", "--quiet").returncode == 0
    (tmp_path / "out").rename(tmp_path / "alone")
    assert dmp("engine", "stop", "--force").returncode == 0

    for _ in range(2):
        cluster.add_worker("--resources", "dmp=1")
    cluster.wait_for_workers()
    batch = start_process(
        command("batch", file, "--cluster", cluster.address, "--chunk", 2, "--json", "--no-check"),
        env=environment(), stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
    )  # fmt: skip
    wait_until(lambda: len(list((tmp_path / "out").glob("*.exr"))) >= 1, 120)
    lost = cluster.workers[0]
    os.kill(lost.pid, signal.SIGKILL)
    lost.wait()
    printed, errors = batch.communicate(timeout=200)
    assert batch.returncode == 0, errors
    summary = json.loads(printed.splitlines()[-1])
    assert summary["ok"] and summary["shots"][0]["solved"] == list(range(1001, 1009))
    assert same_pixels(tmp_path / "alone", tmp_path / "out")
    assert [path for path in (tmp_path / "out").iterdir() if path.suffix != ".exr"] == []
    cluster.end()
    wait_until(lambda: engines(home) == [], 40)  # the lost worker's as well


def test_frames_that_fail_on_a_worker_are_reported(
    home: Home, cluster: Cluster, tmp_path: Path
) -> None:
    file = shots_file(tmp_path)
    (tmp_path / "in" / "plate.1002.exr").write_text("no picture")
    cluster.add_worker("--resources", "dmp=1")
    cluster.wait_for_workers()
    done = dmp("batch", file, "--cluster", cluster.address, "--json", "--no-check")
    assert done.returncode == 2
    shot = events(done)[-1]["shots"][0]
    assert shot["solved"] == [1001, *range(1003, 1009)]
    assert [failure["frames"] for failure in shot["failed"]] == [[1002]]
    assert "plate.1002.exr" in shot["failed"][0]["message"]


# `dmp` that waits one second for a scheduler.
IMPATIENT = """
import runpy
from dmp_matting.farm import dask
dask.CONNECT_LIMIT = 1.0
runpy.run_module("dmp_matting.cli", run_name="__main__")
"""


def test_no_scheduler_and_no_worker_for_us(home: Home, cluster: Cluster, tmp_path: Path) -> None:
    file = shots_file(tmp_path)
    done = dmp("batch", file, "--cluster", cluster.address)
    assert done.returncode == 2 and '--resources "dmp=1"' in done.stderr
    cluster.end()
    done = subprocess.run(
        [sys.executable, "-c", IMPATIENT, "batch", file, "--cluster", cluster.address],
        env=environment(), capture_output=True, text=True,
    )  # fmt: skip
    assert done.returncode == 2 and "No Dask scheduler answers at" in done.stderr
    assert "Traceback" not in done.stderr


def test_a_chunk_looks_at_all_of_the_shot(monkeypatch: pytest.MonkeyPatch) -> None:
    """What lies around the frames of a batch lies around those of its chunks too."""
    from dmp_matting.farm import dask

    seen: list[Shot] = []

    def run(shots: list[Shot], **how: object) -> Iterator[object]:
        seen.extend(shots)
        yield from ()

    monkeypatch.setattr(dask, "run_shots", run)
    for name in ("_make_home", "ensure_engine"):
        monkeypatch.setattr(dask, name, lambda: None)
    monkeypatch.setattr(dask, "attend", lambda connection: None)
    shot = Shot("s", "p.####.exr", "c.exr", "m.####.exr", frames=(3, 4), around=(1, 2, 3, 4, 5))
    fields = dataclasses.asdict(shot)
    assert dask.solve_chunk(fields, (3,), "session") == ([], [])
    assert seen[0].frames == (3,) and set(seen[0].around) == {1, 2, 3, 4, 5}
