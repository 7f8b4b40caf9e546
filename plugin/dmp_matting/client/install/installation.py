"""Make the private engine of this user: planned, built beside, tried, then put in its place.

    plan = plan_installation(InstallRequest())  # what, where, how large; needs no network
    task = BackgroundInstallation(plan)         # a BackgroundTask of Steps; .cancel()
    installed = task.result()                   # or the one sentence that it ended with

Rules. The environment is built in a hidden folder and gets its name only after it has made a
matte: nothing is ever half-installed. The engine that was there before goes on until then, and
with a job of its own until that has ended. The configuration is written last. Standard library
only, Python 3.9: hosts run this on a thread of theirs.
"""

from __future__ import annotations

import atexit
import os
import shutil
import tempfile
import time
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Callable, Dict, List, Optional, Tuple

from ...atomic_write import atomic_write
from ...errors import DmpError, EngineError, InputError, OutputError
from ...file_lock import only_one
from ...paths import config_file, data_folder, put_damaged_config_aside, write_config
from ..background_task import BackgroundTask
from ..launcher import stop_engine
from . import failures, fetched, machine, payload, records, shared, tools, torch_build
from .environment import bytes_of, put_in_place, torch_version, write_command
from .payload import Payload
from .records import Record
from .self_test import self_test
from .steps import Runner, Step
from .tools import Reading, Tools
from .torch_build import TorchBuild
from .ways_in import BUTTON, WayIn
from .writable import check_folders, check_new, existing

# Bytes, rounded up: what is downloaded, and what lies on the disk. The CUDA figures are estimates.
SIZES = {False: (0.35e9, 1.4e9), True: (3.2e9, 7.0e9)}
SCRATCH = ".scratch"  # in the environment while it is built


@dataclass(frozen=True)
class InstallRequest:
    """What somebody asked for; the default is what a button does.

    torch   "auto", "cpu" or such as "cu126"
    source  a folder of wheels (`dmp package wheels`): nothing is downloaded then
    release the folder of a release, with the wheel of DMP and the locked packages
    into    the folder of a shared environment, which no configuration is led to; else the user's
    base    the Python to build on
    way     the way in of the person who reads the sentences, so that they name what is there
    """

    torch: str = "auto"
    source: Optional[Path] = None
    into: Optional[Path] = None
    base: str = ""
    release: Optional[Path] = None
    way: WayIn = BUTTON


@dataclass(frozen=True)
class Plan:
    """What will be done. ``sentence`` is the question for the person who decides."""

    request: InstallRequest
    payload: Payload
    tools: Tools
    build: TorchBuild
    place: Path
    download: int  # bytes
    disk: int  # bytes
    known_build: bool  # False where it shows only later whether the small build can be had

    @property
    def sentence(self) -> str:
        if self.request.source:
            origin = f"from the folder {self.request.source}, without network"
        else:
            origin = f"about {_size(self.download)} from the package index"
            if not self.known_build:
                origin += f" ({_size(SIZES[True][0])} if torch for the CPU alone cannot be had)"
        python = self.tools.base.called if self.tools.base else "a Python that uv brings"
        besides = (
            "nothing outside that folder changes"
            if self.request.into
            else "besides that folder only the configuration and the command of DMP change"
        )
        torch = f"torch for {'the GPU' if self.build.gpu else 'the CPU'} ({self.build.reason})"
        return (
            f"DMP {self.payload.version}, {torch} and its other packages, {origin}, are installed "
            f"into {self.place} ({_size(self.disk)}, on {python}). Nothing else leaves this "
            f"machine, and {besides}.{self._warning}"
        )

    @property
    def _warning(self) -> str:
        """What would make all of it useless, before it is downloaded."""
        if self.request.into:
            base = self.tools.base
            return " ".join(["", *(shared.closed_python(base.path) if base else [])])
        named = os.environ.get("DMP_ENGINE_PYTHON")
        return f" DMP_ENGINE_PYTHON names {named}, which comes first until unset." if named else ""


@dataclass(frozen=True)
class Installed:
    """How it ended: the engine's Python, what it recorded, its device, and notes to read.

    ``command``: the command ``dmp``, which for a user's own engine is the same after an update.
    """

    python: str
    record: Record
    device: str
    command: str
    notes: Tuple[str, ...] = ()


class BackgroundInstallation(BackgroundTask[Step, Installed]):
    """An installation on a thread; starts at once."""

    def __init__(self, plan: Plan) -> None:
        self._installation = Installation(plan)
        atexit.register(self.cancel)  # or pip would go on when the host has ended
        super().__init__(self._install, "dmp-install")

    def _install(self, report: Callable[[Step], None]) -> Installed:
        try:
            return self._installation.run(report)
        finally:
            atexit.unregister(self.cancel)

    def cancel(self) -> None:
        """End it; returns at once, and ``result`` raises CancelledError."""
        self._installation.cancel()


def plan_installation(request: InstallRequest) -> Plan:
    """Look at this machine. InputError and OutputError for what cannot be; changes nothing."""
    if request.into is not None:
        request = replace(request, way=request.way.into_shared)
    place = request.into.absolute() if request.into else records.engines_folder()
    check_folders(place, shared=request.into is not None)
    if request.source is not None and not request.source.is_dir():
        raise InputError(f"The folder {request.source} does not exist; name one with wheels.")
    if request.source is not None and not any(request.source.glob("*.whl")):
        raise InputError(
            f"The folder {request.source} has no wheels; name the one that `dmp package wheels` "
            "made."
        )
    found = payload.find(request.source, request.release)
    build = torch_build.choose(request.torch, machine.driver_cuda())
    if request.source is not None and request.torch == "auto":
        build = torch_build.among(build, request.source)
    chosen = tools.choose(request.base, offline=request.source is not None, way=request.way)
    download, disk = SIZES[build.gpu]
    if request.source is not None:
        download = 0.0  # wheels are read where they lie
    free = shutil.disk_usage(existing(place)).free
    if free < disk + download:
        raise OutputError(
            f"The engine needs {_size(disk + download)} at {place}, where {_size(free)} are free; "
            f"make room, or {request.way.elsewhere} on another disk."
        )
    known = build.gpu or build.plain or bool(request.source or torch_build.own_index(build))
    return Plan(request, found, chosen, build, place, int(download), int(disk), known)


class Installation:
    """One installation; ``run`` does it, ``cancel`` ends it from another thread."""

    def __init__(self, plan: Plan) -> None:
        self._plan, self._into = plan, plan.request.into is not None
        self._tools = plan.tools
        place = plan.place
        self._log = place.parent / (f".{place.name}.install.log" if self._into else "install.log")
        self._runner = Runner(self._log, place, plan.request.source, plan.request.way)
        self._environment: Dict[str, str] = {}
        self._downloaded = 0
        self._notes: List[str] = []

    def cancel(self) -> None:
        self._runner.cancel()

    def run(self, report: Callable[[Step], None]) -> Installed:
        """Everything. One DmpError; what was there before is there after it."""
        place, alone = self._plan.place, False
        lock = self._log.with_suffix(".lock")
        try:
            if self._into:
                shared.make_open(place.parent)
            else:
                place.mkdir(parents=True, exist_ok=True)
                config_file().parent.mkdir(parents=True, exist_ok=True)
            lock.touch()
            with only_one(lock) as alone:
                if not alone:  # log and lock are those of the other
                    raise EngineError(
                        "Another program is installing the engine; wait until it has ended."
                    )
                self._log.write_text("", encoding="utf-8")
                aside = "" if self._into else put_damaged_config_aside()
                if aside:
                    self._notes.append(aside)
                    report(Step(aside, 0.0))
                done = self._install(report)
                if self._into:
                    self._log.unlink()  # a shared folder holds nothing beside the environment
            return done
        except OSError as reason:
            raise failures.from_os(reason, place, self._plan.request.way) from None
        finally:
            if self._into and alone:
                lock.unlink(missing_ok=True)

    def _install(self, report: Callable[[Step], None]) -> Installed:
        started = time.monotonic()
        target = self._free_name()
        with atomic_write(target) as side, tempfile.TemporaryDirectory(prefix="dmp-") as boot:
            scratch = side / SCRATCH
            report(Step("Making the environment", 0.01))
            data = None if self._into else data_folder()
            self._environment = tools.environment(Path(boot), data)
            if self._tools.boot:
                self._runner.run(self._tools.fetch("uv", Path(boot)), self._environment)
                self._tools = Tools(None, tools.fetched_uv(Path(boot)))
            self._runner.run(self._tools.make_environment(side), self._environment)
            scratch.mkdir()
            self._environment = tools.environment(scratch, data)
            if self._plan.request.source is None:
                self._tools = fetched.with_current_pip(
                    self._tools, self._runner, self._environment, scratch / "pip",
                    records.python_in(side),
                )  # fmt: skip
            self._packages(side, report)
            self._runner.check()
            wheel = self._plan.payload.wheel_in(scratch)
            digest = payload.digest(wheel)
            report(Step("Installing DMP", 0.85))
            self._pip(side, ["--no-deps", "--no-index", str(wheel)])
            put_in_place(side, target)
            shutil.rmtree(scratch)
            report(Step("Making a first matte, to see that it works", 0.88))
            device = self_test(records.python_in(side), self._runner.check)
            self._runner.check()
            record = Record(
                self._plan.payload.version, digest, torch_version(side),
                self._tools.base.called if self._tools.base else "uv",
                self._downloaded, bytes_of(side), round(time.monotonic() - started, 1),
            )  # fmt: skip
            records.write_record(side, record)
            if self._into:
                machine.open_to_all(side)
                self._notes += shared.closed(target, records.python_in(side))
                with suppress(FileNotFoundError):
                    target.rmdir()  # Windows renames onto none, and a cancelled one stays
        python, command = records.python_in(target), str(machine.command_file(target)[0])
        if not self._into:
            self._remember(target, python, report)
            try:
                command = write_command(data_folder(), target)
            except OSError as reason:
                self._notes.append(f"{reason.filename} cannot be written ({reason.strerror}).")
        self._explain_build(record)
        report(Step("Done", 1.0))
        return Installed(python, record, device, command, tuple(self._notes))

    def _free_name(self) -> Path:
        """The folder that the environment will be; what killed installations left is removed."""
        if self._into:
            check_new(self._plan.place)  # again: another may have filled it since the plan
            return self._plan.place
        wheel = self._plan.payload.wheel
        start = self._plan.payload.version + (f"-{payload.digest(wheel)[:6]}" if wheel else "")
        number, target = 1, self._plan.place / f"{start}-1"
        while target.exists():
            number += 1
            target = self._plan.place / f"{start}-{number}"
        for left in self._plan.place.glob(records.LEFT):
            shutil.rmtree(left, ignore_errors=True)  # we hold the lock: nobody writes it
        return target

    def _packages(self, side: Path, report: Callable[[Step], None]) -> None:
        """All packages of others, with their hashes, and then torch if it comes from elsewhere."""
        plain = self._plan.build.plain
        self._locked(side, plain, 0.03, 0.84 if plain else 0.45, report)
        if not plain:
            self._special_torch(side, report)

    def _locked(
        self, side: Path, with_torch: bool, start: float, end: float, report: Callable[[Step], None]
    ) -> None:
        listed = side / SCRATCH / "packages.txt"
        words, count = self._plan.payload.write_lock(listed, with_torch=with_torch)
        self._pip(side, words, Reading(count), start, end, report)

    def _special_torch(self, side: Path, report: Callable[[Step], None]) -> None:
        """A build of torch that the package index may not have; else the one that it has."""
        build, index = self._plan.build, ""
        if self._plan.request.source is None:
            report(Step(f"Looking for torch for {build.name}", 0.46))
            index = fetched.index_of_build(
                self._tools, self._runner, self._environment, side / SCRATCH, build,
                records.python_in(side),
            )  # fmt: skip
            if not (index or fetched.is_led(build)):
                self._notes.append(torch_build.not_had(build))
                self._locked(side, True, 0.46, 0.84, report)
                return
        words = [*self._tools.from_index(index), torch_build.REQUIREMENT]
        self._pip(side, words, Reading(1), 0.46, 0.84, report)

    def _pip(
        self,
        side: Path,
        words: List[str],
        reading: Optional[Reading] = None,
        start: float = 0.0,
        end: float = 0.0,
        report: Callable[[Step], None] = lambda step: None,
    ) -> None:
        reading = reading or Reading(1)
        source = None if "--no-index" in words else self._plan.request.source
        command = self._tools.install(side, words, source)
        self._runner.run(command, self._environment, reading.reporting(report, start, end))
        self._downloaded += reading.downloaded

    def _remember(self, target: Path, python: str, report: Callable[[Step], None]) -> None:
        """Lead all hosts of the user to the new engine, and let the old one go when it is idle."""
        try:
            write_config({"engine_python": python})
        except DmpError:
            shutil.rmtree(target, ignore_errors=True)
            raise
        report(Step("Ending the engine that ran before, if any", 0.98))
        try:
            stop_engine()
            records.prune(target)
        except DmpError:
            self._notes.append("The old engine finishes its jobs first; a later update removes it.")
        named = os.environ.get("DMP_ENGINE_PYTHON")
        if named and named != python:
            self._notes.append(
                f"DMP_ENGINE_PYTHON names {named}, which comes first; unset it to use this engine."
            )
        for name in tools.DOWNLOADS:
            shutil.rmtree(data_folder() / name, ignore_errors=True)
        with suppress(OSError):
            (data_folder() / "downloads").rmdir()  # where it holds nothing else

    def _explain_build(self, record: Record) -> None:
        build = self._plan.build
        if build.gpu and record.torch.endswith("+cpu"):
            self._notes.append(
                f"torch {record.torch} has no CUDA, so the CPU solves; set DMP_TORCH_INDEX to an "
                f"index with the build {build.name} and install again."
            )


def _size(count: float) -> str:
    return f"{count / 1e9:.1f} GB" if count >= 1e9 else f"{count / 1e6:.0f} MB"
