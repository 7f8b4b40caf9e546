"""A file or folder that appears whole or not at all; and whether it can appear, before any work.

Everything that DMP writes whole, in the plug-in and in the engine, is written through here. The
temporary file lies beside its target, hidden, and its name holds who writes it:
``.m.1001.exr.<system>.<process>.<random>.part``. A killed process cannot remove its own; whoever
writes the same target next does.

:func:`check_output` judges where layers are to be written, for the engine and its clients alike:
whichever way a frame is solved, the same names are refused with the same sentence.
"""

from __future__ import annotations

import os
import re
import secrets
import shutil
import socket
import tempfile
import time
import zlib
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Iterable, Iterator, Optional, Union

from .errors import OutputError, printable
from .operating_system import is_alive

LEAST_ROOM = 1 << 20  # bytes that a disk must have free when the size is not known yet
# plate.####.exr, plate.%04d.exr, plate.$F4.exr, plate.@@@@.exr
SEQUENCE = re.compile(r"#+|%0?\d*d|\$F\d*|@+(?=\.\w+$)")
ABANDONED = 24 * 3600.0  # seconds without a byte: no clock of a studio is that wrong
LONGEST = 200  # bytes of a name that its temporary file repeats; a file's name has 255 at most
_WRITER = r"(?P<system>[0-9a-f]{8})\.(?P<pid>\d{1,10})\.[0-9a-f]{8}\.part(\.[^.]+)?"
_OF_ANY = re.compile(r"\..+\." + _WRITER, re.DOTALL)


def _system() -> str:
    """Where the number of a process names one: this start of this host, and this container."""
    parts = [socket.gethostname()]
    with suppress(OSError):
        parts.append(Path("/proc/sys/kernel/random/boot_id").read_text("ascii"))
    with suppress(OSError):
        parts.append(os.readlink("/proc/self/ns/pid"))
    return f"{zlib.crc32(' '.join(parts).encode()):08x}"  # short, as a file's name has to be


SYSTEM = _system()


@contextmanager
def atomic_write(target: Path, *, keep_suffix: bool = False) -> Iterator[Path]:
    """The path to write to; it is renamed to ``target`` if the block ends without an exception.

    The block makes a file there, or a folder if ``target`` is absent.
    ``keep_suffix`` is for a writer that takes the format from the name: the temporary one then
    ends as ``target`` does. Raises OSError when the temporary file cannot be renamed or was never
    made.
    """
    end = f".part{target.suffix}" if keep_suffix else ".part"
    by = f"{SYSTEM}.{os.getpid()}.{secrets.token_hex(4)}"
    temporary = target.with_name(f"{_start(target)}{by}{end}")
    try:
        yield temporary
        os.replace(temporary, target)
    finally:
        _remove(temporary)
    _sweep(target)


def _start(target: Path) -> str:
    """What the names of all temporary files of a target begin with."""
    name = target.name
    if len(os.fsencode(name)) > LONGEST:
        name = f"{name[: LONGEST // 5]}.{zlib.crc32(os.fsencode(name)):08x}"
    return f".{name}."


def sweep_abandoned(folder: Path) -> None:
    """Remove what killed processes left in ``folder``, of whatever target."""
    _sweep_those(folder, _OF_ANY)


def _sweep(target: Path) -> None:
    """Remove what killed processes left of the same target."""
    _sweep_those(target.parent, re.compile(re.escape(_start(target)) + _WRITER))


def _sweep_those(folder: Path, names: re.Pattern[str]) -> None:
    with suppress(OSError):
        for name in os.listdir(folder):
            found = names.fullmatch(name)
            if found and _is_abandoned(folder / name, found["system"], int(found["pid"])):
                _remove(folder / name)


def _is_abandoned(temporary: Path, system: str, pid: int) -> bool:
    """Whether its writer is dead, as far as that can be seen from here.

    Of a writer elsewhere only the time of the last byte is known, by a clock that may be wrong in
    both directions.
    """
    if system == SYSTEM and not is_alive(pid):
        return True
    try:
        return abs(time.time() - temporary.stat().st_mtime) > ABANDONED
    except OSError:
        return False


def _remove(temporary: Path) -> None:
    with suppress(OSError):
        if temporary.is_dir() and not temporary.is_symlink():
            shutil.rmtree(temporary, ignore_errors=True)
        else:
            temporary.unlink()


# --- whether a file can be written ---------------------------------------------------------------


def is_sequence(path: Path) -> bool:
    """Whether the name is a pattern for many frames rather than one file."""
    return bool(SEQUENCE.search(path.name))


def not_utf8(path: Path) -> Optional[str]:
    """A printable form of a path that an image library cannot be given; None if it can."""
    try:
        str(path).encode()
        return None
    except UnicodeEncodeError:
        return printable(str(path))


def no_folder(folder: Union[str, Path]) -> OutputError:
    """The error for an output whose folder is not there."""
    return OutputError(f"The folder '{folder}' does not exist; make it first.")


def check_output(
    path: Path,
    *,
    need: int = LEAST_ROOM,
    plates: Iterable[Union[str, Path]] = (),
    suffix: str = ".exr",
) -> None:
    """Raise OutputError, before any work, when layers could not be written to ``path``.

    ``need`` is the room wanted in bytes; ``plates`` are files that the output must not overwrite.
    ``suffix`` is the one that the file has to have.
    """
    folder = path.parent
    shown = not_utf8(path)
    if shown:
        raise OutputError(f"'{shown}' has letters that are not UTF-8; choose another output.")
    if path.suffix.lower() != suffix.lower():
        raise OutputError(f"'{path}' does not end in .exr; the layers are written as EXR.")
    if is_sequence(path):
        raise OutputError(f"'{path}' is a sequence pattern, not a file; name one frame.")
    # os.path, since pathlib raises where a folder on the way may not be entered
    if not os.path.exists(folder):
        raise no_folder(folder)
    if not os.path.isdir(folder):
        raise OutputError(f"'{folder}' is a file, not a folder; choose another output.")
    try:
        os.lstat(path)
    except FileNotFoundError:
        pass
    except (OSError, ValueError) as reason:  # a name too long, a zero byte
        raise output_refused(path, getattr(reason, "strerror", None) or str(reason)) from None
    if os.path.isdir(path):
        raise OutputError(f"'{path}' is a folder; choose another output name.")
    exists = os.path.exists(path)
    if exists and not os.path.isfile(path):
        raise OutputError(f"'{path}' is a device or a pipe; choose another output name.")
    if exists and any(os.path.exists(plate) and path.samefile(plate) for plate in plates):
        raise OutputError(f"'{path}' is one of the plates; choose another output name.")
    if exists and not os.access(path, os.W_OK):
        raise OutputError(f"'{path}' is write-protected; unlock it or choose another name.")
    try:
        tempfile.TemporaryFile(dir=folder).close()
    except OSError as error:
        raise output_refused(path, error.strerror or str(error), need) from None
    if shutil.disk_usage(folder).free < need:
        raise output_refused(path, "", need)


def output_refused(path: Path, reason: str, need: int = LEAST_ROOM) -> OutputError:
    """The error for a file that could not be written, for ``reason``."""
    folder = path.parent
    if not os.path.isdir(folder):
        return OutputError(f"The folder '{folder}' does not exist any more; make it again.")
    free = shutil.disk_usage(folder).free
    if free < need:
        return OutputError(
            f"The disk of '{folder}' is full ({free / 2**20:.1f} MB free, about "
            f"{need / 2**20:.1f} MB needed); make room or choose another folder."
        )
    if not os.access(folder, os.W_OK | os.X_OK):
        return OutputError(f"'{folder}' may not be written to; choose another folder.")
    return OutputError(f"'{path}' could not be written ({reason}); choose another folder.")
