"""The wheel of DMP, written from a checkout or from an installed distribution: the same bytes.

Standard library only, so that no build tool and no network is needed. It is what
``pip wheel .`` makes of setup.py, but for the long description (which would differ between a
checkout and an installation), and with times that are always the same.
"""

from __future__ import annotations

import base64
import hashlib
import zipfile
from pathlib import Path
from typing import BinaryIO, Dict, List, Union

from ...errors import InputError
from ...version import __version__
from ..requirements import CLI, CLIENT_PYTHON, EXTRAS, NAME, SUMMARY
from . import sources

MOMENT = (2020, 1, 1, 0, 0, 0)  # of every entry: the same sources give the same bytes
INFO = f"dmp_matting-{__version__}.dist-info"
WHEEL_NAME = f"dmp_matting-{__version__}-py3-none-any.whl"


def write_wheel(target: Path) -> None:
    """Write the wheel to ``target``. InputError in a host's copy; OSError as files have it."""
    engine = sources.engine()
    if engine is None:
        raise InputError(f"The copy of DMP at {sources.CORE} does not hold the engine's sources.")
    core = sources.core_files()
    files = {f"dmp_matting/{name}": path.read_bytes() for name, path in core.items()}
    for path in sources.files_of(engine):
        files[f"dmp_engine/{path.relative_to(engine).as_posix()}"] = path.read_bytes()
    adapters = sources.adapters()
    for name in ("nuke", "blender_addon/dmp_blender"):
        for path in sources.files_of(adapters / name):
            inside = path.relative_to(adapters).as_posix()
            files[f"dmp_matting/{sources.ADAPTERS}/{inside}"] = path.read_bytes()
    licence = sources.licence().encode()
    files[f"dmp_matting/{sources.ADAPTERS}/LICENSE"] = licence
    files[f"{INFO}/licenses/LICENSE"] = licence
    files[f"{INFO}/METADATA"] = _metadata().encode()
    files[f"{INFO}/WHEEL"] = (
        b"Wheel-Version: 1.0\nGenerator: dmp\nRoot-Is-Purelib: true\nTag: py3-none-any\n"
    )
    files[f"{INFO}/entry_points.txt"] = b"[console_scripts]\ndmp = dmp_matting.cli:main\n"
    files[f"{INFO}/RECORD"] = _record(files).encode()
    write_zip(target, files)


def write_zip(target: Union[Path, BinaryIO], files: Dict[str, bytes]) -> None:
    """A zip whose bytes depend on nothing but names and contents."""
    with zipfile.ZipFile(target, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in sorted(files.items()):
            entry = zipfile.ZipInfo(name, MOMENT)
            entry.compress_type = zipfile.ZIP_DEFLATED
            entry.create_system = 3  # the same on Windows
            entry.external_attr = 0o100644 << 16
            archive.writestr(entry, content)


def _metadata() -> str:
    lines: List[str] = [
        "Metadata-Version: 2.1",
        f"Name: {NAME}",
        f"Version: {__version__}",
        f"Summary: {SUMMARY}",
        "License: MIT",
        f"Requires-Python: >={'.'.join(map(str, CLIENT_PYTHON))}",
    ]
    lines += [f"Requires-Dist: {one}" for one in CLI]
    for extra, needed in EXTRAS.items():
        lines.append(f"Provides-Extra: {extra}")
        for one in needed:
            package, _, marker = one.partition(";")
            both = f"({marker.strip()}) and extra == '{extra}'" if marker else f"extra == '{extra}'"
            lines.append(f"Requires-Dist: {package.strip()}; {both}")
    return "\n".join(lines) + "\n"


def _record(files: Dict[str, bytes]) -> str:
    rows = []
    for name, content in sorted(files.items()):
        digest = base64.urlsafe_b64encode(hashlib.sha256(content).digest()).rstrip(b"=").decode()
        rows.append(f"{name},sha256={digest},{len(content)}")
    return "\n".join([*rows, f"{INFO}/RECORD,,"]) + "\n"
