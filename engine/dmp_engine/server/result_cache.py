"""Finished results by key: bounded in size, least recently used first out.

    results/<first two digits>/<key>/layers.exr, layers.json
    results/<first two digits>/<other key>.link

The key covers what the plates hold, the settings and the engine's version, so an
entry is never wrong, only unneeded. A folder is complete or absent. Disks fail all the
same: layers.json holds size and SHA-256 of the EXR and a SHA-256 of itself, both are
checked whenever an entry is handed out, and a damaged one is dropped. A link is a file
that holds the key of an entry: its other key covers the plates' files instead of
their pixels, and can be computed without decoding them.
"""

from __future__ import annotations

import contextlib
import dataclasses
import hashlib
import json
import logging
import os
import re
import shutil
import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from dmp_matting.atomic_write import ABANDONED, atomic_write, sweep_abandoned
from dmp_matting.errors import DmpError
from dmp_matting.exr_header import copy_with_texts, read_exr_header
from dmp_matting.job import Layers
from dmp_matting.paths import open_regular

DEFAULT_LIMIT = 10 << 30  # bytes

log = logging.getLogger("dmp.cache")


@dataclass(frozen=True)
class Usage:
    """What the cache holds, for `dmp cache` and the status."""

    folder: str
    entries: int
    bytes: int
    limit: int


class ResultCache:
    """The cache in ``folder``, holding at most ``limit`` bytes; 0 switches it off."""

    def __init__(self, folder: Path, limit: int = DEFAULT_LIMIT) -> None:
        self.folder = folder
        self.limit = limit

    def get(self, key: str, target: Path, texts: Mapping[str, str] | None = None) -> Layers | None:
        """Put the finished EXR at ``target`` and return its Layers, or None when not held.

        ``texts`` are the header's attributes that say whose result it is, such as the names of the
        plates: the same pixels may have been another job's. A damaged
        entry counts as not held and is dropped. Raises OSError when ``target`` cannot
        be written.
        """
        entry = self._entry(self._linked(key))
        if not entry.exists():
            return None
        try:
            layers = _read_note(entry / "layers.json")
            _check(entry / "layers.exr", layers)
            os.utime(entry / "layers.json")  # its time of last use
        except (
            OSError, ValueError, TypeError, KeyError, AttributeError, RecursionError, DmpError,
        ) as damage:  # fmt: skip
            if entry.exists():  # else another engine of this user has dropped it meanwhile
                log.warning("a damaged result is dropped and solved anew: %s (%r)", entry, damage)
                shutil.rmtree(entry, ignore_errors=True)
            return None
        try:
            _place_for(entry / "layers.exr", target, texts or {})
            if texts:  # it may be a copy with another header
                layers = dataclasses.replace(layers, **_measured(target))
        except FileNotFoundError:
            return None
        return layers

    def put(self, key: str, exr: Path, layers: Layers) -> None:
        """Keep a finished frame, on the disk itself when this returns.

        A disk that is full is no failure of the frame. Blocks: call it on a thread.
        """
        entry = self._entry(key)
        if self.limit <= 0 or entry.exists():
            return
        with contextlib.suppress(OSError):
            if exr.stat().st_size > self.limit:
                return
            entry.parent.mkdir(parents=True, exist_ok=True)
            with atomic_write(entry) as temporary:
                temporary.mkdir()
                place_file(exr, temporary / "layers.exr")
                if not layers.sha256:
                    layers = dataclasses.replace(layers, **_measured(temporary / "layers.exr"))
                _write_note(temporary / "layers.json", layers)
                for name in ("layers.exr", "layers.json"):
                    with (temporary / name).open("r+b") as file:
                        os.fsync(file.fileno())
        self.trim()

    def link(self, key: str, to: str) -> None:
        """Let ``key`` find the entry ``to`` as well."""
        link = self._link(key)
        if self.limit <= 0 or not self._entry(to).exists():
            return
        with contextlib.suppress(OSError):
            link.parent.mkdir(exist_ok=True)
            with atomic_write(link) as temporary:
                temporary.write_text(to, "ascii")

    def trim(self) -> None:
        """Drop the least recently used entries until the limit holds, and links to nothing."""
        entries = sorted(self._entries())
        total = sum(size for _, size, _ in entries)
        dropped = set()
        for _, size, entry in entries:
            if total <= self.limit:
                break
            shutil.rmtree(entry, ignore_errors=True)
            total -= size
            dropped.add(entry.name)
        for link in self.folder.glob("??/*.link") if dropped else ():
            with contextlib.suppress(OSError, UnicodeDecodeError):
                if link.read_text("ascii") in dropped:
                    link.unlink()

    def sweep(self) -> None:
        """Remove what killed engines left of entries that they were writing."""
        for folder in self.folder.glob("??"):
            sweep_abandoned(folder)
        for left in self.folder.glob("part-*"):  # of an older version
            with contextlib.suppress(OSError):
                if time.time() - left.stat().st_mtime > ABANDONED:
                    shutil.rmtree(left)

    def usage(self) -> Usage:
        """What is held; temporary files count as bytes, as they fill the disk too."""
        sizes = [size for _, size, _ in self._entries()]
        unfinished = 0
        for pattern in ("??/.*/*", "part-*/*"):
            for file in self.folder.glob(pattern):
                with contextlib.suppress(OSError):
                    unfinished += file.stat().st_size
        return Usage(str(self.folder), len(sizes), sum(sizes) + unfinished, self.limit)

    def clear(self) -> int:
        """Drop everything; returns the number of entries that were held."""
        held = len(self._entries())
        shutil.rmtree(self.folder, ignore_errors=True)
        return held

    def _linked(self, key: str) -> str:
        """The key of the entry that ``key`` links to, or ``key`` itself."""
        link = self._link(key)
        try:
            found = link.read_text("ascii")
        except (OSError, ValueError):
            return key
        if re.fullmatch(r"[0-9a-f]{64}", found):
            return found
        log.warning("a damaged link of the result cache is dropped: %s", link)
        link.unlink(missing_ok=True)
        return key

    def _entry(self, key: str) -> Path:
        return self.folder / key[:2] / key

    def _link(self, key: str) -> Path:
        return self.folder / key[:2] / f"{key}.link"

    def _entries(self) -> list[tuple[float, int, Path]]:
        """(last use, bytes, folder) of every complete entry."""
        found = []
        for note in self.folder.glob("??/[!.]*/layers.json"):
            try:
                size = note.stat().st_size + (note.parent / "layers.exr").stat().st_size
                found.append((note.stat().st_mtime, size, note.parent))
            except FileNotFoundError:
                continue  # another engine of this user (on another machine) dropped it
        return found


def _place_for(source: Path, target: Path, texts: Mapping[str, str]) -> None:
    """``target`` becomes ``source`` with ``texts`` in its header."""
    with source.open("rb") as file:
        header = read_exr_header(file) if texts else None
        if header is None or all(header.text(name) == text for name, text in texts.items()):
            place_file(source, target)
            return
        with atomic_write(target) as temporary, temporary.open("wb") as copy:
            copy_with_texts(file, copy, texts)


def _measured(exr: Path) -> dict[str, Any]:
    with open_regular(exr) as file:
        digest = hashlib.file_digest(file, "sha256").hexdigest()
        return {"bytes": file.tell(), "sha256": digest}


def _check(exr: Path, layers: Layers) -> None:
    """Raise ValueError when the file is not the one that was written."""
    if exr.stat().st_size != layers.bytes:
        raise ValueError(f"{exr.stat().st_size} bytes instead of {layers.bytes}")
    if _measured(exr)["sha256"] != layers.sha256:
        raise ValueError("its bytes have changed")


def _write_note(path: Path, layers: Layers) -> None:
    fields = layers.to_json()
    path.write_text(json.dumps({"layers": fields, "sha256": _digest_of(fields)}), "utf-8")


def _read_note(path: Path) -> Layers:
    with open_regular(path) as file:
        note = json.loads(file.read().decode("utf-8"))
    if _digest_of(note["layers"]) != note["sha256"]:
        raise ValueError("its layers.json has changed")
    return Layers.from_json(note["layers"])


def _digest_of(fields: Any) -> str:
    return hashlib.sha256(json.dumps(fields, sort_keys=True).encode()).hexdigest()


def place_file(source: Path, target: Path) -> None:
    """``target`` becomes the content of ``source``: a hard link where the disk can, else a copy."""
    with atomic_write(target) as temporary:
        try:
            os.link(source, temporary)
        except FileNotFoundError:
            raise
        except OSError:
            shutil.copyfile(source, temporary)
