"""The engine's log: one line for each message, no flood of one kind, and of limited length."""

from __future__ import annotations

import contextlib
import logging
import os
import shutil
import sys
import time
from collections import Counter
from pathlib import Path

from dmp_matting.atomic_write import atomic_write
from dmp_matting.errors import printable

LIMIT = 4 << 20  # bytes; then the log goes on empty, and the old one is kept beside it
WINDOW = 60.0  # seconds
OF_A_KIND = 60  # messages with one template in a window
OF_ALL = 600  # messages in a window


class OneLine(logging.Formatter):
    """Messages quote names and bytes from outside: nothing raw, and a line break is no new line."""

    def formatMessage(self, record: logging.LogRecord) -> str:
        record.message = printable(record.message)
        return super().formatMessage(record)

    def formatException(self, ei: object) -> str:
        text: str = super().formatException(ei)  # type: ignore[arg-type]
        return "\n".join(map(printable, text.splitlines()))


class NoFlood(logging.Filter):
    """Passes so many messages in a window, and then counts what it left out."""

    def __init__(self) -> None:
        super().__init__()
        self._begun = time.monotonic()
        self._seen: Counter[str] = Counter()
        self._left_out = 0

    def filter(self, record: logging.LogRecord) -> bool:
        if time.monotonic() - self._begun > WINDOW:
            left_out, self._left_out = self._left_out, 0
            self._begun = time.monotonic()
            self._seen.clear()
            if left_out:
                logging.getLogger("dmp.log").warning("%d lines like these were left out", left_out)
        kind = f"{record.name} {str(record.msg)[:80]}"
        passed = self._seen[kind] < OF_A_KIND and self._seen.total() < OF_ALL
        if passed:
            self._seen[kind] += 1
        self._left_out += not passed
        return passed


def open_log() -> None:
    """Log to standard error, which the program that started the engine has made a file."""
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(OneLine("%(asctime)s %(name)s %(message)s"))
    handler.addFilter(NoFlood())
    logging.basicConfig(level=logging.INFO, handlers=[handler])
    logging.getLogger("uvicorn").setLevel(logging.WARNING)


def rotate(log: Path, limit: int = LIMIT) -> None:
    """Empty ``log`` if it is our standard error and has grown; its content is kept as ``.log.1``.

    The file stays the same one, since the workers write to it as well.
    """
    with contextlib.suppress(OSError):
        written = os.fstat(2)
        if written.st_size <= limit or not os.path.samestat(written, os.stat(log)):
            return
        with contextlib.suppress(OSError), atomic_write(log.with_suffix(".log.1")) as temporary:
            shutil.copyfile(log, temporary)
        os.truncate(log, 0)
