"""A client's colour configuration, as it is now: for its worker's environment, and for both keys.

A configuration is a file, the look-up tables that it names, and variables of the client's
environment (dmp_matting/client/ocio_environment.py). Any of them may change under a warm engine.
"""

from __future__ import annotations

import hashlib
import os
import re
from collections.abc import Iterator, Mapping
from pathlib import Path

BUILT_IN = "ocio://"
TABLES = (
    ".3dl", ".amf", ".cc", ".ccc", ".cdl", ".clf", ".csp", ".ctf", ".cub", ".cube", ".hdl",
    ".icc", ".icm", ".itx", ".look", ".lut", ".m3d", ".mga", ".ocio", ".spi1d", ".spi3d",
    ".spimtx", ".vf",
)  # fmt: skip
MOST = 20_000  # files that are looked at
ABSOLUTE = re.compile(r"[\"'\s:]((?:/|[A-Za-z]:[\\/])[^\"'\n,}\]]+)")


def ocio_variables(client: str) -> dict[str, str | None]:
    """The variables of a worker for this client; None for one that must not be set."""
    path, *lines = client.split("\n")
    variables: dict[str, str | None] = {"OCIO": path or None}
    for line in lines:
        name, has_value, value = line.partition("=")
        variables[name] = value if has_value else None
    return variables


def worker_environment(client: str, own: Mapping[str, str]) -> dict[str, str]:
    """``own``, the server's environment, with the client's colour configuration."""
    merged: dict[str, str | None] = {**own, **ocio_variables(client)}
    return {name: value for name, value in merged.items() if value is not None}


def ocio_digest(client: str) -> str:
    """Changes whenever the configuration, a table beside or below it, or a variable does.

    The configuration counts by content; tables by name, size and times, since there may be
    hundreds of megabytes of them. Tables elsewhere are found where the file names their folder.
    """
    digest = hashlib.sha256(client.encode())
    path = client.partition("\n")[0]
    if not path or path.startswith(BUILT_IN):
        return digest.hexdigest()
    try:
        content = Path(path).read_bytes()
    except OSError:
        return digest.hexdigest()
    digest.update(content)
    variables = {name: value for name, value in ocio_variables(client).items() if value}
    text = _expanded(content.decode("utf-8", "replace"), variables)
    named = (place.strip() for line in ABSOLUTE.findall(text) for place in line.split(":"))
    places = {os.path.dirname(path), *(place for place in named if os.path.isabs(place))}
    for place in sorted(places):
        for table in _tables(place):
            try:
                state = os.stat(table)
            except OSError:  # being exported just now
                continue
            line = f"{table} {state.st_size} {state.st_mtime_ns} {state.st_ctime_ns} {state.st_ino}"
            digest.update(line.encode("utf-8", "surrogateescape"))
    return digest.hexdigest()


def _expanded(text: str, variables: Mapping[str, str]) -> str:
    for name in sorted(variables, key=len, reverse=True):
        for spelled in (f"${{{name}}}", f"${name}", f"%{name}%"):
            text = text.replace(spelled, variables[name])
    return text


def _tables(place: str) -> Iterator[str]:
    """``place`` where it is a table, else all tables below it, in order."""
    if os.path.isfile(place):
        yield place
        return
    count = 0
    for folder, folders, files in os.walk(place):
        folders.sort()
        for name in sorted(files):
            count += 1
            if count > MOST:
                return
            table = os.path.join(folder, name)
            if os.path.splitext(name)[1].lower() in TABLES and os.path.isfile(table):
                yield table
