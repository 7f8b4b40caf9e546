"""A file or folder that appears whole or not at all; what a killed writer left is removed.

Everything that DMP writes whole, in the plug-in and in the engine, is written through here. The
draft lies beside its target, hidden, and its name holds who writes it:
``.m.1001.exr.<host>.<process>.<random>.part``. A killed process cannot remove its draft; whoever
writes the same target next does.
"""

from __future__ import annotations

import os
import re
import secrets
import shutil
import socket
import time
import zlib
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Iterator

ABANDONED = 3600.0  # seconds without a byte: nobody writes that slowly
LONGEST = 200  # bytes of a name that its draft repeats; a file's name has 255 at most
_HOST = f"{zlib.crc32(socket.gethostname().encode()):08x}"  # a name may be too long for a file's


@contextmanager
def atomic_write(target: Path, *, keep_suffix: bool = False) -> Iterator[Path]:
    """The path to write to; it is renamed to ``target`` if the block ends without an exception.

    The block makes a file there, or a folder if ``target`` is absent.
    ``keep_suffix`` is for a writer that takes the format from the name: the draft then ends as
    ``target`` does. Raises OSError when the draft cannot be renamed or was never made.
    """
    end = f".part{target.suffix}" if keep_suffix else ".part"
    draft = target.with_name(f"{_start(target)}{_HOST}.{os.getpid()}.{secrets.token_hex(4)}{end}")
    try:
        yield draft
        os.replace(draft, target)
    finally:
        _remove(draft)
    _sweep(target)


def _start(target: Path) -> str:
    """What the names of all drafts of a target begin with."""
    name = target.name
    if len(os.fsencode(name)) > LONGEST:
        name = f"{name[: LONGEST // 5]}.{zlib.crc32(os.fsencode(name)):08x}"
    return f".{name}."


def _sweep(target: Path) -> None:
    """Remove what killed processes left of the same target."""
    start = _start(target)
    rest = re.compile(
        r"(?P<host>[0-9a-f]{8})\.(?P<pid>\d+)\.[0-9a-f]{8}\.part(" + re.escape(target.suffix) + ")?"
    )
    with suppress(OSError):
        for name in os.listdir(target.parent):
            found = rest.fullmatch(name[len(start) :]) if name.startswith(start) else None
            if found is None:
                continue
            left = target.with_name(name)
            with suppress(OSError):
                dead = found["host"] == _HOST and not _alive(int(found["pid"]))
                if dead or time.time() - left.stat().st_mtime > ABANDONED:
                    _remove(left)


def _remove(draft: Path) -> None:
    with suppress(OSError):
        if draft.is_dir() and not draft.is_symlink():
            shutil.rmtree(draft, ignore_errors=True)
        else:
            draft.unlink()


def _alive(process: int) -> bool:
    """Whether a process of this host runs; on Windows, where the query would kill it, always."""
    if os.name == "nt":
        return True
    try:
        os.kill(process, 0)
    except ProcessLookupError:
        return False
    except OSError:
        pass  # another user's
    return True
