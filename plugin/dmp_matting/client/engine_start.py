"""One start of an engine: the process, and what it reports of itself. Standard library, Python 3.9.

The engine's standard output is a pipe until it serves. It writes one line of JSON there:
``{"ready": true}``, ``{"ready": false}`` where another engine holds the lock, or an error. The
end of the pipe without a line is the death of the process; its log has the reason then.
"""

from __future__ import annotations

import json
import os
import subprocess
import threading
from typing import Any, Dict, List, Optional

from ..errors import EngineError, EngineMissingError, from_wire, limit_hint
from ..operating_system import detached
from ..paths import make_cache_folder, run_folder
from .engine_files import lock_is_held, log_file
from .engine_python import engine_environment

END_LIMIT = 2.0  # seconds for the end of a process that has reported why it ends


class EngineDied(EngineError):
    """An engine that ended while it started and gave no reason: perhaps it was killed."""


class Starting:
    """An engine that has been started, without a tie to this process: session, console, folder."""

    def __init__(self, command: List[str]) -> None:
        make_cache_folder()
        log = log_file()
        try:
            log.parent.mkdir(parents=True, mode=0o700, exist_ok=True)
            file = log.open("ab")
        except OSError as reason:
            raise EngineError(
                f"The engine cannot write its log {log} ({reason.strerror}); set DMP_CACHE_DIR to "
                "a folder of your own."
            ) from None
        with file:
            self._log_size = os.fstat(file.fileno()).st_size
            try:
                self.process = subprocess.Popen(
                    command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=file,
                    cwd=run_folder(), env=engine_environment(), **detached(),
                )  # fmt: skip
            except OSError as reason:
                raise EngineMissingError(
                    f"The engine's Python at '{command[0]}' could not be started "
                    f"({reason.strerror}{limit_hint(reason)})."
                ) from None
        self._word: Optional[Dict[str, Any]] = None
        self._reading = threading.Thread(target=self._read, name="dmp-start", daemon=True)
        try:
            self._reading.start()
        except RuntimeError:  # no more threads: it starts all the same, and its socket shows it
            pass

    def served(self, seconds: float) -> Optional[bool]:
        """True when it serves, False when another engine does, None when ``seconds`` have gone.

        Raises EngineError when it has ended: with its own reason, or EngineDied with the last line
        of its log.
        """
        if self._reading.ident is not None:
            self._reading.join(seconds)
        lives = self._reading.ident is None or self._reading.is_alive()
        word = self._word  # looked at after that: the thread ends when it has one
        if word is None:
            if lives or lock_is_held():  # by another engine, or by one of an older version
                return None
            raise self._died()
        if "error" in word:
            self._reading.join(END_LIMIT)
            raise from_wire(word)
        return bool(word.get("ready"))

    def _read(self) -> None:
        assert self.process.stdout is not None
        with self.process.stdout as lines:
            for line in lines:
                try:
                    word = json.loads(line)
                except (ValueError, RecursionError):
                    continue  # printed by a library
                if isinstance(word, dict) and ("ready" in word or "error" in word):
                    self._word = word
                    break
        self.process.wait()  # the first of two processes ends as soon as it has forked; no zombie

    def _died(self) -> EngineDied:
        code = self.process.returncode
        try:
            with log_file().open("rb") as file:
                size = os.fstat(file.fileno()).st_size
                start = self._log_size if self._log_size <= size else 0  # it was rotated
                file.seek(max(start, size - 4096))
                last = file.read().decode("utf-8", "replace").strip().rpartition("\n")[2]
        except OSError:
            last = ""
        how = f"signal {-code}" if code < 0 else f"exit code {code}"
        return EngineDied(
            f"The engine could not start ({how}): {last or 'no reason given'}; "
            f"the log is {log_file()}."
        )
