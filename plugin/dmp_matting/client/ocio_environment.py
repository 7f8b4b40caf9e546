"""What colours depend on in this process's environment. Standard library only, Python 3.9.

The engine lives longer than one client and was started in another folder and environment. So a
client sends the path of its configuration, made absolute, and below it, a line each, the variables
that the configuration reads: ``SHOT=sh010``, or ``SHOT`` alone where it is not set.
"""

from __future__ import annotations

import os
import re
import zipfile

VARIABLE = re.compile(r"\$\{?([A-Za-z_]\w*)\}?|%([A-Za-z_]\w*)%")
BUILT_IN = "ocio://"


def ocio_environment() -> str:
    """The text for the engine; empty without ``$OCIO``."""
    named = os.environ.get("OCIO", "").strip()
    if not named or named.startswith(BUILT_IN):
        return named
    path = os.path.abspath(named)
    found = {one or other for one, other in VARIABLE.findall(_text(path))}
    lines = [f"{name}={os.environ[name]}" if name in os.environ else name for name in sorted(found)]
    return "\n".join([path, *lines])


def _text(path: str) -> str:
    """The configuration; empty where it cannot be read, which the engine reports."""
    try:
        if zipfile.is_zipfile(path):  # .ocioz
            with zipfile.ZipFile(path) as archive:
                return archive.read("config.ocio").decode("utf-8", "replace")
        with open(path, encoding="utf-8", errors="replace") as file:
            return file.read()
    except (OSError, KeyError, zipfile.BadZipFile):
        return ""
