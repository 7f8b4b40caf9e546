"""A file that appears whole or not at all, and nothing left of a process that was killed.

The draft lies beside its target, hidden, and says in its name who writes it:
``.m.1001.exr.<host>.<process>.<random>.part``. A killed process cannot remove its draft; whoever
writes the same target next does.
"""

from __future__ import annotations

import os
import re
import secrets
import socket
import time
import zlib
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Iterator

ABANDONED = 3600.0  # seconds without a byte: nobody writes that slowly
_HOST = f"{zlib.crc32(socket.gethostname().encode()):08x}"  # a name may be too long for a file's


@contextmanager
def atomic_write(target: Path) -> Iterator[Path]:
    """The path to write to; it is renamed to ``target`` if the block ends well. OSError."""
    draft = target.with_name(f".{target.name}.{_HOST}.{os.getpid()}.{secrets.token_hex(4)}.part")
    try:
        yield draft
        os.replace(draft, target)
    finally:
        with suppress(OSError):
            draft.unlink()
    _sweep(target)


def _sweep(target: Path) -> None:
    """Remove what killed processes left of the same target."""
    named = re.compile(
        re.escape(f".{target.name}.") + r"(?P<host>[0-9a-f]{8})\.(?P<pid>\d+)\.[0-9a-f]+\.part"
    )
    with suppress(OSError):
        for name in os.listdir(target.parent):
            found = named.fullmatch(name)
            if found is None:
                continue
            left = target.with_name(name)
            with suppress(OSError):
                dead = found["host"] == _HOST and not _alive(int(found["pid"]))
                if dead or time.time() - left.stat().st_mtime > ABANDONED:
                    left.unlink()


def _alive(process: int) -> bool:
    """Whether a process of this host is there; on Windows, where to ask is to kill, always."""
    if os.name == "nt":
        return True
    try:
        os.kill(process, 0)
    except ProcessLookupError:
        return False
    except OSError:
        pass  # another user's
    return True
