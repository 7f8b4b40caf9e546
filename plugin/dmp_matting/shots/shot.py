"""A shot: patterns of plates in, a pattern of mattes out, and which frames. Standard library only.

    shot = Shot("sh010", "plate.####.exr", "clean.exr", "matte.####.exr", frames=range(1001, 1101))
    for event in run_shots([shot]): ...        # run.py

The clean plate (and each matte) is one still for all frames or a sequence of its own. Nothing is
opened here: ``gaps`` looks at names and sizes, so that all that is missing is reported before
work starts.
"""

from __future__ import annotations

import dataclasses
import functools
import itertools
import os
import re
import stat
import zlib
from dataclasses import dataclass
from typing import Any, Dict, Iterable, Iterator, List, Mapping, Optional, Sequence, Set, Tuple

from ..errors import InputError, OutputError, PlateError
from ..frame_window import block_of, neighbours_of
from ..job import Frame, Job, Plate, Role
from ..presets import AUTO, Resolved, resolve
from ..settings import Settings
from .sequences import FilePattern, beside, file_of, is_pattern, range_text

LONGEST_NAME = 200  # bytes of a file that is named after a shot, without its suffix
_NO_FILE = re.compile('[\x00-\x1f\x7f/\\\\:*?"<>|]+')
MOVIE, PICTURE = ".mov", ".png"  # what may be delivered beside the EXRs
CHUNK = 8  # frames a job: a job's plates are all in the engine at once, and its disk is not endless


@dataclass(frozen=True)
class Gap:
    """A file that a frame needs and that is not there, or is empty."""

    frame: int
    role: Role
    path: str
    empty: bool  # there, with no byte in it


@dataclass(frozen=True)
class Shot:
    """What to matte and where to write it.

    ``frames`` empty: all frames of the plate that are on disk. ``space``: the colour space of plate
    and clean plate, as in :class:`Plate`; ``clean_space``: the clean plate's, where it is another.
    ``layer``: the layer of the plate that is matted, where the file has several; of the clean plate
    too, if it has one of that name. ``settings_on_cpu`` replaces ``settings`` where the engine
    solves on the CPU. With neither they are preset ``auto``, see :func:`.presets.resolve`.
    ``around``: all frames of the shot where ``frames`` are a part of it; neighbours among them are
    looked at (Settings.temporal).

    An ``output`` of ``.mov`` (ProRes 4444) or ``.png`` (16 bit) becomes ``delivery``, which is made
    of the EXRs when they are finished; ``output`` is then their place, in the folder NAME.mattes
    beside it. ``fps``: of such a movie, where the plates do not state it; 0: 24. ``premultiplied``:
    its colours are multiplied with alpha, and have the light that no alpha carries.
    """

    name: str
    image: str
    clean: str
    output: str
    frames: Sequence[int] = ()
    garbage: str = ""
    core: str = ""
    space: str = "auto"
    settings: Settings = Settings(preset=AUTO)
    settings_on_cpu: Optional[Settings] = None
    around: Sequence[int] = ()
    holdout: str = ""
    trimap: str = ""
    layer: str = ""
    clean_space: str = ""
    delivery: str = ""
    fps: float = 0.0
    premultiplied: bool = False

    def __post_init__(self) -> None:
        if self.output.lower().endswith((MOVIE, PICTURE)):
            object.__setattr__(self, "delivery", self.output)
            object.__setattr__(self, "output", _results_of(self.output))
        if self.settings.preset == AUTO:
            for name, value in resolve()._asdict().items():
                object.__setattr__(self, name, value)

    def to_json(self) -> Dict[str, Any]:
        frames = {name: list(getattr(self, name)) for name in ("frames", "around")}
        return {**dataclasses.asdict(self), **frames}  # a range is no JSON

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> Shot:
        """The shot of which ``to_json`` made ``data``. SettingsError."""
        values: Dict[str, Any] = dict(data)
        for name in ("frames", "around"):
            values[name] = tuple(values.get(name, ()))
        for name in Resolved._fields:
            if values.get(name) is not None:
                values[name] = Settings.from_json(values[name])
        return cls(**values)

    def possible_settings(self) -> Tuple[Settings, ...]:
        """All settings that a frame may be solved with, whatever the device turns out to be."""
        return (self.settings, *([self.settings_on_cpu] if self.settings_on_cpu else []))

    def numbers(self) -> Tuple[int, ...]:
        """The frames of the shot. InputError, PlateError when there are none."""
        if self.frames:
            numbers = tuple(dict.fromkeys(self.frames))
        elif is_pattern(self.image):
            pattern = FilePattern.parse(self.image)
            assert pattern is not None
            numbers = pattern.frames()
            if not numbers:
                near = pattern.nearest()
                advice = f"did you mean {near}?" if near else "check the plate's name."
                raise PlateError(f"There is no file {pattern}; {advice}")
        else:
            numbers = (1,)
        if len(numbers) > 1 and FilePattern.parse(self.output) is None:
            raise InputError(
                f"{len(numbers)} frames cannot all be written to {self.named_output}; "
                "put #### into its name."
            )
        return numbers

    def sources(self) -> Dict[Role, str]:
        """The pattern or still of every role that is given."""
        given = {
            Role.IMAGE: self.image,
            Role.CLEAN: self.clean,
            Role.GARBAGE: self.garbage,
            Role.CORE: self.core,
            Role.HOLDOUT: self.holdout,
            Role.TRIMAP: self.trimap,
        }
        return {role: text for role, text in given.items() if text}

    def frame(self, number: int) -> Frame:
        """The plates of one frame, with absolute paths."""
        plates = []
        for role, text in self.sources().items():
            space, layer = ("raw", "") if role.is_matte else (self.space, self.layer)
            if role is Role.CLEAN and self.clean_space:
                space = self.clean_space
            plates.append(Plate(os.path.abspath(file_of(text, number)), role, space, layer))
        return Frame(number, tuple(plates))

    def output_of(self, number: int) -> str:
        """The EXR of one frame, absolute."""
        pattern = FilePattern.parse(self.output)
        return os.path.abspath(pattern.path(number) if pattern else self.output)

    def outputs(self, numbers: Iterable[int]) -> Dict[int, str]:
        return {number: self.output_of(number) for number in numbers}

    @property
    def named_output(self) -> str:
        """The output as it was named: what is made for the shot lies beside it."""
        return self.delivery or self.output

    def deliveries(self, numbers: Iterable[int]) -> Dict[str, Tuple[int, ...]]:
        """The movie, or the pictures, that are made of these frames: absolute paths."""
        if not self.delivery:
            return {}
        pattern = FilePattern.parse(self.delivery)
        if pattern is None:
            return {os.path.abspath(self.delivery): tuple(sorted(numbers))}
        return {os.path.abspath(pattern.path(number)): (number,) for number in sorted(numbers)}

    def job(self, numbers: Iterable[int]) -> Job:
        numbers = tuple(numbers)
        context = tuple(map(self.frame, self.context(numbers)))
        frames = tuple(map(self.frame, numbers))
        return Job(frames, self.settings, self.settings_on_cpu, context)

    def context(self, numbers: Sequence[int]) -> Tuple[int, ...]:
        """The frames that the engine looks at for these.

        Neighbours (:func:`.frame_window.neighbours_of`), or for the paper's video mode the rest of
        the block (:func:`.frame_window.block_of`). A frame of which a file is missing, or may not
        be read, is nobody's neighbour.
        """
        ways, whole = self._ways(), self._whole()
        is_there = functools.lru_cache(maxsize=None)(self._is_there)
        near: Set[int] = set()
        for number in numbers:
            if "neighbours" in ways:
                near.update(neighbours_of(number, whole, is_there))
            if "paper" in ways:
                near.update(filter(is_there, block_of(number, whole)))
        return tuple(sorted(near.difference(numbers)))

    def chunks(self, size: int = CHUNK) -> Iterator[Tuple[int, ...]]:
        """The frames in jobs, by their place in the shot: a resumed shot has the same ones.

        In the paper's video mode a job has frames of one block, also where some of it are missing:
        so the engine solves them with that block, whatever ``size`` is.
        """
        numbers, whole = self.numbers(), self._whole()
        for start in range(0, len(numbers), size):
            chunk = numbers[start : start + size]
            if "paper" not in self._ways():
                yield chunk
                continue
            for _, part in itertools.groupby(chunk, lambda number: block_of(number, whole)):
                yield tuple(part)

    def _ways(self) -> Set[str]:
        return {one.temporal for one in self.possible_settings()}

    def _whole(self) -> List[int]:
        """All frames of the shot, ascending."""
        return sorted({*self.numbers(), *self.around})

    def _is_there(self, number: int) -> bool:
        paths = [plate.path for plate in self.frame(number).plates]
        return all(_size(path) > 0 and os.access(path, os.R_OK) for path in paths)

    def gaps(self) -> List[Gap]:
        """Everything that is missing or empty, in the order of the frames."""
        sizes: Dict[str, int] = {}
        found = []
        for number in self.numbers():
            for plate in self.frame(number).plates:
                if plate.path not in sizes:
                    sizes[plate.path] = _size(plate.path)
                if sizes[plate.path] <= 0:
                    found.append(Gap(number, plate.role, plate.path, sizes[plate.path] == 0))
        return found


def file_name(name: str) -> str:
    """A shot's name as that of one file or folder on any system; other names give other files."""
    made = _NO_FILE.sub("_", name).strip(" .")
    if made == name and 0 < len(os.fsencode(made)) <= LONGEST_NAME:
        return name
    return f"{made[: LONGEST_NAME // 4] or 'shot'}-{zlib.crc32(os.fsencode(name)):08x}"


def path_below(name: str) -> str:
    """A shot's name as a path that stays below the folder it is put into: ``sq010/sh020``."""
    return "/".join(map(file_name, filter(None, re.split(r"[/\\]", name)))) or file_name(name)


def gap_sentence(shot: Shot, gaps: Sequence[Gap]) -> str:
    """All gaps of a shot in one sentence: ``plate.####.exr: frames 1003-1007 are missing``."""
    parts = []
    for role, text in shot.sources().items():
        for empty in (False, True):
            frames = [gap.frame for gap in gaps if gap.role is role and gap.empty is empty]
            if not frames:
                continue
            state = "empty" if empty else "missing"
            if is_pattern(text):
                several = "s" if len(frames) > 1 else ""
                are = "are" if several else "is"
                near = "" if empty else _meant(text)
                parts.append(f"frame{several} {range_text(frames)} of {text} {are} {state}{near}")
            else:
                parts.append(f"the {role.called} {text} is {state}")
    return f"{shot.name}: {'; '.join(parts)}."


def _meant(text: str) -> str:
    """A question where no file of the pattern is there, but files of another padding are."""
    pattern = FilePattern.parse(text)
    if pattern is None or not os.path.isdir(os.path.dirname(pattern.head) or "."):
        return ""
    near = "" if pattern.frames() else pattern.nearest()
    return f" (did you mean {near}?)" if near else ""


def _results_of(delivery: str) -> str:
    """The EXRs of which a movie or pictures are made."""
    stem, suffix = os.path.splitext(os.path.basename(delivery))
    number = ".####" if suffix.lower() == MOVIE and FilePattern.parse(delivery) is None else ""
    return os.path.join(beside(delivery, ".mattes"), f"{stem}{number}.exr")


def check_name(shot: Shot) -> None:
    """OutputError where the output is neither an EXR nor what can be made of EXRs.

    And where it is the very movie that is the plate or the clean plate. InputError for a frame rate
    that no movie has.
    """
    name = shot.named_output
    for text in filter(None, (shot.image, shot.clean)):
        if os.path.realpath(name) == os.path.realpath(text):
            raise OutputError(f"'{name}' is one of the plates; choose another output name.")
    if shot.premultiplied and not name.lower().endswith(MOVIE):
        raise InputError(
            f"'{name}' cannot be premultiplied: a PNG is straight by its standard, and an EXR has "
            f"both layers; only {MOVIE} has the choice."
        )
    if not (shot.fps == 0 or 1 <= shot.fps <= 1000):
        raise InputError(f"fps is {shot.fps}, which is no number of frames a second.")
    if not name.lower().endswith((".exr", MOVIE, PICTURE)):
        raise OutputError(
            f"'{name}' does not end in .exr, {MOVIE} (ProRes 4444) or {PICTURE}; the layers are "
            "written as EXR, and the others are made of them."
        )
    if name.lower().endswith(MOVIE) and FilePattern.parse(name) is not None:
        raise OutputError(
            f"A movie is one file for all frames; name '{name}' without {_mark(name)}."
        )


def _mark(name: str) -> str:
    pattern = FilePattern.parse(name)
    return "#" * pattern.digits if pattern else ""


def check_shots(shots: Sequence[Shot]) -> None:
    """InputError when two shots share a name, or two frames an output."""
    names: Set[str] = set()
    outputs: Dict[str, str] = {}
    for shot in shots:
        if shot.name in names:
            raise InputError(f"Two shots are called {shot.name}; give each a name of its own.")
        names.add(shot.name)
        for number in shot.numbers():
            path = shot.output_of(number)
            if path in outputs:
                raise InputError(
                    f"{outputs[path]} and {shot.name} both write {path}; name other outputs."
                )
            outputs[path] = shot.name


def _size(path: str) -> int:
    """In bytes; -1 for what is no file: no frame waits for a folder or a pipe of its name."""
    try:
        found = os.stat(path)
    except OSError:
        return -1
    return found.st_size if stat.S_ISREG(found.st_mode) else -1
