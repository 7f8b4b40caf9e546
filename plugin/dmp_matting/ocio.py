"""What colours depend on beside the plates: a configuration, its tables, and the environment.

The engine lives longer than one client and was started in another folder and environment. So a
client sends the path of its configuration, made absolute, and below it, a line each, the variables
that the configuration reads: ``SHOT=sh010``, or ``SHOT`` alone where it is not set. Any of these
may change under a warm engine. Standard library only, Python 3.9.
"""

from __future__ import annotations

import hashlib
import os
import re
import zipfile
from typing import Dict, Iterator, Mapping, Optional, Set

from .paths import open_regular

VARIABLE = re.compile(r"\$\{?([A-Za-z_]\w*)\}?|%([A-Za-z_]\w*)%")
BUILT_IN = "ocio://"
TABLES = (
    ".3dl", ".amf", ".cc", ".ccc", ".cdl", ".clf", ".csp", ".ctf", ".cub", ".cube", ".hdl",
    ".icc", ".icm", ".itx", ".look", ".lut", ".m3d", ".mga", ".ocio", ".spi1d", ".spi3d",
    ".spimtx", ".vf",
)  # fmt: skip
MOST = 20_000  # files that are looked at
ABSOLUTE = re.compile(r"[\"'\s:]((?:/|[A-Za-z]:[\\/])[^\"'\n,}\]]+)")


_hosts_own: Set[str] = set()


def host_configuration(path: str) -> None:
    """``path`` is the host's own configuration, and no choice of the artist's or the facility's.

    Blender 5.1 and later write theirs into ``$OCIO``. It is then neither sent nor handed on.
    """
    _hosts_own.add(os.path.normcase(os.path.abspath(path)))


def own_configuration() -> str:
    """``$OCIO``; empty where it is not set, and where a host has set it for itself."""
    named = os.environ.get("OCIO", "").strip()
    if os.path.normcase(os.path.abspath(named)) in _hosts_own:
        return ""
    return named


def ocio_environment(config: Optional[str] = None) -> str:
    """The text for the engine; empty without a configuration.

    ``config``: a host's own configuration; None: that of ``$OCIO``, if it is the user's.
    """
    named = own_configuration() if config is None else config.strip()
    if not named or named.startswith(BUILT_IN):
        return named
    path = os.path.abspath(named)
    found = {one or other for one, other in VARIABLE.findall(configuration_text(path))}
    lines = [f"{name}={os.environ[name]}" if name in os.environ else name for name in sorted(found)]
    return "\n".join([path, *lines])


def worker_environment(client: str, own: Mapping[str, str]) -> Dict[str, str]:
    """``own``, the server's environment, with the client's colour configuration."""
    merged: Dict[str, Optional[str]] = {**own, **_variables(client)}
    return {name: value for name, value in merged.items() if value is not None}


def ocio_digest(client: str) -> str:
    """Changes whenever the configuration, a table beside or below it, or a variable does.

    ``client`` is the text of :func:`ocio_environment`. The configuration counts by content; tables
    by name, size and times, since there may be hundreds of megabytes of them. Tables elsewhere are
    found where the file names their folder.
    """
    digest = hashlib.sha256(client.encode())
    path = client.partition("\n")[0]
    if not path or path.startswith(BUILT_IN):
        return digest.hexdigest()
    try:
        with open_regular(path) as file:
            content = file.read()
    except OSError:
        return digest.hexdigest()
    digest.update(content)
    variables = {name: value for name, value in _variables(client).items() if value}
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


def _variables(client: str) -> Dict[str, Optional[str]]:
    """The variables of a worker for this client; None for one that must not be set."""
    path, *lines = client.split("\n")
    variables: Dict[str, Optional[str]] = {"OCIO": path or None}
    for line in lines:
        name, has_value, value = line.partition("=")
        variables[name] = value if has_value else None
    return variables


def configuration_text(path: str) -> str:
    """The configuration; empty where it cannot be read, which the engine reports."""
    try:
        if zipfile.is_zipfile(path):  # .ocioz
            with zipfile.ZipFile(path) as archive:
                return archive.read("config.ocio").decode("utf-8", "replace")
        with open(path, encoding="utf-8", errors="replace") as file:
            return file.read()
    except (OSError, KeyError, zipfile.BadZipFile):
        return ""


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
