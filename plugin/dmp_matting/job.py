"""The vocabulary that every room shares: Plate, Frame, Job, Progress, Layers, JobState.

Rules: frozen dataclasses, JSON both ways, standard library only, Python 3.9.
"""

from __future__ import annotations

import dataclasses
import enum
import hashlib
import hmac
import json
from dataclasses import dataclass, field, fields
from typing import Any, Dict, List, Mapping, Optional, Tuple

from .settings import Settings, still_valid

PROTOCOL = 3  # between hosts and engine: docs/engineering/engine_protocol.md
PROOF = "/v1/proof"  # where an engine proves that it knows its token, without being sent it
NEIGHBOURS = 8  # frames on each side that a result of a shot depends on (Settings.temporal)


def proof_of(token: str, number: str) -> str:
    """What only an engine with that token can answer to ``number``; hexadecimal."""
    return hmac.new(token.encode(), f"dmp engine {number}".encode(), hashlib.sha256).hexdigest()


class Role(str, enum.Enum):
    """What a plate is for."""

    IMAGE = "image"  # the plate with the subject, I in the paper
    CLEAN = "clean"  # the clean plate, B in the paper
    GARBAGE = "garbage"  # garbage matte: outside it alpha is 0
    CORE = "core"  # core matte: inside it alpha is 1
    HOLDOUT = "holdout"  # holdout matte: inside it alpha is 0
    TRIMAP = "trimap"  # black: alpha is 0, white: 1, in between DMP decides

    @property
    def is_matte(self) -> bool:
        """Whether it constrains alpha: a file of data, not a picture."""
        return self not in (Role.IMAGE, Role.CLEAN)

    @property
    def called(self) -> str:
        """What an artist calls it."""
        return ROLE_NAMES[self]


ROLE_NAMES: Mapping[Role, str] = {
    Role.IMAGE: "plate",
    Role.CLEAN: "clean plate",
    Role.GARBAGE: "garbage matte",
    Role.CORE: "core matte",
    Role.HOLDOUT: "holdout matte",
    Role.TRIMAP: "trimap",
}
MATTES: Tuple[Role, ...] = tuple(role for role in Role if role.is_matte)
UNSEEN = "unseen.A"  # of a clean plate: 1 where its colours are made up, 0 where they were seen
_UNSEEN_NAMES = ("unseen.a", "unseen.alpha")  # in lower case; the second is Nuke's


def is_unseen_map(channel: str) -> bool:
    """Whether a channel of that whole name, of a clean plate, is the map of what no frame shows."""
    return channel.lower() in _UNSEEN_NAMES


@dataclass(frozen=True)
class Plate:
    """One image file and what it is for.

    ``colour_space`` is a name of the OCIO configuration, ``auto`` (scene-linear
    for EXR and float files, sRGB for 8-bit, 10-bit log is never guessed) or
    ``raw`` (values solved as stored). ``layer`` names the layer to read of a plate
    with several; empty: the main one. A clean plate without that layer gives its main one.
    ``keeps_space``, of the image plate: the layers come back in its colour space, as a keyer gives
    them, in place of the working space.
    ``state`` is recorded with the result, and no part of what it depends on: the digests of the
    file's content and status (client/file_states.py); empty where they are not known.
    """

    path: str
    role: Role
    colour_space: str = "auto"
    layer: str = ""
    state: str = ""
    keeps_space: bool = False

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> Plate:
        return cls(
            str(data["path"]),
            Role(data["role"]),
            str(data["colour_space"]),
            str(data.get("layer", "")),
            str(data.get("state", "")),
            bool(data.get("keeps_space", False)),
        )


@dataclass(frozen=True)
class Frame:
    """All plates of one frame number."""

    number: int
    plates: Tuple[Plate, ...]

    def plate(self, role: Role) -> Optional[Plate]:
        """The plate of that role, or None."""
        return next((plate for plate in self.plates if plate.role is role), None)


@dataclass(frozen=True)
class Job:
    """Everything that a result depends on, but for the engine's own version.

    ``settings_on_cpu`` replaces ``settings`` where the engine solves on the CPU (preset ``auto``).
    ``context`` are frames of the same shot that are looked at and not solved: the neighbours
    of those in ``frames`` (Settings.temporal).
    """

    frames: Tuple[Frame, ...]
    settings: Settings = field(default_factory=Settings)
    settings_on_cpu: Optional[Settings] = None
    context: Tuple[Frame, ...] = ()

    def settings_for(self, device: str) -> Settings:
        """The settings on a device: ``cpu``, ``cuda`` or ``cuda:N``. Their ``device`` stays."""
        if device == "cpu" and self.settings_on_cpu is not None:
            return dataclasses.replace(self.settings_on_cpu, device=self.settings.device)
        return self.settings

    def to_json(self) -> Dict[str, Any]:
        return dataclasses.asdict(self)

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> Job:
        frames, context = (
            tuple(
                Frame(int(frame["number"]), tuple(map(Plate.from_json, frame["plates"])))
                for frame in data.get(name, ())
            )
            for name in ("frames", "context")
        )
        settings = Settings.from_json(data["settings"])
        on_cpu = data.get("settings_on_cpu")
        settings_on_cpu = None if on_cpu is None else Settings.from_json(on_cpu)
        return cls(frames, settings, settings_on_cpu, context)

    def key(self, content: Mapping[str, str], engine_version: str) -> str:
        """Cache key: a hash in which every path is replaced by the digest of its content.

        ``content`` maps each plate's path to a digest. The number of threads
        counts: sums in another order differ in their last digits.
        """
        data = {**self.to_json(), "engine_version": engine_version}
        for frame in [*data["frames"], *data["context"]]:
            for plate in frame["plates"]:
                plate["path"] = content[plate["path"]]
                del plate["state"]
        return hashlib.sha256(json.dumps(data, sort_keys=True).encode()).hexdigest()


class Stage(str, enum.Enum):
    """Where a frame is on its way, in order."""

    READ = "read"
    INITIALISE = "initialise"  # eq. 6-8
    FIT = "fit"  # eq. 9-11
    JOINT = "joint"  # eq. 12, stage 1a
    PROJECT = "project"  # eq. 13, stage 1b
    REFINE = "refine"  # eq. 14-18, stage 2
    UPSAMPLE = "upsample"  # to the plate's own pixels
    WRITE = "write"

    @property
    def called(self) -> str:
        """What an artist reads while it runs: "solving"."""
        return STAGE_NAMES[self]


STAGE_NAMES: Mapping[Stage, str] = {
    Stage.READ: "reading plates",
    Stage.INITIALISE: "first alpha",
    Stage.FIT: "fitting",
    Stage.JOINT: "solving",
    Stage.PROJECT: "projecting",
    Stage.REFINE: "refining",
    Stage.UPSAMPLE: "upsampling",
    Stage.WRITE: "writing",
}


def stage_called(stage: str) -> str:
    """A stage's value in words; a stage that only a newer engine knows, as it calls it."""
    return Stage(stage).called if stage in {known.value for known in Stage} else stage


@dataclass(frozen=True)
class Progress:
    """One sign of life of a running frame."""

    frame: int
    stage: Stage
    step: int  # of the stage, 0 .. steps
    steps: int
    fraction: float  # of the whole frame, [0, 1]
    loss: Optional[float] = None
    eta: Optional[float] = None  # seconds left for this frame
    preview: Optional[str] = None  # path of a picture of the current alpha, where one is wanted
    warnings: Tuple[str, ...] = ()  # what is wrong with the plates; on one event, before the solve

    def to_json(self) -> Dict[str, Any]:
        return dataclasses.asdict(self)

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> Progress:
        warnings = tuple(data.get("warnings", ()))
        known = _known(cls, data)
        return cls(**{**known, "stage": Stage(data["stage"]), "warnings": warnings})


@dataclass(frozen=True)
class Layers:
    """One finished frame: a multi-layer EXR and what is to be known about it."""

    frame: int
    path: str
    channels: Tuple[str, ...]
    width: int
    height: int
    device: str
    seconds: Dict[str, float]  # per stage, and "total"
    warnings: Tuple[str, ...] = ()
    settings: Settings = field(default_factory=Settings)
    notes: Tuple[str, ...] = ()  # what was done to the plates, such as the clean plate's fit
    bytes: int = 0  # of the EXR
    sha256: str = ""  # of the EXR, hexadecimal

    def to_json(self) -> Dict[str, Any]:
        return dataclasses.asdict(self)

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> Layers:
        lists: Dict[str, List[str]] = {
            name: data.get(name, []) for name in ("channels", "warnings", "notes")
        }
        return cls(
            **{
                **_known(cls, data),
                "channels": tuple(lists["channels"]),
                "warnings": tuple(lists["warnings"]),
                "notes": tuple(lists["notes"]),
                "settings": Settings.from_json(still_valid(data["settings"])),
            }
        )


def _known(kind: Any, data: Mapping[str, Any]) -> Dict[str, Any]:
    """What of ``data`` the dataclass has: a newer engine may send more fields."""
    names = {spec.name for spec in fields(kind)}
    return {name: value for name, value in data.items() if name in names}


class JobState(str, enum.Enum):
    """Where a job is in the engine. ``NEXT_STATES`` says which changes there are."""

    UPLOADING = "uploading"
    QUEUED = "queued"
    RUNNING = "running"
    DONE = "done"
    FAILED = "failed"
    CANCELLED = "cancelled"


NEXT_STATES: Dict[JobState, Tuple[JobState, ...]] = {
    JobState.UPLOADING: (JobState.QUEUED, JobState.FAILED, JobState.CANCELLED),
    JobState.QUEUED: (JobState.RUNNING, JobState.CANCELLED, JobState.FAILED),
    JobState.RUNNING: (JobState.DONE, JobState.FAILED, JobState.CANCELLED, JobState.QUEUED),
    JobState.DONE: (),
    JobState.FAILED: (),
    JobState.CANCELLED: (),
}
