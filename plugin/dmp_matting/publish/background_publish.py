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
import subprocess
import tempfile
import threading
from dataclasses import dataclass, replace
from pathlib import Path
from typing import IO, Any, Callable, Dict, List, Mapping, Optional, Tuple

from ..client.background_task import BackgroundTask
from ..client.engine_process import close_pipes, last_line
from ..client.engine_python import child_environment, engine_command, python_command
from ..errors import CancelledError, EngineError, EngineMissingError, from_wire
from .request import PublishRequest

MAIN = "dmp_matting.publish.subprocess_main"


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


class BackgroundPublish(BackgroundTask[PublishStatus, PublishReport]):
    """One publish; starts at once. ``python``: the engine's, as the host's preferences name it.

    ``poll`` returns PublishStatus; ``result`` the PublishReport, or raises what ended the publish:
    EngineMissingError, CancelledError ...
    """

    def __init__(self, request: PublishRequest, *, python: Optional[str] = None) -> None:
        self._request, self._python = request, python
        self._child: Optional[subprocess.Popen[bytes]] = None
        self._lock = threading.Lock()  # around the child's start and its end on request
        self._cancelled = False
        super().__init__(self._publish, "dmp-publish")

    def cancel(self) -> None:
        """End the publish; returns at once. Frames that are made are kept for the next one."""
        with self._lock:
            self._cancelled = True
            if self._child is not None:
                self._child.terminate()

    # --- on the task's own thread ---------------------------------------------------------------

    def _publish(self, report: Callable[[PublishStatus], None]) -> PublishReport:
        outcome = _Outcome()
        with tempfile.TemporaryFile() as stderr:
            child = self._start(stderr)
            assert child.stdin is not None and child.stdout is not None
            try:
                try:
                    child.stdin.write(json.dumps(self._request.to_json()).encode() + b"\n")
                    child.stdin.flush()
                except BrokenPipeError:
                    pass  # it died at once; its error output says why
                for line in child.stdout:
                    status = outcome.take(json.loads(line))
                    if status is not None:
                        report(status)
            finally:
                child.terminate()
                close_pipes(child)
                child.wait()
            if self._cancelled:
                raise CancelledError("Cancelled; nothing was published.")
            if not outcome.complete:
                last = last_line(stderr)
                why = f": {last}" if last else "."
                raise EngineError(f"Publishing ended without a result{why}")
        return outcome.report()

    def _start(self, stderr: IO[bytes]) -> subprocess.Popen[bytes]:
        python = engine_command(self._python)[0]
        environment = child_environment()
        if self._python:
            environment["DMP_ENGINE_PYTHON"] = self._python  # the checks use the same engine
        command = python_command(python, MAIN, package=str(Path(__file__).resolve().parent.parent))
        with self._lock:
            if self._cancelled:
                raise CancelledError("Cancelled; nothing was published.")
            try:
                self._child = subprocess.Popen(
                    command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=stderr,
                    env=environment,
                )  # fmt: skip
            except OSError as reason:
                raise EngineMissingError(
                    f"The engine's Python at '{python}' could not be started ({reason.strerror})."
                ) from None
            return self._child


class _Outcome:
    """The lines of publish/subprocess_main.py, gathered into a report."""

    def __init__(self) -> None:
        self.complete = False  # the last line has come
        self._published: Dict[str, str] = {}
        self._failures: List[PublishFailure] = []
        self._warnings: List[str] = []

    def take(self, line: Mapping[str, Any]) -> Optional[PublishStatus]:
        """Take one line; the status when it is one. Raises the error that a line carries."""
        event = line["event"]
        if event == "status":
            return PublishStatus(float(line["fraction"]), str(line["text"]))
        if event == "failure":
            self._failures.append(
                PublishFailure(line["check"], line["shot"], line["message"], tuple(line["repairs"]))
            )
        elif event == "published":
            self._published[line["shot"]] = line["path"]
            warnings: Dict[str, List[int]] = line["warnings"]
            self._warnings += [f"{line['shot']}: {sentence}" for sentence in warnings]
        elif event == "error":
            raise from_wire({"error": line["error"], "message": line["message"]})
        self.complete = self.complete or event == "end"
        return None

    def report(self) -> PublishReport:
        warnings = tuple(dict.fromkeys(self._warnings))
        return PublishReport(dict(self._published), tuple(self._failures), warnings)
