"""Job folders: everything that must outlive a killed worker or server.

    jobs/<id>/job.json              the record below
              plates/<n>.<suffix>   the uploaded plates, in the order of Record.plates
              layers/<frame>.exr    finished frames
              checkpoint/<frame>    state of an unfinished frame, written by the worker
              preview.png           what the running frame looks like

``job.json`` is replaced whole whenever a state, a
plate or a finished frame changes, so a reader never meets half of one.
"""

from __future__ import annotations

import contextlib
import dataclasses
import json
import logging
import os
import re
import secrets
import shutil
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from dmp_matting.atomic_write import atomic_write
from dmp_matting.job import NEXT_STATES, Frame, Job, JobState, Layers
from dmp_matting.paths import open_regular

from .large_json import write

KEEP_UNREADABLE = 7 * 24 * 3600.0  # seconds
log = logging.getLogger("dmp.jobs")

ENDED = frozenset(state for state, following in NEXT_STATES.items() if not following)


@dataclass
class StoredPlate:
    """One distinct plate file of a job; a still clean plate is sent once for all frames."""

    path: str  # as the client named it
    file: str  # its name in plates/
    bytes: int = 0
    digest: str = ""  # of server.digest; empty until it has arrived


@dataclass
class Record:
    """The content of ``job.json``."""

    id: str
    job: Job
    attended: bool
    ocio: str  # the client's $OCIO: the worker must read colour spaces with the same
    created: float
    state: JobState = JobState.UPLOADING
    failure: dict[str, str] | None = None  # DmpError.to_wire
    plates: list[StoredPlate] = field(default_factory=list)
    layers: dict[int, Layers] = field(default_factory=dict)
    crashes: int = 0  # workers that died on the current frame

    def __post_init__(self) -> None:
        self._job_text = ""  # as JSON: with 50,000 frames it takes seconds to make

    def become(self, state: JobState) -> None:
        assert state in NEXT_STATES[self.state], f"{self.state.value} to {state.value}"
        self.state = state

    @property
    def ended(self) -> bool:
        return self.state in ENDED

    def content(self, *frames: Frame) -> dict[str, str]:
        """The digest of each plate of these frames, by its path."""
        named = {plate.path for frame in frames for plate in frame.plates}
        return {plate.path: plate.digest for plate in self.plates if plate.path in named}

    def missing(self) -> list[int]:
        """Indices of the plates that have not arrived."""
        return [n for n, plate in enumerate(self.plates) if not plate.digest]

    def unfinished(self) -> list[Frame]:
        return [frame for frame in self.job.frames if frame.number not in self.layers]

    def to_text(self) -> str:
        """The record as JSON; a piece at a time, so that no other thread waits for long."""
        if not self._job_text:
            job = dataclasses.replace(self.job, frames=(), context=()).to_json()
            for name, frames in (("frames", self.job.frames), ("context", self.job.context)):
                job[name] = [
                    {"number": frame.number, "plates": [vars(plate) for plate in frame.plates]}
                    for frame in frames
                ]
            self._job_text = write(job)
        others = (f.name for f in dataclasses.fields(self) if f.name not in _LISTED)
        pieces = {name: json.dumps(getattr(self, name)) for name in others}
        pieces["job"] = self._job_text
        pieces["plates"] = write([vars(plate) for plate in self.plates])
        pieces["layers"] = write([layers.to_json() for layers in self.layers.values()])
        return "{" + ", ".join(f'"{name}": {text}' for name, text in pieces.items()) + "}"

    def check(self, name: str) -> None:
        """Raise ValueError when the record cannot be one of ours in a folder called ``name``."""
        frames = (*self.job.frames, *self.job.context)
        paths = {plate.path for frame in frames for plate in frame.plates}
        sound = (
            self.id == name
            and bool(self.job.frames)
            and all(frame.plates for frame in self.job.frames)
            and paths <= {plate.path for plate in self.plates}
            and all(re.fullmatch(r"\d+(\.[a-z0-9]{1,5})?", plate.file) for plate in self.plates)
            and isinstance(self.created, (int, float))
            and type(self.attended) is bool
            and isinstance(self.ocio, str)
            and type(self.crashes) is int
            and (self.failure is None or {"error", "message"} <= self.failure.keys())
        )
        if not sound:
            raise ValueError("it is not of the form that the engine writes")

    @classmethod
    def from_json(cls, data: dict[str, Any]) -> Record:
        layers = [Layers.from_json(entry) for entry in data["layers"]]
        return cls(
            **{
                **data,
                "job": Job.from_json(data["job"]),
                "state": JobState(data["state"]),
                "plates": [StoredPlate(**plate) for plate in data["plates"]],
                "layers": {entry.frame: entry for entry in layers},
            }
        )


_LISTED = ("job", "plates", "layers")


class Store:
    """All job folders under ``root``."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.unreadable = root.with_name(f"unreadable-{root.name}")

    def create(self, job: Job, *, attended: bool, ocio: str) -> Record:
        """A new job folder in state UPLOADING. Raises OSError when the disk will not have it."""
        record = Record(secrets.token_hex(8), job, attended, ocio, time.time())
        frames = (*job.frames, *job.context)
        paths = dict.fromkeys(plate.path for frame in frames for plate in frame.plates)
        record.plates = [StoredPlate(path, f"{n}{_suffix(path)}") for n, path in enumerate(paths)]
        folder = self.folder(record)
        try:
            for name in ("plates", "layers", "checkpoint"):
                (folder / name).mkdir(parents=True, mode=0o700)
            self.save(record)
        except OSError:
            self.remove(record)
            raise
        return record

    def save(self, record: Record) -> None:
        with atomic_write(self.folder(record) / "job.json") as temporary:
            temporary.write_text(record.to_text(), "utf-8")

    def load(self) -> Iterator[Record]:
        """Every readable job on disk, oldest first.

        A folder without a record, which a killed server had begun, is removed; one whose record
        cannot be read is put aside.
        """
        self._sweep_unreadable()
        records = []
        for folder in self.root.glob("*"):
            try:
                with open_regular(folder / "job.json") as file:
                    record = Record.from_json(json.loads(file.read().decode("utf-8")))
                record.check(folder.name)
            except FileNotFoundError:
                shutil.rmtree(folder, ignore_errors=True)
            except Exception as reason:  # it may hold anything; every start would meet it again
                self.put_aside(folder, reason)
            else:
                records.append(record)
        yield from sorted(records, key=lambda record: record.created)

    def put_aside(self, folder: Path, reason: Exception) -> None:
        """Move a job folder that cannot be used out of the way, for a week, with one log line."""
        aside = self.unreadable / folder.name
        log.warning(
            "job %s cannot be used and is put aside as %s: %.300r", folder.name, aside, reason
        )
        try:
            self.unreadable.mkdir(mode=0o700, exist_ok=True)
            shutil.rmtree(aside, ignore_errors=True)
            shutil.move(folder, aside)
            os.utime(aside)
        except OSError:
            shutil.rmtree(folder, ignore_errors=True)

    def _sweep_unreadable(self) -> None:
        for aside in self.unreadable.glob("*"):
            with contextlib.suppress(OSError):
                if time.time() - aside.stat().st_mtime > KEEP_UNREADABLE:
                    shutil.rmtree(aside, ignore_errors=True)

    def remove(self, record: Record) -> None:
        shutil.rmtree(self.folder(record), ignore_errors=True)

    def drop_inputs(self, record: Record) -> None:
        """Plates, checkpoints and preview of a job that has ended."""
        for name in ("plates", "checkpoint"):
            shutil.rmtree(self.folder(record) / name, ignore_errors=True)
        self.preview(record).unlink(missing_ok=True)

    def folder(self, record: Record) -> Path:
        return self.root / record.id

    def plate(self, record: Record, index: int) -> Path:
        return self.folder(record) / "plates" / record.plates[index].file

    def layers(self, record: Record, frame: int) -> Path:
        return self.folder(record) / "layers" / f"{frame}.exr"

    def checkpoint(self, record: Record, frame: int) -> Path:
        return self.folder(record) / "checkpoint" / str(frame)

    def preview(self, record: Record) -> Path:
        return self.folder(record) / "preview.png"

    def stored_frame(self, record: Record, frame: Frame) -> Frame:
        """The frame with each plate's path replaced by where the plate lies in the folder."""
        index = {plate.path: n for n, plate in enumerate(record.plates)}
        return Frame(
            frame.number,
            tuple(
                dataclasses.replace(plate, path=str(self.plate(record, index[plate.path])))
                for plate in frame.plates
            ),
        )

    def with_client_names(self, record: Record, text: str) -> str:
        """``text`` with the stored plates' paths replaced by those of the artist's own files."""
        for index, plate in enumerate(record.plates):
            if plate.file not in text:
                continue
            stored = self.plate(record, index)
            text = text.replace(str(stored), plate.path)
            bare_name = rf"(?<![\w./\\-]){re.escape(stored.name)}(?!\w)"
            text = re.sub(bare_name, Path(plate.path).name.replace("\\", r"\\"), text)
        return text


def _suffix(path: str) -> str:
    """The suffix by which OpenImageIO knows the format; nothing else of a client's name is used."""
    suffix = Path(path).suffix.lower()
    return suffix if re.fullmatch(r"\.[a-z0-9]{1,5}", suffix) else ""
