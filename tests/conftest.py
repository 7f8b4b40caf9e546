"""Shared by the rooms: an engine with a home of its own, and a tiny pair of plates."""

from __future__ import annotations

import os

if "PYTEST_XDIST_WORKER" in os.environ:  # several of us share the cores
    os.environ.setdefault("OMP_NUM_THREADS", "1")  # before torch is imported

# isort: split
import gc
import shutil
import signal
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from dmp_matting import Settings
from dmp_matting.client.connection import Connection
from dmp_matting.client.engine_python import child_environment, engine_command
from dmp_matting.client.job_client import Matting
from dmp_matting.client.launcher import find_engine, start_engine, stop_engine
from dmp_matting.job import Frame, Job, Plate, Role

from .processes import Processes, start_process
from .required import pytest_make_collect_report, pytest_runtest_makereport
from .scenes import blocks, disc_over, write_image
from .schedule import slowest_first

# Torch and the tests are a million objects that stay, as in the engine's command.
gc.set_threshold(10_000)

# Hooks of pytest, and a fixture.
__all__ = ["pytest_make_collect_report", "pytest_runtest_makereport", "start_process"]

QUICK = Settings(
    rounds=1, fit_steps=1, joint_steps=3, projection_steps=1, refine_passes=1, device="cpu",
    threads=1,
)  # fmt: skip
ENDLESS = QUICK.changed(joint_steps=1_000_000)


class Home:
    """An engine's own run, cache and configuration, and everything that runs there."""

    def __init__(self) -> None:
        # Not tmp_path: a Unix socket's path has 107 characters at most.
        self.root = Path(tempfile.mkdtemp(prefix="dmp-"))
        self.run = self.root / "run"
        self.cache = self.root / "cache" / f"user-{os.getuid()}"
        self.environment = {
            "DMP_RUN_DIR": str(self.run),
            "DMP_CACHE_DIR": str(self.cache.parent),
            "DMP_CONFIG": str(self.root / "config.json"),
            "DMP_DATA_DIR": str(self.root / "data"),
        }
        self._start_process = Processes()

    def start(self, *options: str, **how: Any) -> Connection:
        """Start an engine as a host does, with options of `serve`."""
        return start_engine(more=options, **how)

    def spawn(self, *options: str, **how: Any) -> Connection:
        """Start an engine as a child of the tests, to give it limits."""
        folders = ["--run-folder", str(self.run), "--cache-folder", str(self.cache)]
        self.run.mkdir(mode=0o700, exist_ok=True)
        self._start_process(
            [*engine_command(), "serve", *folders, *options], env=child_environment(), **how
        )
        wait_until(lambda: find_engine() is not None, 30)
        found = find_engine()
        assert found is not None
        return found

    def jobs(self) -> list[str]:
        """Names of the job folders on disk."""
        return [folder.name for folder in self.cache.glob("jobs-*/*")]

    def loose_files(self) -> list[str]:
        """Files that only a half-done write leaves."""
        return [str(path) for path in self.root.rglob("*.part*")]

    def log(self) -> str:
        place = self.cache / "logs" / "engine.log"
        return place.read_text() if place.exists() else ""

    def processes(self) -> list[int]:
        """Everything alive that was started for this home: engines and their workers."""
        mark = f"DMP_RUN_DIR={self.run}\0".encode()
        found = []
        for folder in Path("/proc").glob("[0-9]*"):
            try:
                mine = mark in (folder / "environ").read_bytes() + b"\0"
                state = (folder / "stat").read_text().rpartition(") ")[2][0]
            except OSError:
                continue
            if mine and state != "Z" and int(folder.name) != os.getpid():
                found.append(int(folder.name))
        return found

    def end(self) -> None:
        while found := self.processes():  # again: one may just have started another
            for pid in found:
                kill(pid)
        self._start_process.end()
        shutil.rmtree(self.root)


def children(pid: int) -> list[int]:
    """The processes that ``pid`` started: an engine's workers."""
    listed = Path(f"/proc/{pid}/task/{pid}/children").read_text()
    return [int(child) for child in listed.split()]


def kill(pid: int) -> None:
    try:
        os.kill(pid, signal.SIGKILL)
    except ProcessLookupError:
        pass


def wait_until(true: Callable[[], bool], seconds: float) -> float:
    """Wait until something is true; how long that took. Fails after ``seconds``."""
    start = time.monotonic()
    while not true():
        assert time.monotonic() - start < seconds, "waited in vain"
        time.sleep(0.02)
    return time.monotonic() - start


def engine_jobs(connection: Connection) -> list[dict[str, Any]]:
    """Summaries of all jobs of the engine, newest first (docs/engineering/engine_protocol.md)."""
    jobs: list[dict[str, Any]] = connection.request("GET", "/v1/jobs")["jobs"]
    return jobs


@pytest.fixture
def home(monkeypatch: pytest.MonkeyPatch) -> Iterator[Home]:
    """A fresh home for one test; nothing runs in it yet."""
    made = Home()
    for name, value in made.environment.items():
        monkeypatch.setenv(name, value)
    yield made
    made.end()


# The tests' own home, before any test reads the environment: none of them, and no command that
# they run, ever meets the engine, the cache or the configuration of whoever runs them.
SHARED = Home()
os.environ.update(SHARED.environment)


def pytest_unconfigure() -> None:
    SHARED.end()


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    if hasattr(config, "workerinput"):  # one of several processes
        key = slowest_first(Path(__file__).parent)
        items.sort(key=lambda item: key(item.path))


@pytest.fixture(scope="session")
def shared_home() -> Home:
    return SHARED


@pytest.fixture(scope="session")
def engine(shared_home: Home) -> Iterator[Connection]:
    """An engine that tests share when they do it no harm."""
    with pytest.MonkeyPatch.context() as patch:  # session fixtures may run inside a test's home
        for name, value in shared_home.environment.items():
            patch.setenv(name, value)
        stop_engine(force=True)  # a test of the command line may have been first
        # Other tests may take longer than an unused engine lives.
        wire = start_engine(idle=7200, more=["--plate-mb", "8"])
    staying = wire.lines("/v1/attend")  # or it would end with the first client that is killed
    next(staying)
    yield wire
    staying.close()  # type: ignore[attr-defined]


class Pair:
    """An image plate and its clean plate as EXR, and jobs with them."""

    def __init__(self, folder: Path, width: int = 48, height: int = 32, seed: int = 1) -> None:
        random = np.random.default_rng(seed)
        rows, columns = height // 4 + 1, width // 4 + 1
        clean = blocks(random, rows, columns, 4)[:height, :width]
        scene = disc_over(clean, (width / 2, height / 2), height / 3, 3)
        self._folder, self._pixels, self._seed = folder, scene.plate, seed
        self.image = write_image(folder / f"image{seed}.exr", scene.plate)
        self.clean = write_image(folder / f"clean{seed}.exr", clean)

    def frame(self, number: int = 1) -> Frame:
        """Frame 1 is the image itself; the others are slightly brighter, each in its own way."""
        image = self.image
        if number > 1:
            brighter = self._pixels * (1 + number / 1000)
            image = write_image(self._folder / f"image{self._seed}.{number}.exr", brighter)
        return Frame(number, (Plate(str(image), Role.IMAGE), Plate(str(self.clean), Role.CLEAN)))

    def job(self, settings: Settings = QUICK, frames: int = 1, **changes: Any) -> Job:
        return Job(
            tuple(self.frame(number) for number in range(1, frames + 1)),
            settings.changed(**changes),
        )

    def matting(
        self, wire: Connection, output: Path, settings: Settings = QUICK, **how: Any
    ) -> Matting:
        """The one-frame job, through an engine that is there already."""
        changes = how.pop("changes", {})
        return Matting(self.job(settings, **changes), {1: str(output)}, connect=lambda: wire, **how)


@pytest.fixture
def pair(tmp_path: Path) -> Pair:
    return Pair(tmp_path)
