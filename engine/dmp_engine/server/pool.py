"""One worker process per device, started when needed, replaced when it dies, ended when idle.

The first worker also reports which devices there are, so the server itself never
imports torch. A worker lives in the client's OCIO configuration: a job from a host
with another ``$OCIO`` gets a fresh one.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import logging
import os
import sys
import time
from collections.abc import AsyncGenerator, Awaitable
from dataclasses import replace
from pathlib import Path
from typing import Any

from dmp_matting.errors import DmpError, EngineError, from_wire
from dmp_matting.ocio import ocio_digest, worker_environment
from dmp_matting.operating_system import usable_cores

from .devices import Device

START_LIMIT = 120.0  # seconds; a cold disk under torch
START_TRIES = 5  # workers in a row that may be killed while they load, as in a storm of kills
SILENCE_LIMIT = 120.0  # seconds without a sign of life: the worker hangs
CANCEL_LIMIT = 5.0  # seconds to end a frame by itself before the worker is killed
LINE_LIMIT = 1 << 20  # bytes

BOOT = """\
import sys
sys.path[:] = sys.argv[1:]
from dmp_engine.processes.worker import main
main()
"""

log = logging.getLogger("dmp.pool")


class WorkerDied(Exception):
    """The worker process ended in the middle of a frame.

    ``killed``: by a signal 9 that we did not send; ``for_memory``: by the kernel, which counts
    how often it kills for want of memory; ``lost``: the error that it reported of its GPU, which
    stopped.
    """

    def __init__(
        self,
        reason: str,
        *,
        killed: bool = False,
        for_memory: bool = False,
        lost: DmpError | None = None,
    ) -> None:
        super().__init__(reason)
        self.lost = lost
        self.killed = killed
        self.for_memory = killed and for_memory


class Worker:
    """One worker process. One frame at a time."""

    def __init__(self, process: asyncio.subprocess.Process, ocio: str) -> None:
        self.process = process
        self.ocio = ocio  # digest of the configuration that it has loaded
        self.devices: list[Device] = []
        self.memory: dict[str, int] = {}
        self._events: asyncio.Queue[dict[str, Any] | None] = asyncio.Queue()
        self._put_down = False  # by ourselves
        self._leaving = False  # it ends by itself after a fault of its GPU
        self._reading = asyncio.create_task(self._read())

    @classmethod
    async def start(cls, ocio: str, threads: int = 0) -> Worker:
        """A worker that has sent its hello, with ``threads`` on the CPU (0: all cores).

        One that a signal ends while it loads is started again. Raises EngineError with the
        reason that the worker gave, or the system.
        """
        environment, stamp = worker_environment(ocio, os.environ), ocio_digest(ocio)
        if threads:
            environment["OMP_NUM_THREADS"] = str(threads)
        for _ in range(START_TRIES):
            try:
                process = await asyncio.create_subprocess_exec(
                    sys.executable, "-I", "-c", BOOT, *sys.path,
                    stdin=asyncio.subprocess.PIPE,
                    stdout=asyncio.subprocess.PIPE,
                    env=environment,
                    limit=LINE_LIMIT,
                )  # fmt: skip
            except (OSError, RuntimeError) as reason:  # RuntimeError: no thread to watch it with
                raise EngineError(
                    f"The engine could not start its worker {sys.executable} "
                    f"({getattr(reason, 'strerror', None) or reason}); the limit of processes may "
                    "be reached, or DMP was updated: `dmp engine stop` and try again."
                ) from None
            worker = cls(process, stamp)
            try:
                async with asyncio.timeout(START_LIMIT):
                    hello = await worker._events.get()
                if hello is not None and hello["event"] == "hello":
                    worker.devices = [Device(**entry) for entry in hello["devices"]]
                    log.info("worker %d started", process.pid)
                    return worker
            except TimeoutError:
                hello = None
            except BaseException:
                worker.kill()
                await worker.stop()
                raise
            await worker.stop()
            if hello is not None:
                raise from_wire(hello)
            code = process.returncode or 0
            log.warning("worker %d ended while it loaded, exit code %d", process.pid, code)
            if code >= 0:
                break
        raise EngineError("The engine's worker could not start; see `dmp engine log`.")

    @property
    def alive(self) -> bool:
        running = self.process.returncode is None and not self._reading.done()
        return running and not self._leaving and not self._put_down

    async def why_silent(self, device: str) -> str:
        """Why a GPU takes no work at present, as the start of a sentence; "" if it does.

        Makes a context on it in this worker. One that hangs or dies of the attempt is killed.
        """
        self._send({"do": "try", "device": device})
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(START_LIMIT):
                event = await self._events.get()
                if event is not None:
                    return str(event["why"])
        self.kill()
        return "the GPU does not start"

    async def frame(self, **request: Any) -> AsyncGenerator[dict[str, Any], None]:
        """Solve one frame: its events up to ``layers``, ``error`` or ``cancelled``.

        Closed before the last of them, it kills the worker: what that still sends would be taken
        for events of the next frame. Raises WorkerDied.
        """
        self._send({"do": "frame", **request})
        ended, kills, lost = False, memory_kills(), None
        try:
            while (event := await self._events.get()) is not None:
                self._leaving = bool(event.pop("ends", False))
                if event["event"] == "lost":
                    lost = from_wire(event)
                    continue
                ended = event["event"] in ("layers", "error", "cancelled")
                yield event
                if ended:
                    return
            await self.process.wait()
            ended = True
            code = self.process.returncode
            killed = code == -9 and not self._put_down
            for_memory = memory_kills() > kills
            raise WorkerDied(f"exit code {code}", killed=killed, for_memory=for_memory, lost=lost)
        finally:
            if not ended:
                self.kill()

    def go(self, on: bool) -> None:
        """Answer ``content``: solve the frame, or end it as cancelled."""
        self._send({"do": "go", "on": on})

    async def cancel(self) -> None:
        """End the running frame; a worker that does not listen is killed."""
        self._send({"do": "cancel"})
        await asyncio.sleep(CANCEL_LIMIT)
        log.warning("worker %d did not end its frame and is killed", self.process.pid)
        self.kill()

    def kill(self) -> None:
        self._put_down = True
        with contextlib.suppress(ProcessLookupError):
            self.process.kill()

    async def stop(self) -> None:
        """End the process: closing its input is enough, unless it hangs."""
        if self.process.stdin is not None:
            self.process.stdin.close()
        try:
            async with asyncio.timeout(3.0):
                await self.process.wait()
        except TimeoutError:
            self.kill()
            await self.process.wait()
        await asyncio.wait([self._reading], timeout=1.0)  # its end; the pipe is closed then
        self._reading.cancel()

    def _send(self, command: dict[str, Any]) -> None:
        assert self.process.stdin is not None
        with contextlib.suppress(OSError, RuntimeError):  # its death is seen where events are read
            self.process.stdin.write(json.dumps(command).encode() + b"\n")

    async def _read(self) -> None:
        assert self.process.stdout is not None
        limit = START_LIMIT
        try:
            while line := await _within(limit, self.process.stdout.readline()):
                limit = SILENCE_LIMIT
                event = json.loads(line)
                if event["event"] == "alive":
                    self.memory = event["memory"]
                else:
                    self._events.put_nowait(event)
        except Exception as reason:
            log.error(
                "worker %d hangs or sends nonsense and is killed: %r", self.process.pid, reason
            )
            self.kill()
        finally:
            self._events.put_nowait(None)


async def _within(seconds: float, work: Awaitable[bytes]) -> bytes:
    """``work`` with a limit. In Python 3.11 asyncio.wait_for may swallow a cancellation."""
    async with asyncio.timeout(seconds):
        return await work


def memory_kills() -> int:
    """How often this kernel has killed a process for want of memory; 0 where it does not count."""
    try:
        for line in Path("/proc/vmstat").read_text("ascii").splitlines():
            name, _, count = line.partition(" ")
            if name == "oom_kill":
                return int(count)
    except (OSError, ValueError):
        pass
    return 0


class Slot:
    """A device and its worker, if it has one at the moment."""

    def __init__(self, device: Device, threads: int = 0) -> None:
        self.device = device
        self.worker: Worker | None = None
        self._threads = threads
        self.job: str | None = None  # id of the job that holds the device
        self._used = time.monotonic()

    async def ready(self, ocio: str) -> Worker:
        """A living worker in the client's OCIO configuration. Raises EngineError."""
        if self.worker is not None and not (
            self.worker.alive and self.worker.ocio == ocio_digest(ocio)
        ):
            await self.stop()
        if self.worker is None:
            self.worker = await Worker.start(ocio, self._threads)
        return self.worker

    def rest(self) -> None:
        """The job is over; the idle time starts."""
        self.job = None
        self._used = time.monotonic()

    def idle_for(self) -> float:
        return 0.0 if self.job else time.monotonic() - self._used

    async def stop(self) -> None:
        if self.worker is not None:
            worker, self.worker = self.worker, None
            await worker.stop()


async def _answering(worker: Worker) -> list[Device]:
    """The devices that ``worker`` reports, without the first GPUs as far as they take no work.

    Only GPUs before the first that answers are tried: a context on another would keep it from the
    worker that is to solve on it.
    """
    devices, why = worker.devices, ""
    while worker.alive and devices and devices[0].name != "cpu":
        silent = await worker.why_silent(devices[0].name)
        if not silent:
            return devices
        log.warning("%s takes no work: %s", devices[0].name, silent)
        devices, why = devices[1:], why or silent
    return [replace(device, why_no_gpu=why or device.why_no_gpu) for device in devices]


class Pool:
    """All devices of this machine that ``CUDA_VISIBLE_DEVICES`` leaves us.

    ``cpu_workers`` share the CPU's cores: each is a device of its own with its part of them. Small
    plates do not fill many cores, so several frames at once are sooner done than one after another.
    """

    def __init__(self, cpu_workers: int = 1) -> None:
        self._cpu_workers = max(1, cpu_workers)
        share = max(1, usable_cores() // self._cpu_workers)
        self._threads = share if self._cpu_workers > 1 else 0  # of a worker; 0: torch's own choice
        self.slots: list[Slot] = []
        self._probe: asyncio.Task[None] | None = None

    async def devices(self) -> list[Device]:
        """The devices, the preferred first; queries the first worker once. Raises EngineError."""
        if not self.slots:
            if self._probe is None or self._probe.done():
                self._probe = asyncio.create_task(self._look())
            await asyncio.shield(self._probe)
        return self.known()

    def known(self) -> list[Device]:
        """The devices as far as they are known: none before the first worker has reported them."""
        return [slot.device for slot in self.slots]

    async def _look(self) -> None:
        worker = await Worker.start(os.environ.get("OCIO", ""), self._threads)
        devices = await _answering(worker)
        if not devices:
            raise EngineError("The engine found no device to solve on; see `dmp doctor`.")
        self.slots = [
            Slot(device, self._threads)
            for device in devices
            for _ in range(self._cpu_workers if device.name == "cpu" else 1)
        ]
        self.slots[0].worker = worker

    def look_again(self) -> None:
        """Forget the devices where no worker is left and a GPU took no work when they were found.

        The program that kept it may have ended: the next job finds out.
        """
        refused = any(slot.device.why_no_gpu for slot in self.slots)
        if refused and not any(slot.worker or slot.job for slot in self.slots):
            self.slots = []

    def rest_after(self, seconds: float) -> list[Slot]:
        """The slots whose worker has been idle that long: stop them to free their GPU."""
        return [slot for slot in self.slots if slot.worker and slot.idle_for() > seconds]

    async def stop(self) -> None:
        if self._probe is not None and not self._probe.done():
            self._probe.cancel()
        for slot in self.slots:
            await slot.stop()
