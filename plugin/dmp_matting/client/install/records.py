"""The private engines of a user: where they lie, and what each recorded of itself.

An engine is a folder with a virtual environment and ``engine.json``, which is written before the
folder gets its name: a folder without it is none of ours. Standard library only, Python 3.9.
"""

from __future__ import annotations

import json
import os
import shutil
import sys
from contextlib import suppress
from dataclasses import asdict, dataclass, fields
from pathlib import Path
from typing import Dict, List, Optional, Tuple

from ...errors import DmpError, InputError
from ...paths import data_folder, read_config
from ...version import __version__
from . import machine, payload, sources

RECORD = "engine.json"
LEFT = ".*.part"  # an environment that is being made, or removed


@dataclass(frozen=True)
class Record:
    """What was installed.

    version     the release of DMP
    digest      SHA-256 of its wheel
    torch       the installed build, as "2.13.0+cpu"
    base        the Python that it was built on
    downloaded  bytes from the index; disk: bytes of the environment; seconds: all of it
    """

    version: str
    digest: str
    torch: str
    base: str
    downloaded: int
    disk: int
    seconds: float


def engines_folder() -> Path:
    return data_folder() / "engines"


def record_of(python: str) -> Optional[Record]:
    """The record of the environment that a Python belongs to; None where we did not make it."""
    try:
        found = json.loads((Path(python).parent.parent / RECORD).read_text(encoding="utf-8"))
        record = Record(**{spec.name: found[spec.name] for spec in fields(Record)})
    except (OSError, ValueError, KeyError, TypeError, RecursionError):
        return None
    texts = (record.version, record.digest, record.torch, record.base)
    figures = (record.downloaded, record.disk, record.seconds)
    sound = all(isinstance(one, str) for one in texts)
    sound = sound and all(isinstance(one, (int, float)) for one in figures)
    return record if sound else None


def write_record(environment: Path, record: Record) -> None:
    text = json.dumps(asdict(record), indent=2, sort_keys=True) + "\n"
    (environment / RECORD).write_text(text, encoding="utf-8")


def installed() -> List[Path]:
    """The user's engines, oldest first. A hidden one is half made or half removed, and is none."""
    found = [path for path in folders() if not path.name.startswith(".")]
    return sorted(found, key=lambda path: (path / RECORD).stat().st_mtime)


def folders() -> List[Path]:
    """All that installations have made in the folder of engines, also what killed ones left."""
    try:
        found = sorted(engines_folder().iterdir())
    except OSError:
        return []
    left = set(engines_folder().glob(LEFT))
    return [path for path in found if path in left or (path / RECORD).is_file()]


def update_sentence(python: Optional[str] = None) -> str:
    """Why the engine that hosts use should be updated; "" where it need not, or is not ours.

    ``python``: the engine's Python of a host's own preferences.
    """
    try:
        chosen = python or os.environ.get("DMP_ENGINE_PYTHON") or read_config().get("engine_python")
        record = record_of(str(chosen)) if chosen else None
    except InputError:
        return ""
    if record is None:
        return ""
    if payload.numbers(record.version) < payload.numbers(__version__):
        return f"The engine is DMP {record.version}, older than this program ({__version__})."
    if record.version == __version__ and _carried_digest() not in ("", record.digest):
        return f"The engine was made from another build of DMP {__version__} than this program."
    return ""


def prune(kept: Path) -> None:
    """Remove the user's older engines; the caller knows that no server of theirs runs.

    A shell, a job without the server or another machine may still use the one before ``kept``: it
    stays. So do those of this very program and of ``$DMP_ENGINE_PYTHON``.
    """
    used = {Path(sys.prefix), *Path(sys.executable).parents}
    used.update(Path(os.environ.get("DMP_ENGINE_PYTHON", "")).parents)
    older = [path for path in installed() if path != kept]
    for path in older[:-1]:
        if not used & {path, path.resolve()}:
            with suppress(OSError):
                discard(path)


def discard(environment: Path) -> None:
    """Remove an environment: hidden first, so that nobody ever uses a part of one. OSError."""
    hidden = environment
    if not environment.name.startswith("."):
        hidden = environment.with_name(f".{environment.name}.removed.part")
        environment.rename(hidden)
    shutil.rmtree(hidden)


def python_in(environment: Path) -> str:
    return str(machine.python_of(environment))


def _carried_digest() -> str:
    """The digest of the wheel that this copy carries; "" where it carries none."""
    folder = sources.CORE / sources.RELEASE
    try:
        wheel = payload.find().wheel if folder.is_dir() else None
        if wheel is None or wheel.parent != folder:
            return ""
        stamp = (str(wheel), wheel.stat().st_mtime_ns)
        if stamp not in _digests:
            _digests[stamp] = payload.digest(wheel)
        return _digests[stamp]
    except (OSError, DmpError):
        return ""


_digests: Dict[Tuple[str, int], str] = {}  # a panel looks every few seconds
