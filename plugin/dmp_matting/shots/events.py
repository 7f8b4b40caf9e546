"""The events of running shots, and a report for each shot. Standard library only.

ShotStart      a shot is about to be solved
ShotNotice     a sentence for the artist, such as which device solves
ShotProgress   how far one frame is
ShotFrame      a frame has been written
ShotFailure    frames that could not be made
ShotEnd        nothing is left to do for a shot
"""

from __future__ import annotations

import enum
from dataclasses import dataclass, field
from typing import Dict, List, Tuple, Union

from ..errors import DmpError
from ..job import Layers, Progress
from .shot import Gap


class Missing(str, enum.Enum):
    """What to do about frames whose files are missing."""

    FAIL = "fail"  # name all of them and start nothing
    SKIP = "skip"  # matte the others


@dataclass(frozen=True)
class ShotStart:
    """A shot is about to be solved; ``done`` frames are finished already."""

    shot: str
    frames: Tuple[int, ...]
    done: Tuple[int, ...]
    gaps: Tuple[Gap, ...]


@dataclass(frozen=True)
class ShotNotice:
    """A sentence for the artist that belongs to no frame, such as which device solves."""

    shot: str
    text: str


@dataclass(frozen=True)
class ShotProgress:
    """How far one frame is, and ``fraction``: how far the shot is, [0, 1]."""

    shot: str
    progress: Progress
    fraction: float


@dataclass(frozen=True)
class ShotFrame:
    """A frame has been written."""

    shot: str
    layers: Layers


@dataclass(frozen=True)
class ShotFailure:
    """These frames could not be made."""

    shot: str
    frames: Tuple[int, ...]
    error: DmpError


@dataclass
class ShotReport:
    """The outcome of a shot: frame numbers by what became of them."""

    shot: str
    solved: List[int] = field(default_factory=list)
    kept: List[int] = field(default_factory=list)  # finished by an earlier run
    skipped: List[int] = field(default_factory=list)  # files missing
    failures: List[ShotFailure] = field(default_factory=list)
    warnings: Dict[str, List[int]] = field(default_factory=dict)
    device: str = ""
    seconds: float = 0.0  # of solving, all frames together

    @property
    def failed(self) -> List[int]:
        return sorted(frame for failure in self.failures for frame in failure.frames)

    @property
    def finished(self) -> List[int]:
        """Frames that are on disk."""
        return sorted(self.solved + self.kept)


@dataclass(frozen=True)
class ShotEnd:
    """Nothing is left to do for a shot."""

    report: ShotReport


ShotEvent = Union[ShotStart, ShotNotice, ShotProgress, ShotFrame, ShotFailure, ShotEnd]
