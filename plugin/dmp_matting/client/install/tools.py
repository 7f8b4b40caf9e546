"""pip and uv as this installation calls them: commands and environment. Standard library only.

uv is taken where it is and nothing leads pip to an index of its own: the variables and files that
lead pip are not uv's. Proxies and certificates come from the usual variables for both.
"""

from __future__ import annotations

import os
import re
from dataclasses import dataclass, field
from pathlib import Path
from typing import Callable, Dict, List, Optional, Sequence

from ...errors import InputError
from ..engine_python import child_environment
from . import machine, pythons
from .pythons import BasePython
from .steps import Step
from .torch_build import TorchBuild
from .ways_in import BUTTON, WayIn

DOWNLOADS = ("downloads/pip", "downloads/uv")  # in the data folder, which may hold more
PYTHONS = "pythons"  # there too: the ones that uv brings
# These would put packages elsewhere than into the environment.
_ELSEWHERE = ("PIP_TARGET", "PIP_PREFIX", "PIP_ROOT", "PIP_PYTHON", "PIP_REQUIRE_VIRTUALENV")
_FOR_UV = {
    "PIP_INDEX_URL": "UV_DEFAULT_INDEX",
    "PIP_EXTRA_INDEX_URL": "UV_INDEX",
    "PIP_FIND_LINKS": "UV_FIND_LINKS",
}
_OF_REQUESTS = ("REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE")  # older pips obey them before PIP_CERT


@dataclass(frozen=True)
class Tools:
    """What builds the environment: a Python (None: uv brings one), pip on it, or uv.

    ``boot``: where no Python fits and there is no uv: an older Python, whose pip can fetch uv.
    ``pip``: the folder of a pip that was fetched (fetched.py); then that one installs, not uv.
    """

    base: Optional[BasePython]
    uv: str
    boot: Optional[BasePython] = None
    pip: str = ""

    @property
    def called(self) -> str:
        return "uv" if self.uv and not self.pip else "pip"

    @property
    def resume(self) -> bool:
        """Whether a file whose download is cut goes on where it was, each time."""
        version = self.base.pip_version if self.base else ""
        own = not self.uv and [int(one) for one in re.findall(r"\d+", version)] >= _RESUMES
        return bool(self.pip) or own

    def make_environment(self, folder: Path) -> List[str]:
        """The command that makes an empty environment."""
        if self.uv:
            python = self.base.path if self.base else "3.11"
            return [self.uv, "venv", "--prompt", "dmp", "--python", python, str(folder)]
        assert self.base is not None
        return [self.base.path, "-I", "-m", "venv", "--without-pip", "--prompt", "dmp", str(folder)]

    def install(self, folder: Path, words: Sequence[str], source: Optional[Path]) -> List[str]:
        """The command that installs ``words`` into the environment ``folder``."""
        python = str(machine.python_of(folder))
        offline = ["--no-index", "--find-links", str(source)] if source else []
        if self.called == "uv":
            return [self.uv, "pip", "install", "--python", python, "--compile-bytecode",
                    *offline, *words]  # fmt: skip
        return [*self._pip(python), "install", *self._quiet, *offline, *words]

    def download(self, folder: Path, words: Sequence[str]) -> List[str]:
        """The command that downloads wheels into ``folder``; pip alone can."""
        assert self.base is not None
        pip = self._pip(self.base.path)
        return [*pip, "download", *self._quiet, "--dest", str(folder), *words]

    def from_index(self, index: str) -> List[str]:
        """The words that lead to one more index; none for ""."""
        if not index:
            return []
        return ["--index" if self.called == "uv" else "--extra-index-url", index]

    def fetch(self, requirement: str, folder: Path, python: str = "") -> List[str]:
        """The command that puts a wheel of the package index into a folder.

        ``python``: the one that is to run it; needed where uv fetches.
        """
        where = ["--only-binary", ":all:", "--target", str(folder), requirement]
        if self.uv and python:
            return [self.uv, "pip", "install", "--python", python, *where]
        base = self.boot or self.base
        assert base is not None
        return [*Tools(base, "")._pip(base.path), "install", *_QUIET, *where]

    def index_that_has(self, requirement: Path, build: TorchBuild, python: str) -> List[str]:
        """The command of uv that prints which index has that build of torch."""
        return [self.uv, "pip", "compile", "--no-deps", "--torch-backend", build.name,
                "--emit-index-annotation", "--no-header", "--python", python,
                str(requirement)]  # fmt: skip

    @property
    def _quiet(self) -> List[str]:
        """Where pip can, it prints how far a download is."""
        return [*_QUIET[:-1], "raw"] if self.resume else _QUIET

    def _pip(self, python: str) -> List[str]:
        if self.pip:
            return [python, os.path.join(self.pip, "pip")]
        assert self.base is not None
        if self.base.pip_is_wheel:
            return [python, os.path.join(self.base.pip, "pip")]
        return [self.base.path, "-m", "pip", "--python", python]


# Of pip. Before, a connection that is reset ended it, also where it could go on after a time-out.
CURRENT_PIP = "pip>=26.2"
_RESUMES = [26, 2]
_QUIET = ["--no-input", "--disable-pip-version-check", "--progress-bar", "off"]


def choose(base: str, *, offline: bool, way: WayIn = BUTTON) -> Tools:
    """The tools of this machine. InputError where there are none."""
    uv = pythons.find_uv()
    try:
        python = pythons.find(base, uv=uv if not offline else "", way=way)
    except InputError:
        boot = None if base or offline else pythons.any_with_pip()
        if boot is None:
            raise
        return Tools(None, "", boot)
    wanted = uv and (pythons.uv_is_configured() or not pythons.pip_is_configured()) and not offline
    if python is not None and python.pip and not wanted:
        uv = ""
    return Tools(python, uv)


def environment(scratch: Path, data: Optional[Path]) -> Dict[str, str]:
    """The environment of pip and uv. ``scratch``: for what is unpacked; ``data``: what is kept.

    Certificates are those of PIP_CERT for both, else of SSL_CERT_FILE where nothing of pip's or of
    requests' names others.
    """
    made = {name: value for name, value in child_environment().items() if name not in _ELSEWHERE}
    made.update(PIP_USER="0", PYTHONUNBUFFERED="1", UV_NO_PROGRESS="1")
    made.setdefault("PIP_RESUME_RETRIES", "30")  # some seconds each where the line is down
    for name in ("TMPDIR", "TEMP", "TMP"):
        made[name] = str(scratch)  # on the disk of the target: /tmp is often small
    if data is not None:
        for variable, name in zip(("PIP_CACHE_DIR", "UV_CACHE_DIR"), DOWNLOADS):
            made.setdefault(variable, str(data / name))
        made.setdefault("UV_PYTHON_INSTALL_DIR", str(data / PYTHONS))
    for pip, uv in _FOR_UV.items():
        if made.get(pip):
            made.setdefault(uv, made[pip])
    if not (any(map(made.get, ("PIP_CERT", *_OF_REQUESTS))) or pythons.in_pip_files("cert")):
        made["PIP_CERT"] = made.get("SSL_CERT_FILE", "")  # older pips do not know that one
    if made.get("PIP_CERT"):
        made["SSL_CERT_FILE"] = made["PIP_CERT"]
        for name in _OF_REQUESTS:
            made.pop(name, None)
    else:
        made.pop("PIP_CERT", None)
    return made


def fetched_uv(folder: Path) -> str:
    """The program that ``fetch_uv`` put there, or ""."""
    found = [path for path in folder.glob("bin/uv*") if path.stem == "uv"]
    return str(found[0]) if found else ""


@dataclass
class Reading:
    """What the lines of pip and uv mean: which package, how much of the list, how many bytes."""

    packages: int
    seen: int = 0  # with the last one, of which this part is there
    part: float = 1.0
    downloaded: int = 0
    _last: str = field(default="", repr=False)
    _shown: str = field(default="", repr=False)  # while a large file comes

    def sentence(self, line: str) -> str:
        """A sentence for an artist; "" for a line that means nothing to one."""
        begun = re.match(r"Collecting ([\w.\-]+)|Processing .*?([\w.]+)-\d[^/\\]*$", line)
        if begun:
            self.seen += 1
            self.part = 0.0
            self._last = begun[1] or begun[2]
            return f"Getting {self._last} ({min(self.seen, self.packages)} of {self.packages})"
        size = re.match(r"\s*Downloading (\S+) \((?:.*/)?([\d.]+) ?(k|M|G)i?B\)", line)
        if size:
            amount = float(size[2]) * {"k": 1e3, "M": 1e6, "G": 1e9}[size[3]]
            self.downloaded += int(amount)
            name = self._last or re.split(r"-\d", size[1])[0]
            self._shown = f"Downloading {name}, {size[2]} {size[3]}B" if amount > 1e6 else ""
            return self._shown
        far = re.match(r"Progress (\d+) of (\d+)$", line)
        if far and self._shown and int(far[2]):
            self.part = int(far[1]) / int(far[2])
            return self._shown
        broken = re.search(r"Attempting to resume incomplete download \((.+)/(.+), attempt", line)
        if broken:
            there = f"{broken[1]} of {broken[2]}"
            self._shown = f"The connection broke; {self._last} goes on at {there}"
            return self._shown
        here = re.match(r"\s*Downloaded (\S+)$", line)
        if here:  # uv names what is larger than 1 MB alone
            self.seen, self.part = self.seen + 1, 1.0
            return f"Downloaded {here[1]}"
        if line.startswith(("Installing collected", "Prepared")):
            self.seen, self.part = self.packages, 1.0
            return "Unpacking the packages"
        return ""

    def reporting(
        self, report: Callable[[Step], None], start: float = 0.0, end: float = 1.0
    ) -> Callable[[str], None]:
        """What takes each line and reports the steps in it, between these two fractions."""

        def read(line: str) -> None:
            sentence = self.sentence(line)
            if sentence:
                report(Step(sentence, start + (end - start) * self.fraction))

        return read

    @property
    def fraction(self) -> float:
        return min(1.0, max(0.0, self.seen - 1 + self.part) / max(1, self.packages))
