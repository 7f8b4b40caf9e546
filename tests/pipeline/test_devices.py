"""Several frames at once through one engine: two workers that share the CPU."""

from __future__ import annotations

import threading
import time
from pathlib import Path

from dmp_matting import Shot, preset, run_shots
from dmp_matting.client.connection import Connection

from ..conftest import Home, children, engine_jobs
from .conftest import FEW, TinyShot, dmp, same_pixels


def test_two_cpu_workers_solve_side_by_side(home: Home, tmp_path: Path) -> None:
    shot = TinyShot(tmp_path / "in", count=4)
    settings = preset("paper").changed(**{**FEW, "joint_steps": 40}, device="cpu", threads=1)
    wire = home.spawn("--cpu-workers", "2")
    most = [0]
    done = threading.Event()
    watching = threading.Thread(target=_watch, args=(wire, most, done))
    watching.start()
    try:
        for name, chunk in (("two", 1), ("one", 4)):
            (tmp_path / name).mkdir()
            seed = settings.changed(seed=3)
            one = Shot(name, shot.pattern, str(shot.clean), str(tmp_path / name / "m.####.exr"),
                       settings=seed)  # fmt: skip
            assert [e for e in run_shots([one], chunk=chunk)]
            if name == "two":
                assert (len(children(wire.pid)), most) == (2, [2])
                dmp("cache", "clear")
    finally:
        done.set()
        watching.join()
    assert same_pixels(tmp_path / "one", tmp_path / "two")  # whoever solved them


def _watch(wire: Connection, most: list[int], done: threading.Event) -> None:
    """The largest number of jobs that ran at one time."""
    while not done.is_set():
        running = sum(job["state"] == "running" for job in engine_jobs(wire))
        most[0] = max(most[0], running)
        time.sleep(0.02)
