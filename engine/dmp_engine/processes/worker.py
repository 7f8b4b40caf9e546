"""One worker process per device: frames in, layers out, JSON lines on its pipes.

Started by server/pool.py as ``main()``. Commands on standard input:

    {"do": "frame", "frame": Frame, "settings": Settings, "output": path, "preview": path,
     "checkpoint": path, "names": {stored path of a plate: the artist's}, "window": [Frame, ...],
     "shrink": steps of the solve size, after workers that were killed for want of memory}
    {"do": "cancel"}                 ends the running frame, also between two of its steps
    {"do": "go", "on": true}         the answer to ``content``: solve it, or (false) do not
    {"do": "try", "device": name}    answered by ``tried``: whether that GPU takes work at present

Events on standard output, and nothing else (prints go to standard error, the engine's log):

    {"event": "hello", "devices": [...]}      once, when torch and the algorithm are loaded
    {"event": "tried", "why": ""}             why not, or ""
    {"event": "alive", "memory": {...}}       every two seconds, also while a step takes long
    {"event": "content", "digest": ...}       the frame's plates are read (pixel_digest.py); waits
    {"event": "progress", ...Progress}
    {"event": "layers", ...Layers} | {"event": "error", ...} | {"event": "cancelled"}   the end
    {"event": "lost", ...}                    an error after which the frame is to be tried again

A worker ends after every fault of its GPU but want of memory (machine/faults.py): what CUDA does
afterwards in the same process cannot be relied on. ``error`` and ``lost`` have ``ends`` then.

The end of standard input means that the server is gone, however it died: the
worker goes at once and keeps no GPU. The checkpoint on disk lets the frame go on.
"""

from __future__ import annotations

import _thread
import gc
import json
import os
import queue
import signal
import sys
import threading
import time
import traceback
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import FrameType
from typing import Any

from dmp_matting.job import Frame, Job, Progress
from dmp_matting.settings import Settings

from ..machine.errors import as_dmp_error, incomplete
from ..machine.faults import Fault, fault_of
from ..machine.garbage import no_collection
from .events import Events, Solving, send_frame

ALIVE_INTERVAL = 2.0  # seconds
GPU_FAULT = 4  # exit code
INSIST_INTERVAL = 0.02


class Interrupted(BaseException):
    """The running frame was cancelled; no handler of ordinary errors may swallow it."""


class Pipes:
    """The worker's two pipes, usable from both of its threads."""

    def __init__(self) -> None:
        self._events = Events()
        self._lock = threading.Lock()
        self.commands: queue.SimpleQueue[dict[str, Any]] = queue.SimpleQueue()
        self.cancelled = threading.Event()
        self._go: queue.SimpleQueue[bool] = queue.SimpleQueue()
        self._interruptible = False
        signal.signal(signal.SIGINT, self._interrupt)

    def send(self, kind: str, **fields: Any) -> None:
        try:
            with self._lock:
                self._events.send(kind, **fields)
        except OSError:
            os._exit(0)  # the server is gone

    def report_content(self, digest: str) -> None:
        """Send the digest of the plates; raises Interrupted when the server has their layers.

        Waits for the server's ``go``. A cancellation while it waits counts as ``go`` false, and
        cuts no line.
        """
        self._interruptible = False
        self.send("content", digest=digest)
        if not self._go.get():
            raise Interrupted
        self._interruptible = True

    @contextmanager
    def interruptible(self) -> Iterator[None]:
        """While the main thread is inside, a cancellation raises Interrupted in it.

        Between two steps of a large plate lie many seconds, and the next artist waits.
        """
        self._interruptible = True
        try:
            yield
        finally:
            self._interruptible = False

    def step(self, solving: Solving) -> Progress:
        """The next step; raises Interrupted if the frame is cancelled before it or during it."""
        if self.cancelled.is_set():
            raise Interrupted
        with self.interruptible():
            return next(solving)

    def _interrupt(self, number: int, where: FrameType | None) -> None:
        if self._interruptible and self.cancelled.is_set() and not _importing(where):
            self._interruptible = False
            raise Interrupted

    def _insist(self) -> None:
        """Interrupt until it takes effect: an import that torch has begun is let finish."""
        while self._interruptible and self.cancelled.is_set():
            _thread.interrupt_main()
            time.sleep(INSIST_INTERVAL)

    def listen(self) -> None:
        """Read commands until standard input ends, then end the process."""
        data = b""
        while part := os.read(0, 65536):
            *lines, data = (data + part).split(b"\n")
            for line in lines:
                command = json.loads(line)
                if command["do"] == "cancel":
                    self.cancelled.set()
                    self._go.put(False)
                    threading.Thread(target=self._insist, daemon=True).start()
                elif command["do"] == "go":
                    self._go.put(command["on"])
                else:
                    self.cancelled.clear()
                    self._go = queue.SimpleQueue()
                    self.commands.put(command)
        os._exit(0)

    def show_life(self) -> None:
        while True:
            self.send("alive", memory=_memory())
            time.sleep(ALIVE_INTERVAL)


def _importing(where: FrameType | None) -> bool:
    """Whether ``where`` runs inside an import: half a module would break every frame after this."""
    while where is not None:
        if where.f_code.co_filename.startswith("<frozen importlib"):
            return True
        where = where.f_back
    return False


def main() -> None:
    """Serve frames until standard input ends."""
    pipes = Pipes()
    threading.Thread(target=pipes.listen, daemon=True).start()
    try:
        with no_collection():
            from ..machine.device import why_silent
            from ..pipeline.frame import matte_frame
            from ..pipeline.shot_frame import LookCache

        pipes.send("hello", devices=_devices(), pid=os.getpid())
    except (ImportError, OSError) as reason:
        pipes.send("error", **incomplete(reason).to_wire())
        sys.exit(3)
    threading.Thread(target=pipes.show_life, daemon=True).start()
    look_cache = LookCache()
    while True:
        command = pipes.commands.get()
        if command["do"] == "try":
            pipes.send("tried", why=why_silent(int(command["device"].partition(":")[2])))
            continue
        try:
            _solve(matte_frame, command, pipes, look_cache)
            _free_memory()
        except Exception as error:
            _report(error, pipes)


def _report(error: Exception, pipes: Pipes) -> None:
    """Send the error of a frame; end the process where CUDA in it cannot be relied on any more."""
    fault = fault_of(error)
    ends = fault is not None and fault.ends_process
    kind = "lost" if fault is Fault.LOST else "error"
    pipes.send(kind, ends=ends, **as_dmp_error(error).to_wire())
    if ends:
        traceback.print_exception(error)  # to the engine's log
        sys.stderr.flush()
        os._exit(GPU_FAULT)  # at once: what is left of CUDA may hang while it is taken down
    _free_memory()


def _solve(matte_frame: Any, command: dict[str, Any], pipes: Pipes, look_cache: Any) -> None:
    settings = Settings.from_json(command["settings"])
    empty = Job((), settings).to_json()
    sent_along = {"frames": [command["frame"]], "context": command["window"]}
    job = Job.from_json({**empty, **sent_along})
    frame: Frame = job.frames[0]
    solving = matte_frame(
        frame,
        settings,
        Path(command["output"]),
        preview=Path(command["preview"]),
        checkpoint=Path(command["checkpoint"]),
        names=command["names"],
        on_content=pipes.report_content,
        window=job.context,
        shrink=command["shrink"],
        look_cache=look_cache,
    )
    try:
        send_frame(solving, pipes.send, pipes.step)
    except Interrupted:
        pipes.send("cancelled")


def _devices() -> list[dict[str, Any]]:
    """Every device that this Python can use, the preferred first; memory in bytes."""
    import torch

    from ..machine.device import usable_gpus, why_no_gpu

    found: list[dict[str, Any]] = []
    for index in usable_gpus():
        known = torch.cuda.get_device_properties(index)
        found.append({"name": f"cuda:{index}", "label": known.name, "memory": known.total_memory})
    threads = torch.get_num_threads()
    label = f"CPU, {threads} thread{'' if threads == 1 else 's'}"
    memory = _machine_memory()
    cpu = {"name": "cpu", "label": label, "memory": memory, "threads": threads}
    found.append({**cpu, "why_no_gpu": "" if found else why_no_gpu()})
    return found


def _machine_memory() -> int:
    try:
        return os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    except (AttributeError, ValueError, OSError):
        return 0


def _memory() -> dict[str, int]:
    """Bytes held: ``process`` in main memory, ``device`` on the GPU (0 until it is used)."""
    torch = sys.modules["torch"]
    held = 0
    if torch.cuda.is_initialized():
        held = sum(torch.cuda.memory_reserved(n) for n in range(torch.cuda.device_count()))
    try:
        pages = int(Path("/proc/self/statm").read_text().split()[1])
        process = pages * os.sysconf("SC_PAGE_SIZE")
    except (OSError, ValueError, IndexError):
        process = 0
    return {"process": process, "device": held}


def _free_memory() -> None:
    """Between two frames the GPU belongs to the artist."""
    torch = sys.modules["torch"]
    if torch.cuda.is_initialized():
        gc.collect()
        torch.cuda.empty_cache()
