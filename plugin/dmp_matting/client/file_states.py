"""What files hold: by their content, which is read again only where their status has changed.

A date says little: a plate that is delivered again, restored or copied with ``rsync -t`` may be
older than the matte of the plate before it. So the header of a result records for each plate a
digest of its content and of its status (size, times, inode). An equal status is an equal file;
under another one the content decides. Standard library only, Python 3.9.
"""

from __future__ import annotations

import hashlib
import os
import threading
from collections import OrderedDict
from dataclasses import replace
from typing import Callable, Dict, Mapping, Optional, Sequence, Tuple

from ..job import Frame, Job, Plate
from ..ocio import ocio_digest, ocio_environment
from ..paths import open_regular

BLOCK = 1 << 20
LIMIT = 100_000  # digests that are kept for as long as this process lives
MISSING = "missing"
UNTOUCHED = ("raw", "scene_linear")  # colour spaces whose values are taken as stored
LINEAR_FILES = (".exr", ".hdr")  # scene-linear where the colour space is ``auto``

_contents: OrderedDict[Tuple[str, str], str] = OrderedDict()  # by path and status
_contents_lock = threading.Lock()


class FileStates:
    """The files of plates, each looked at once; make another one for another look at the disk.

    ``files`` returns the files of a plate whose path is the name of what it was made from, such
    as a host's plate; None for a plate whose files are not known. ``config``: the host's colour
    configuration; None: that of ``$OCIO``.
    """

    def __init__(
        self,
        files: Callable[[Plate], Optional[Sequence[str]]] = lambda plate: (plate.path,),
        config: Optional[str] = None,
    ) -> None:
        self._files, self._config = files, config
        self._statuses: Dict[str, str] = {}
        self._ocio: Optional[str] = None

    def status(self, plate: Plate) -> str:
        """A digest of what the disk reports of the plate's files; cheap. "" where not known."""
        return self._digest(plate, self._status)

    def content(self, plate: Plate) -> str:
        """A digest of what the plate's files hold. "" where they are not known."""
        return self._digest(plate, self._content)

    def look(self, frame: Frame) -> None:
        """Keep the status of the frame's files; what they hold is read when it is wanted."""
        for plate in frame.plates:
            self.status(plate)

    def of_job(self, job: Job) -> Job:
        """``job`` with the state of every plate as it is now; its files are read."""
        known: Dict[Plate, Plate] = {}

        def plate(one: Plate) -> Plate:
            if one not in known:
                status, content = self.status(one), self.content(one)
                known[one] = replace(one, state=f"{content} {status}" if content else "")
            return known[one]

        def frame(one: Frame) -> Frame:
            return replace(one, plates=tuple(map(plate, one.plates)))

        return replace(
            job, frames=tuple(map(frame, job.frames)), context=tuple(map(frame, job.context))
        )

    def _digest(self, plate: Plate, state_of: Callable[[str], str]) -> str:
        files = self._files(plate)
        if files is None:
            return ""
        parts = [plate.role.value, plate.colour_space, plate.layer, *map(state_of, files)]
        if not _is_untouched(plate, files):
            parts.append(self._ocio_digest())
        if plate.keeps_space:
            parts.append("the layers in its space")
        return hashlib.sha256("\n".join(parts).encode("utf-8", "surrogateescape")).hexdigest()

    def _status(self, path: str) -> str:
        if path not in self._statuses:
            self._statuses[path] = _status_of(path)
        return self._statuses[path]

    def _content(self, path: str) -> str:
        status = self._status(path)
        return MISSING if status == MISSING else _content_of(path, status)

    def _ocio_digest(self) -> str:
        if self._ocio is None:
            self._ocio = ocio_digest(ocio_environment(self._config))
        return self._ocio


def states_of_files(files: Mapping[str, str]) -> FileStates:
    """For the plates of a job that are files themselves; those that ``files`` names are not."""
    return FileStates(lambda plate: None if plate.path in files else (plate.path,))


def _is_untouched(plate: Plate, files: Sequence[str]) -> bool:
    """True where no colour configuration has a part in the plate's pixels."""
    if plate.colour_space == "auto":
        return all(file.lower().endswith(LINEAR_FILES) for file in files)
    return plate.colour_space.lower() in UNTOUCHED


def _status_of(path: str) -> str:
    try:
        return _text_of(os.stat(path))
    except OSError:
        return MISSING


def _text_of(found: os.stat_result) -> str:
    return f"{found.st_size} {found.st_mtime_ns} {found.st_ctime_ns} {found.st_ino}"


def _content_of(path: str, status: str) -> str:
    """The digest of the file while it has ``status``; another text once it has changed."""
    key = (path, status)
    with _contents_lock:
        if key in _contents:
            _contents.move_to_end(key)
            return _contents[key]
    digest = hashlib.blake2b(digest_size=32)
    try:
        with open_regular(path) as file:
            if _text_of(os.fstat(file.fileno())) != status:
                return f"changed after {status}"
            for block in iter(lambda: file.read(BLOCK), b""):
                digest.update(block)
    except OSError:
        return MISSING
    with _contents_lock:
        _contents[key] = digest.hexdigest()
        while len(_contents) > LIMIT:
            _contents.popitem(last=False)
    return digest.hexdigest()
