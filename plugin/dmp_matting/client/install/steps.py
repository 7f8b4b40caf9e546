"""Children of an installation: run one, log what it prints, report it, end it on request."""

from __future__ import annotations

import errno
import os
import shutil
import subprocess
import threading
from contextlib import nullcontext
from dataclasses import dataclass
from pathlib import Path
from typing import Callable, Dict, List, Optional, Tuple

from ...errors import CancelledError, DmpError, EngineError
from . import failures, machine
from .ways_in import BUTTON, WayIn


@dataclass(frozen=True)
class Step:
    """One event of an installation: what happens now, and how far it is, [0, 1]."""

    sentence: str
    fraction: float


class Runner:
    """Runs one command after the other; ``cancel`` may come from another thread at any time.

    log     the file that gets every line; place: the folder that is written, for sentences
    source  the folder of wheels where there is no network, or None
    way     the way in of the person who reads the sentences
    """

    def __init__(self, log: Path, place: Path, source: Optional[Path], way: WayIn = BUTTON) -> None:
        self.log, self.place, self.source, self.way = log, place, source, way
        self._cancelled = threading.Event()
        self._child: Optional[subprocess.Popen[str]] = None
        self._lock = threading.Lock()

    def cancel(self) -> None:
        """End the command that runs, and let none follow; returns at once."""
        with self._lock:
            self._cancelled.set()
            if self._child is not None:
                machine.end_tree(self._child)

    def check(self) -> None:
        """CancelledError after ``cancel``."""
        if self._cancelled.is_set():
            raise CancelledError("The installation was cancelled; nothing of it was kept.")

    def run(
        self,
        command: List[str],
        environment: Dict[str, str],
        on_line: Callable[[str], None] = lambda line: None,
    ) -> None:
        """Run it to its end. The error that its output means, or CancelledError."""
        code, output = self.outcome(command, environment, on_line)
        if not code:
            return
        if code == machine.KILLED:
            output += "\nERROR: it was ended from outside, as where memory is short\n"
        index = failures.index_address(output, environment)
        if not self.source and failures.is_without_reason(output):
            code, detailed = self.outcome([*command, "-vv"], environment)
            if not code:
                return  # what was wrong has passed
            output = failures.with_reason(output, detailed)
        raise self.failure(output, index)

    def failure(self, output: str, index: str = "") -> DmpError:
        """The error that an output means. ``index``: the address of the package index."""
        return failures.from_output(output, self.place, self.source, self.log, index, self.way)

    def outcome(
        self,
        command: List[str],
        environment: Dict[str, str],
        on_line: Callable[[str], None] = lambda line: None,
    ) -> Tuple[int, str]:
        """The exit code and the output. CancelledError, or EngineError where it does not start.

        What else is raised, by the log or by ``on_line``, is raised when the command has ended.
        """
        with self.log.open("a", encoding="utf-8", errors="replace") as log:
            log.write(f"$ {machine.quoted(command)}\n")
            log.flush()
            with self._lock:
                self.check()
                try:
                    if not shutil.which(command[0]):
                        raise FileNotFoundError(errno.ENOENT, os.strerror(errno.ENOENT))
                    self._child = child = subprocess.Popen(
                        machine.tied(command), env=environment, text=True,
                        stdout=subprocess.PIPE, stderr=subprocess.STDOUT, encoding="utf-8",
                        errors="replace", **machine.child_options(),
                    )  # fmt: skip
                except OSError as reason:
                    raise EngineError(
                        f"'{command[0]}' could not be started ({reason.strerror})."
                    ) from None
            lines: List[str] = []
            assert child.stdout is not None
            try:
                with child.stdin or nullcontext():
                    with child.stdout:
                        for line in child.stdout:
                            log.write(line)
                            log.flush()
                            lines.append(line)
                            on_line(line.rstrip())
                    code = child.wait()
            except BaseException:  # a full disk: what it writes is removed after this
                machine.end_tree(child)
                child.wait()
                machine.wait_for_tree(child)
                raise
            finally:
                with self._lock:
                    self._child = None
        if self._cancelled.is_set():
            machine.wait_for_tree(child)
        self.check()
        return code, "".join(lines)
