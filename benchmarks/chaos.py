"""Mattes while engines and workers are killed, stopped and robbed of their files: what is lost?

    make chaos                              ten minutes, then the storm
    python benchmarks/chaos.py --seconds 20 --json
    python benchmarks/chaos.py --storm

Several clients solve small pairs whose mattes are known, again and again, without the result cache,
while something ends or stops an engine or a worker every few seconds. The storm: 32 jobs are
submitted at once, and 47 times an engine or its worker is killed before it gets far. Printed:

    kills   what was done, by kind
    jobs    mattes that were to be made
    lost    jobs that ended with an error
    wrong   mattes whose pixels are not those of an undisturbed engine
    hung    jobs without an end some minutes after the last kill

The exit code is 1 when a job was lost, wrong or hung; of the storm's, two may be lost.
"""

from __future__ import annotations

import argparse
import collections
import hashlib
import json
import os
import random
import shutil
import signal
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[1]
sys.path[:0] = [str(ROOT / "plugin"), str(ROOT / "engine")]

import numpy as np  # noqa: E402
import OpenImageIO as oiio  # noqa: E402

from dmp_matting import Settings, start_engine, stop_engine  # noqa: E402
from dmp_matting.client.engine_files import locking_process, run_file  # noqa: E402
from dmp_matting.client.job_client import Matting  # noqa: E402
from dmp_matting.errors import DmpError, EngineError  # noqa: E402
from dmp_matting.job import Frame, Job, Plate, Role  # noqa: E402

SETTINGS = Settings(
    rounds=1, fit_steps=1, joint_steps=60, projection_steps=1, refine_passes=1, device="cpu",
    threads=1,
)  # fmt: skip
PAIRS, FRAMES = 4, 2  # jobs that are solved again and again, and frames of each
QUIET = 120.0  # seconds after the last kill, in which every job has to end
STORM_JOBS, STORM_KILLS, STORM_EVERY = 32, 47, 1.5  # the last in seconds, mean
STORM_LOST = 2  # jobs of a storm that may be lost


class Scene:
    """Pairs in a folder, and the digests of their mattes by an undisturbed engine."""

    def __init__(self, folder: Path, pairs: int, frames: int) -> None:
        self.folder, self.frames = folder, range(1, frames + 1)
        self.jobs = [self._job(number) for number in range(pairs)]
        self.truth: dict[int, list[str]] = {}

    def _job(self, seed: int) -> Job:
        noise = np.random.default_rng(seed)
        clean = noise.random((32, 48, 3), np.float32)
        frames = []
        for number in self.frames:
            image = clean.copy()
            image[8:24, 12 + number : 32] = noise.random(3, np.float32)
            paths = (self._write(image, f"i{seed}.{number}"), self._write(clean, f"c{seed}"))
            roles = (Role.IMAGE, Role.CLEAN)
            frames.append(Frame(number, tuple(map(Plate, map(str, paths), roles))))
        return Job(tuple(frames), SETTINGS.changed(seed=seed))

    def _write(self, pixels: np.ndarray, name: str) -> Path:
        path = self.folder / f"{name}.exr"
        oiio.ImageBuf(np.ascontiguousarray(pixels)).write(str(path), "half")
        return path

    def outputs(self, name: str) -> dict[int, str]:
        return {n: str(self.folder / f"{name}.{n}.exr") for n in self.frames}

    def find_truth(self) -> None:
        """Solve everything once; nothing may disturb that."""
        for number, job in enumerate(self.jobs):
            outputs = self.outputs("truth")
            for _ in Matting(job, outputs).events():
                pass
            self.truth[number] = self.digests(outputs)

    def digests(self, outputs: dict[int, str]) -> list[str]:
        """Of the pixels, in the order of the frames."""
        found = []
        for _, path in sorted(outputs.items()):
            pixels = oiio.ImageBuf(path).get_pixels("half")
            found.append(hashlib.sha256(np.asarray(pixels).tobytes()).hexdigest())
        return found


class Chaos(threading.Thread):
    """Every few seconds something happens to the engine or to its worker.

    Until a time or, with ``most``, so many times; a storm only kills.
    """

    def __init__(self, seconds: float, every: float, chance: random.Random, most: int = 0) -> None:
        super().__init__(daemon=True)
        self.until = time.monotonic() + seconds
        self.every, self.chance, self.most = every, chance, most
        self.done: collections.Counter[str] = collections.Counter()
        self.over = threading.Event()  # nobody solves any more

    def run(self) -> None:
        ways = [self.kill_engine, self.kill_worker, self.kill_worker, self.stop_engine,
                self.stop_worker, self.take_run_file]  # fmt: skip
        if self.most:
            ways = [self.kill_engine, self.kill_engine, self.kill_worker]
        while time.monotonic() < self.until and not 0 < self.most <= self.done.total():
            if self.over.wait(self.chance.uniform(0.3, 1.7) * self.every):
                return
            way = self.chance.choice(ways)
            try:
                if way():
                    self.done[way.__name__] += 1
            except (OSError, EngineError, ValueError, IndexError):
                continue  # it ended by itself meanwhile

    def kill_engine(self) -> bool:
        os.kill(locking_process(), signal.SIGKILL)
        return True

    def kill_worker(self) -> bool:
        os.kill(self._worker(), signal.SIGKILL)
        return True

    def stop_engine(self) -> bool:
        return self._pause(locking_process())

    def stop_worker(self) -> bool:
        return self._pause(self._worker())

    def take_run_file(self) -> bool:
        if run_file() is None:
            return False
        (Path(os.environ["DMP_RUN_DIR"]) / "engine.json").unlink()
        return True

    def _pause(self, pid: int) -> bool:
        os.kill(pid, signal.SIGSTOP)
        time.sleep(self.chance.uniform(0.1, 1.5))
        os.kill(pid, signal.SIGCONT)
        return True

    def _worker(self) -> int:
        engine = locking_process()
        return int(Path(f"/proc/{engine}/task/{engine}/children").read_text().split()[0])


class Client(threading.Thread):
    """Solves the scene's jobs of those numbers, one after the other."""

    def __init__(self, name: str, scene: Scene, numbers: Iterator[int]) -> None:
        super().__init__(name=name, daemon=True)
        self.scene, self.numbers = scene, numbers
        self.jobs = self.wrong = 0
        self.lost: list[str] = []

    def run(self) -> None:
        for which in self.numbers:
            outputs = self.scene.outputs(f"{self.name}.{self.jobs}")
            self.jobs += 1
            try:
                for _ in Matting(self.scene.jobs[which], outputs).events():
                    pass
            except DmpError as error:
                self.lost.append(str(error))
                continue
            self.wrong += self.scene.digests(outputs) != self.scene.truth[which]
            for path in outputs.values():
                Path(path).unlink()


def until(end: float, chance: random.Random) -> Iterator[int]:
    """Numbers of jobs until ``end``."""
    while time.monotonic() < end:
        yield chance.randrange(PAIRS)


def run(chosen: argparse.Namespace) -> dict[str, Any]:
    """The counts, after the chaos and the time in which every job has to end."""
    folder = Path(tempfile.mkdtemp(prefix="dmp-chaos-"))
    os.environ.update(
        DMP_RUN_DIR=str(folder / "run"), DMP_CACHE_DIR=str(folder / "cache"),
        DMP_CONFIG=str(folder / "config.json"),
    )  # fmt: skip
    (folder / "config.json").write_text('{"cache_gb": 0}')
    chance = random.Random(chosen.seed)
    try:
        if chosen.storm:
            scene = Scene(folder, STORM_JOBS, 1)
        else:
            scene = Scene(folder, PAIRS, FRAMES)
        start_engine()
        scene.find_truth()
        if chosen.storm:
            chaos = Chaos(10 * STORM_KILLS * STORM_EVERY, STORM_EVERY, chance, STORM_KILLS)
            numbers = [iter([number]) for number in range(STORM_JOBS)]
        else:
            chaos = Chaos(chosen.seconds, chosen.every, chance)
            numbers = [
                until(chaos.until, random.Random(chosen.seed + n + 1))
                for n in range(chosen.clients)
            ]
        working = [Client(f"client{n}", scene, which) for n, which in enumerate(numbers)]
        for thread in (chaos, *working):
            thread.start()
        while chaos.is_alive() and any(client.is_alive() for client in working):
            chaos.join(1.0)
        chaos.over.set()
        deadline = time.monotonic() + QUIET
        for client in working:
            client.join(max(0.0, deadline - time.monotonic()))
        return {
            "kills": chaos.done.total(),
            "by_kind": dict(chaos.done),
            "jobs": sum(client.jobs for client in working),
            "lost": sum(len(client.lost) for client in working),
            "wrong": sum(client.wrong for client in working),
            "hung": sum(client.is_alive() for client in working),
            "reasons": sorted({text for client in working for text in client.lost}),
        }
    finally:
        try:
            stop_engine(force=True)
        except DmpError as error:
            print(error, file=sys.stderr)
        shutil.rmtree(folder, ignore_errors=True)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--seconds", type=float, default=570.0)
    parser.add_argument("--clients", type=int, default=4)
    parser.add_argument("--every", type=float, default=6.0, help="mean seconds between two kills")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--storm", action="store_true", help="many jobs at once, many kills")
    parser.add_argument("--json", action="store_true")
    chosen = parser.parse_args()
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))  # the engine ends with us all the same
    found = run(chosen)
    if chosen.json:
        print(json.dumps(found))
    else:
        for name in ("kills", "jobs", "lost", "wrong", "hung"):
            print(f"{name:6} {found[name]}")
        for kind, count in sorted(dict(found["by_kind"]).items()):
            print(f"       {count} {kind}")
        for reason in list(found["reasons"]):
            print(f"lost:  {reason}")
    most_lost = STORM_LOST if chosen.storm else 0
    return int(found["lost"] > most_lost or found["wrong"] > 0 or found["hung"] > 0)


if __name__ == "__main__":
    sys.exit(main())
