"""Every failure that an artist can meet, as one tree. Standard library only.

    DmpError                     exit code  when
    ├── InputError                   2      something handed to us is wrong
    │   ├── PlateError               2      a plate cannot be used: missing, truncated, NaN or grey
    │   ├── MismatchError            2      two plates do not belong together: size, window
    │   ├── ColourSpaceError         2      a colour space that OCIO does not know
    │   └── SettingsError            2      a setting that does not exist or is out of range
    ├── OutputError                  2      the result cannot be written: no folder, read-only, full
    ├── EngineError                  3      the engine cannot be found, started or reached, or died
    │   ├── EngineMissingError       3      no Python with the engine in it
    │   └── DeviceError              3      no such device, or it ran out of memory
    └── CancelledError             130      the artist, or Ctrl-C, ended the job

A message is one sentence (two at most): what happened and what to do. It names
the file or the setting. It is never a traceback. Errors cross the wire as
``{"error": <class name>, "message": <sentence>}`` (see ``to_wire``, ``from_wire``).
"""

from __future__ import annotations

import errno
import os
import re
import traceback
from pathlib import Path
from typing import Dict, Optional, Type

# What a terminal, a log or a farm would obey or break a line at, and what no encoding holds.
_RAW = re.compile("[\x00-\x1f\x7f-\x9f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069\ud800-\udfff]")


def printable(text: str) -> str:
    """``text`` from outside on one line, with nothing in it that is not to be seen.

    Control characters, line breaks, marks that turn the direction of writing, and bytes of a name
    that are no text become escapes such as ``\\x1b``.
    """
    return _RAW.sub(lambda found: ascii(found[0])[1:-1], text)


class DmpError(Exception):
    """Base of all failures that an artist reads as one sentence: printable, whatever it quotes."""

    exit_code = 1

    def __init__(self, message: str = "") -> None:
        super().__init__(printable(str(message)))

    def to_wire(self) -> Dict[str, str]:
        """The error as JSON-ready fields, readable by :func:`from_wire`."""
        return {"error": type(self).__name__, "message": str(self)}


class InputError(DmpError):
    """Something handed to DMP is wrong."""

    exit_code = 2


class PlateError(InputError):
    """One plate cannot be used."""


class MismatchError(InputError):
    """Two plates do not belong together."""


class ColourSpaceError(InputError):
    """A colour space that is not known."""


class SettingsError(InputError):
    """A setting that does not exist or has a value out of range."""


class OutputError(DmpError):
    """The result cannot be written."""

    exit_code = 2


class EngineError(DmpError):
    """The engine cannot be found, started or reached, or it died."""

    exit_code = 3


class EngineMissingError(EngineError):
    """No Python with the engine in it was found."""


class DeviceError(EngineError):
    """No such device, or it ran out of memory."""


class CancelledError(DmpError):
    """The job was ended on request."""

    exit_code = 130


def limit_hint(reason: OSError) -> str:
    """What to do about a limit of this account that the system reported; "" for other reasons."""
    if reason.errno == errno.EMFILE:
        return ": the limit of open files is reached, raise it with `ulimit -n 4096`"
    if reason.errno == errno.EAGAIN:
        return ": the limit of processes is reached, raise it with `ulimit -u` or end some"
    if reason.errno == errno.ENOMEM:
        return ": memory is short, close other programs"
    return ""


def limit_error(error: BaseException) -> Optional[DmpError]:
    """The sentence for an exception that a limit of this account has caused; None for others."""
    if isinstance(error, OSError) and limit_hint(error):
        return EngineError(f"The system refused to go on{limit_hint(error)}.")
    if isinstance(error, OSError) and error.errno in (errno.ENOSPC, errno.EDQUOT):
        where = f" at {error.filename}" if error.filename else ""
        return OutputError(f"The disk is full{where}; make room and try again.")
    if isinstance(error, RuntimeError) and "can't start new thread" in str(error):
        return EngineError(
            "The limit of processes is reached; raise it with `ulimit -u` or end some."
        )
    if isinstance(error, MemoryError):
        return EngineError("Memory is short; close other programs, or set a smaller solve size.")
    return None


def engine_remedy() -> str:
    """What gives this user an engine, as the end of a sentence: a step that works here."""
    return _remedy("a Python with the engine")


def update_remedy() -> str:
    """As :func:`engine_remedy`, where there is an engine that is not this program's."""
    return _remedy("an engine that belongs to this program")


def _remedy(what: str) -> str:
    if os.environ.get("DMP_ENGINE_PYTHON"):  # it comes before what an installation would set
        return f"unset DMP_ENGINE_PYTHON, or point it at {what}"
    return install_step()


def install_step() -> str:
    """What installs an engine: a host's copy has no command `dmp`, only its button."""
    if not _COMMAND.is_dir():
        return "press Install Engine"
    return "press Install Engine, or run `dmp setup --install`"


_COMMAND = Path(__file__).parent / "cli"  # left out of the copies for hosts


def bug_sentence(bug: Exception, whose: str = "DMP") -> str:
    """What an artist reads about an exception that nobody foresaw."""
    text = (str(bug).splitlines() or [""])[0]
    return printable(f"{whose} hit a bug: {type(bug).__name__}: {text}.")


def as_dmp_error(error: Exception) -> DmpError:
    """``error`` itself if it is a DmpError; any other exception is a bug and becomes one sentence.

    The traceback of a bug goes to the standard error output, which Nuke's Script Editor and
    Blender's system console show.
    """
    known = error if isinstance(error, DmpError) else limit_error(error)
    if known is not None:
        return known
    traceback.print_exception(type(error), error, error.__traceback__)
    return EngineError(bug_sentence(error))


def _tree(root: Type[DmpError]) -> Dict[str, Type[DmpError]]:
    found = {root.__name__: root}
    for child in root.__subclasses__():
        found.update(_tree(child))
    return found


def from_wire(fields: Dict[str, str]) -> DmpError:
    """The error that :meth:`DmpError.to_wire` described; an unknown class becomes EngineError."""
    kind = _tree(DmpError).get(str(fields.get("error", "")), EngineError)
    return kind(fields.get("message", "The engine reported a failure without a message."))
