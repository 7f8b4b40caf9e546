"""What pip, uv and venv print when they fail, as one sentence for the person at the button."""

from __future__ import annotations

import re
from pathlib import Path
from typing import List, Mapping, Optional, Tuple, Type

from ...errors import DmpError, EngineError, InputError, OutputError
from .ways_in import BUTTON, WayIn

BROKE_OFF = (
    r"IncompleteRead|Connection broken|ConnectionResetError|Connection reset|RemoteDisconnected|"
    r"incomplete-download|Response payload is not completed|end of file before message|"
    r"BadZipFile|Failed to extract archive|File is not a zip file|Read timed out|"
    r"ReadTimeoutError|error decoding response|Wheel '[^']+' located at [^\n]* is invalid"
)
NO_PACKAGE = (
    r"No matching distribution found for ([\w.\-\[\]+=<>]+)|there (?:is|are) no versions? of "
    r"([\w.\-]+)|(?:Because|and) ([\w.\-]+)[^\n]* was not found in|"
    r"Because only ([\w.\-]+)[^\n]* is available"
)
# The first pattern that is found counts. {0}: what the pattern's group found; {place}: the folder
# that was to be written; {source}: the folder of wheels, or the package index with its address;
# {way}: the way in of the person who reads it.
SENTENCES: List[Tuple[str, Type[DmpError], str]] = [
    (r"No space left on device|Errno 28|not enough space|Disk quota exceeded|os error 28",
     OutputError, "The disk of {place} is full; make room, or {way.elsewhere} on another disk, and "
                  "{way.again}."),
    (r"Read-only file system|os error 30",
     OutputError, "{place} is on a disk that cannot be written; {way.elsewhere} that can."),
    (r"DO NOT MATCH THE HASHES|Hash mismatch|hash mismatch",
     EngineError, "A package arrived other than it was published (a broken download, or a proxy "
                  "that changes files); {way.again}."),
    (r"CERTIFICATE_VERIFY_FAILED|certificate verify failed|invalid peer certificate|SSLError",
     EngineError, "{source} has a certificate that is not trusted here; set PIP_CERT or "
                  "SSL_CERT_FILE to your facility's certificates."),
    (r"ProxyError|407 Proxy|Tunnel connection failed|Cannot connect to proxy",
     EngineError, "The proxy refused the connection to the package index; correct HTTPS_PROXY, "
                  "or {way.without_net}."),
    (r"(?:401|403) (?:Client )?(?:Error|Unauthorized|Forbidden)|HTTP error 40[13]",
     EngineError, "{source} refused access; correct its address and password "
                  "(PIP_INDEX_URL, or UV_DEFAULT_INDEX)."),
    (BROKE_OFF,
     EngineError, "The download broke off; {way.again}: what pip could keep is not fetched again."),
    (r"Temporary failure in name resolution|Name or service not known|getaddrinfo|"
     r"nodename nor servname|NewConnectionError|Failed to establish a new connection|"
     r"Network is unreachable|dns error|tcp connect error|Connection refused|Connection timed out|"
     r"client error \(Connect\)",
     EngineError, "{source} cannot be reached; check its address, the network and the proxy "
                  "(HTTPS_PROXY), or {way.without_net}."),
    (NO_PACKAGE,
     EngineError, "{source} has no package {0}{remedy}."),
    (r"Permission denied: '([^']+)'|Permission denied",
     OutputError, "{place} cannot be written; {way.elsewhere} that can."),
    (r"No module named '?venv'?|ensurepip is not available",
     EngineError, "The Python that was found cannot make environments; install its package "
                  "python3-venv, or {way.another_python}."),
]  # fmt: skip


def meaning(output: str) -> str:
    """The pattern of SENTENCES that counts of that output; "" for one that none knows."""
    return next((one for one, _, _ in SENTENCES if re.search(one, output)), "")


def is_without_reason(output: str) -> bool:
    """Whether pip prints there that it found nothing; why, it prints with ``-vv`` alone."""
    return "No matching distribution found for" in output


def with_reason(output: str, detailed: str) -> str:
    """What counts of the output of pip and of that of the same command with ``-vv``.

    Where an index could not be asked, that; pip goes on as if it held nothing.
    """
    unasked = [line for line in re.findall(_UNASKED, detailed) if not re.search(_NO_PAGE, line)]
    if unasked:
        return "\n".join(unasked)
    return output + "\n".join(re.findall(_UNASKED, detailed))


_UNASKED = r"Could not fetch URL [^\n]*"
_NO_PAGE = r": 404 |was not found in the package registry"


def index_address(output: str, environment: Mapping[str, str]) -> str:
    """The index as the user named it, without a password; "" where it is the usual one."""
    looked = re.search(r"Looking in indexes: ([^\n]+)", output)
    names = ("UV_DEFAULT_INDEX", "UV_INDEX_URL", "PIP_INDEX_URL")
    named = next((environment[name] for name in names if environment.get(name)), "")
    return looked[1].strip() if looked else re.sub(r"://[^/@]*@", "://****@", named)


def from_output(
    output: str,
    place: Path,
    source: Optional[Path],
    log: Path,
    index: str = "",
    way: WayIn = BUTTON,
) -> DmpError:
    """The error for a step that failed with that output. ``index``: its address, for sentences."""
    for pattern, kind, sentence in SENTENCES:
        found = re.search(pattern, output)
        if found is None:
            continue
        name = next((group for group in found.groups() if group), "")
        where = f"The folder {source}" if source else f"The package index {index}".rstrip()
        fit = " for this Python and machine"
        remedy = f"{fit}; {way.another_python}"
        if source:
            remedy = (
                f"{fit}; make the folder with `dmp package wheels` and the same version of Python"
            )
        elif re.search(_NO_PAGE, output):
            remedy = (
                "; correct its address (PIP_INDEX_URL, or UV_DEFAULT_INDEX), or have the package "
                "added there"
            )
        return kind(sentence.format(name, place=place, source=where, remedy=remedy, way=way))
    lines = [line.strip() for line in output.splitlines() if line.strip()]
    errors = [line for line in lines if line.lower().startswith("error")]
    last = (errors or lines or ["no reason given"])[-1]
    last = re.sub(r"^(ERROR|error): ?", "", last).rstrip(".")
    return EngineError(f"The installation failed: {last}; everything that it printed is in {log}.")


def from_os(reason: OSError, place: Path, way: WayIn = BUTTON) -> DmpError:
    """The error for a file or folder of ours that cannot be written."""
    text = f"[Errno {reason.errno}] {reason.strerror}"
    if re.search(SENTENCES[0][0] + "|" + SENTENCES[1][0], text):
        return from_output(text, place, None, place, way=way)
    return OutputError(f"{place} cannot be written ({reason.strerror}); {way.elsewhere} that can.")


def no_python(found: List[str], way: WayIn = BUTTON) -> InputError:
    """No Python to build on, and no uv that would bring one."""
    seen = f" (found: {', '.join(found)})" if found else ""
    return InputError(
        f"No Python 3.11 to 3.14 was found on this machine{seen}; install one, or uv"
        f"{way.or_name_one}."
    )


def no_pip(python: str, way: WayIn = BUTTON) -> InputError:
    """A Python to build on, but neither pip for it nor uv: as Debian and Ubuntu come."""
    return InputError(
        f"{python} has no pip; install its package python3-venv (Debian, Ubuntu) or python3-pip, "
        f"or uv{way.or_name_one}."
    )
