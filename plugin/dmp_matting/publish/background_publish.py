"""A publish on its way, for a host's event loop: it polls, and never waits.

    task = BackgroundPublish(request, python=chosen)
    ... on each tick of a timer:
    for status in task.poll(): show(status.fraction, status.text)
    if task.done: task.result()      # a PublishReport, or raises what ended it

pyblish runs in the engine's Python: a host has none, and in Blender's zip this package has another
name than pyblish's plug-ins import. Only this package is taken along, so that host and publish are
of one version. Standard library only, Python 3.9.
"""

from __future__ import annotations

import json
import queue
import subprocess
import tempfile
import threading
from dataclasses import dataclass, replace
from pathlib import Path
from typing import IO, Any, Dict, List, Mapping, Optional, Tuple

from ..client.engine_python import child_environment, engine_command
from ..errors import CancelledError, DmpError, EngineError, EngineMissingError, from_wire
from .request import PublishRequest

# Argument 1 is this package's folder, wherever a host has it and whatever it is called there.
_BOOT = """\
import importlib.util, os, runpy, sys
folder = sys.argv.pop(1)
spec = importlib.util.spec_from_file_location(
    "dmp_matting", os.path.join(folder, "__init__.py"), submodule_search_locations=[folder])
package = importlib.util.module_from_spec(spec)
sys.modules["dmp_matting"] = package
spec.loader.exec_module(package)
runpy.run_module("dmp_matting.publish.subprocess_main", run_name="__main__", alter_sys=True)
"""


@dataclass(frozen=True)
class PublishStatus:
    """How far a publish is, [0, 1], and what is being done."""

    fraction: float
    text: str


@dataclass(frozen=True)
class PublishFailure:
    """A check that a shot ("" for all shots) did not pass, and the repairs that it offers."""

    check: str
    shot: str
    sentence: str
    repairs: Tuple[str, ...] = ()

    def __str__(self) -> str:
        """One sentence for the artist."""
        if not self.repairs:
            return self.sentence
        return f"{self.sentence} Repair: {' or '.join(self.repairs)}."


@dataclass(frozen=True)
class PublishReport:
    """What became of a publish: the folders that were made by their shots, failures, warnings."""

    published: Mapping[str, str]
    failures: Tuple[PublishFailure, ...]
    warnings: Tuple[str, ...] = ()

    def sentences(self) -> List[str]:
        """All of it as an artist reads it, what failed first."""
        made = [f"Published {path}." for path in self.published.values()]
        return [*map(str, self.failures), *self.warnings, *made]

    def left_of(self, request: PublishRequest) -> PublishRequest:
        """The request without the shots that are published."""
        shots = tuple(shot for shot in request.shots if shot.name not in self.published)
        return replace(request, shots=shots)


class BackgroundPublish:
    """One publish; starts at once. ``python``: the engine's, as the host's preferences name it."""

    def __init__(self, request: PublishRequest, *, python: Optional[str] = None) -> None:
        self._events: queue.SimpleQueue[PublishStatus] = queue.SimpleQueue()
        self._request, self._python = request, python
        self._child: Optional[subprocess.Popen[bytes]] = None
        self._lock = threading.Lock()  # around the child's start and its end on request
        self._cancelled = False
        self._published: Dict[str, str] = {}
        self._failures: List[PublishFailure] = []
        self._warnings: List[str] = []
        self._error: Optional[DmpError] = None
        self._thread = threading.Thread(target=self._run, name="dmp-publish", daemon=True)
        self._thread.start()

    @property
    def done(self) -> bool:
        """True when the publish has ended and every status was polled."""
        return not self._thread.is_alive() and self._events.empty()

    def poll(self) -> List[PublishStatus]:
        """What was told since the last call; never waits."""
        found: List[PublishStatus] = []
        while True:
            try:
                found.append(self._events.get_nowait())
            except queue.Empty:
                return found

    def cancel(self) -> None:
        """End the publish; returns at once. Frames that are made are kept for the next one."""
        with self._lock:
            self._cancelled = True
            if self._child is not None:
                self._child.terminate()

    def wait(self, seconds: Optional[float] = None) -> bool:
        """Wait for the end, for hosts without an event loop; False when it was not reached."""
        self._thread.join(seconds)
        return not self._thread.is_alive()

    def result(self) -> PublishReport:
        """What became of it; raises what ended it: EngineMissingError, CancelledError ..."""
        assert not self._thread.is_alive(), "ask for the result of a publish that is done"
        if self._error is not None:
            raise self._error
        return PublishReport(
            dict(self._published), tuple(self._failures), tuple(dict.fromkeys(self._warnings))
        )

    # --- on the task's own thread ---------------------------------------------------------------

    def _run(self) -> None:
        try:
            with tempfile.TemporaryFile() as complaints:
                self._follow(complaints)
        except DmpError as error:
            self._error = error
        except Exception as bug:  # a thread's traceback would reach nobody
            self._error = EngineError(f"DMP hit a bug: {type(bug).__name__}: {bug}.")

    def _follow(self, complaints: IO[bytes]) -> None:
        child = self._start(complaints)
        assert child.stdin is not None and child.stdout is not None
        ended = False
        try:
            try:
                child.stdin.write(json.dumps(self._request.to_json()).encode() + b"\n")
                child.stdin.flush()
            except BrokenPipeError:
                pass  # it died at once; its last words say why
            for line in child.stdout:
                ended = self._heed(json.loads(line)) or ended
        finally:
            child.terminate()
            child.stdin.close()
            child.stdout.close()
            child.wait()
        if self._cancelled:
            raise CancelledError("Cancelled; nothing was published.")
        if not ended:
            complaints.seek(0)
            words = complaints.read().decode("utf-8", "replace").strip().splitlines()
            why = f": {words[-1].strip()}" if words else "."
            raise EngineError(f"Publishing ended without an answer{why}")

    def _start(self, complaints: IO[bytes]) -> subprocess.Popen[bytes]:
        python = engine_command(self._python)[0]
        environment = child_environment()
        if self._python:
            environment["DMP_ENGINE_PYTHON"] = self._python  # the checks ask the same engine
        command = [python, "-I", "-c", _BOOT, str(Path(__file__).resolve().parent.parent)]
        with self._lock:
            if self._cancelled:
                raise CancelledError("Cancelled; nothing was published.")
            try:
                self._child = subprocess.Popen(
                    command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=complaints,
                    env=environment,
                )  # fmt: skip
            except OSError as reason:
                raise EngineMissingError(
                    f"The engine's Python at '{python}' could not be started ({reason.strerror})."
                ) from None
            return self._child

    def _heed(self, told: Mapping[str, Any]) -> bool:
        """Take one line; True for the last one."""
        event = told["event"]
        if event == "status":
            self._events.put(PublishStatus(float(told["fraction"]), str(told["text"])))
        elif event == "failure":
            self._failures.append(
                PublishFailure(told["check"], told["shot"], told["message"], tuple(told["repairs"]))
            )
        elif event == "published":
            self._published[told["shot"]] = told["path"]
            warnings: Dict[str, List[int]] = told["warnings"]
            self._warnings += [f"{told['shot']}: {sentence}" for sentence in warnings]
        elif event == "error":
            raise from_wire({"error": told["error"], "message": told["message"]})
        return bool(event == "end")
