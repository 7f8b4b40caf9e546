"""What an engine is made from: the wheel of DMP and the list of locked packages.

Looked for, in this order: the folder that the artist or TD named; the copy that a host's plug-in
carries (``dmp_matting/release``, from ``dmp package``); this very package, where it is a checkout
or an installed distribution: then the wheel is written when it is needed.
"""

from __future__ import annotations

import hashlib
import re
from dataclasses import dataclass
from pathlib import Path
from typing import List, Optional, Tuple

from ...errors import InputError
from ...version import __version__
from . import sources
from .wheel import WHEEL_NAME, write_wheel

LOCKS = {False: "constraints-cpu.txt", True: "constraints-cuda.txt"}  # True: with torch
_WHEEL = re.compile(r"dmp_matting-(\d+(?:\.\d+)*)-py3-none-any\.whl")


@dataclass(frozen=True)
class Payload:
    """``wheel`` is None where it is to be written from this package; ``folder`` has the locks."""

    wheel: Optional[Path]
    version: str
    folder: Path

    def lock(self, *, with_torch: bool) -> List[str]:
        """The locked packages, one pip requirement with its hashes each. InputError."""
        file = self.folder / LOCKS[with_torch]
        try:
            text = file.read_text(encoding="utf-8")
        except OSError as reason:
            raise InputError(f"{file} cannot be read ({reason.strerror}).") from None
        lines = re.sub(r"\s*\\\n\s*", " ", text).splitlines()
        return [line.strip() for line in lines if line.strip() and not line.startswith("#")]

    def write_lock(self, listed: Path, *, with_torch: bool) -> Tuple[List[str], int]:
        """Write the lock to ``listed``; the words that pip and uv take it by, and its length."""
        lines = self.lock(with_torch=with_torch)
        listed.write_text("\n".join(lines) + "\n", encoding="utf-8")
        words = ["--no-deps", "--require-hashes", "--only-binary", ":all:", "-r", str(listed)]
        return words, len(lines)

    def wheel_in(self, folder: Path) -> Path:
        """The wheel; written into ``folder`` where there is none yet."""
        if self.wheel is not None:
            return self.wheel
        write_wheel(folder / WHEEL_NAME)
        return folder / WHEEL_NAME


def find(*named: Optional[Path]) -> Payload:
    """The payload, of the first of ``named`` that is a folder with a wheel, else of this package.

    InputError where there is none and this package cannot write one, and for one of an older DMP
    than this or than another of ``named``: an artist who updates would get the old one again.
    """
    folders = [folder for folder in named if folder is not None]
    locks = next((one for one in folders if (one / LOCKS[False]).is_file()), Path(__file__).parent)
    places = [*folders, sources.CORE / sources.RELEASE]
    for folder in places:
        wheels = _wheels(folder)
        if wheels:
            version = _version(wheels[-1].name)
            newest = max([version, __version__, *map(_newest, folders)], key=numbers)
            if numbers(version) < numbers(newest):
                raise InputError(
                    f"{folder} is of DMP {version}, and DMP {newest} is to be installed; remove "
                    "that folder, or make it anew with `dmp package wheels`."
                )
            # Of two builds of one version the release's own, which this program came with.
            same = [
                one for place in places for one in _wheels(place) if _version(one.name) == version
            ]
            return Payload(same[-1], version, locks)
    if sources.engine() is None:
        place = folders[0] if folders else sources.CORE / sources.RELEASE
        raise InputError(
            f"{place} holds no dmp_matting-*.whl; name the release folder, which holds it."
        )
    return Payload(None, __version__, locks)


def _wheels(folder: Path) -> List[Path]:
    return sorted(folder.glob("dmp_matting-*.whl"), key=lambda path: _order(path.name))


def _newest(folder: Path) -> str:
    wheels = _wheels(folder)
    return _version(wheels[-1].name) if wheels else ""


def digest(wheel: Path) -> str:
    """64 hexadecimal digits over the wheel."""
    return hashlib.sha256(wheel.read_bytes()).hexdigest()


def numbers(version: str) -> List[int]:
    """A version to compare by: "0.10.1" -> [0, 10, 1]."""
    return [int(number) for number in re.findall(r"\d+", version)]


def _version(name: str) -> str:
    found = _WHEEL.fullmatch(name)
    return found[1] if found else name.split("-")[1]


def _order(name: str) -> List[int]:
    return numbers(_version(name))
