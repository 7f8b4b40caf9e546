"""Clean plates that are made for a shot, beside its mattes: NAME.clean.exr.

    --clean auto   of the shot's own frames, in which the subject moves

They are made again only when the files that they were made of have changed or are others.
Standard library only, Python 3.9.
"""

from __future__ import annotations

import dataclasses
import os
from typing import Any, Callable, Dict, List, Optional, Sequence

from ..client.engine_process import EngineCommand
from ..client.file_states import FileStates
from ..errors import InputError, OutputError, PlateError
from ..exr_header import ExrHeader, read_exr_header
from ..job import Plate, Role, is_unseen_map
from ..paths import open_regular
from .movies import with_movie_frames
from .review import shot_clean_plate
from .sequences import FilePattern, is_pattern
from .shot import Shot, check_name

AUTO_CLEAN = "auto"  # in place of a clean plate's path
MOST_FRAMES = 32  # that are looked at: more show hardly another place

Note = Callable[[str], None]


def with_made_plates(
    shot: Shot, note: Note = lambda sentence: None, make_folder: bool = False
) -> Shot:
    """``shot`` with image files in place of movies, and of ``auto`` as its clean plate.

    ``note`` is called with a sentence for each. ``make_folder``: also the output's folder. Raises
    InputError, PlateError and its kin, OutputError, EngineError.
    """
    check_name(shot)
    shot = with_movie_frames(shot, note, make_folder)
    if shot.clean != AUTO_CLEAN or os.path.exists(AUTO_CLEAN):
        return shot
    made = made_clean_plate(shot.named_output, make_folder)
    plates = frames_of(shot, _on_disk(shot))
    whole, states = _whole(made, plates), FileStates(lambda plate: [one.path for one in plates])
    if not is_current(made, whole, states):
        found = write_clean_plate(plates, made, shot.image)
        note(f"The clean plate {made} was made {found}")
    # Frames that are read as sRGB or the like give a scene-linear clean plate, as stills do.
    return dataclasses.replace(shot, clean=made, clean_space="")


def frames_of(shot: Shot, numbers: Sequence[int]) -> List[Plate]:
    """The plates of those frames that a clean plate is made of. InputError as frames_to_look_at."""
    chosen = frames_to_look_at(numbers, shot.image)
    found = (shot.frame(number).plate(Role.IMAGE) for number in chosen)
    return [plate for plate in found if plate is not None]


def frames_to_look_at(numbers: Sequence[int], image: str) -> List[int]:
    """At most MOST_FRAMES of these frames of ``image``, ascending and evenly spaced.

    InputError where they are fewer than two.
    """
    if len(numbers) < 2:
        what = "is one frame" if numbers else "has no frames"
        raise InputError(
            f"{image} {what}; a clean plate of the shot itself needs several, in which "
            "the subject moves."
        )
    count = min(len(numbers), MOST_FRAMES)
    chosen = sorted(numbers)
    places = [round(index * (len(chosen) - 1) / (count - 1)) for index in range(count)]
    return [chosen[place] for place in places]


def write_clean_plate(
    plates: Sequence[Plate],
    output: str,
    image: str,
    on_frame: Callable[[Dict[str, Any]], None] = lambda line: None,
    engine: Optional[EngineCommand] = None,
) -> CleanPlateReport:
    """Make the clean plate of ``plates``, frames of ``image``, and write it to ``output``.

    ``on_frame`` is called with ``aligned`` and ``of`` after each frame. Raises PlateError,
    MismatchError, OutputError, EngineError, and CancelledError where ``engine`` is ended.
    """
    states = FileStates(lambda plate: [one.path for one in plates])
    inputs = inputs_of(_whole(output, plates), states)
    answer: Dict[str, Any] = {}
    made_of = os.path.abspath(image)
    for line in shot_clean_plate(plates, output, inputs, made_of, engine or EngineCommand()):
        if "aligned" in line:
            on_frame(line)
        elif "path" in line:
            answer = line
    return CleanPlateReport(
        output, answer["frames"], tuple(answer["left_out"]), answer["unseen"], answer["moved"]
    )


@dataclasses.dataclass(frozen=True)
class CleanPlateReport:
    """What a clean plate was made of."""

    path: str
    frames: int
    left_out: Sequence[str]  # damaged, or of another place
    unseen: float  # share of it that no frame shows
    moved: float  # pixels by which frames were moved, at most

    @property
    def is_whole(self) -> bool:
        """Whether every part of it was seen, in every frame that was looked at."""
        return not self.unseen and not self.left_out

    def __str__(self) -> str:
        parts = [f"of {self.frames} frames"]
        if self.moved:
            parts.append(f"moved by up to {self.moved:.1f} px")
        if self.left_out:
            parts.append(f"{len(self.left_out)} left out, the first {self.left_out[0]}")
        never = f"{100 * self.unseen:.1f} % of it was never seen" if self.unseen else "all was seen"
        return f"{', '.join(parts)}; {never}."


def made_clean_plate(output: str, make_folder: bool = False) -> str:
    """The absolute path of the clean plate that is made for a shot with this ``output``.

    OutputError where its folder cannot be made, InputError where a file of its name is there that
    DMP did not make.
    """
    pattern = FilePattern.parse(output)
    stem = pattern.head if pattern else os.path.splitext(output)[0]
    folder, name = os.path.split(os.path.abspath(stem + "x"))
    made = os.path.join(folder, f"{name[:-1].strip('._-') or 'shot'}.clean.exr")
    try:
        if make_folder:
            os.makedirs(folder, exist_ok=True)
    except OSError as reason:
        raise OutputError(f"The folder {folder} cannot be made ({reason.strerror}).") from None
    header = _header(made)
    if os.path.exists(made) and (header is None or not header.text("dmp:inputs")):
        raise InputError(f"{made} was not made by DMP; rename it, or give it with --clean.")
    return made


def has_unseen_map(path: str) -> bool:
    """Whether an EXR is a clean plate with a map of what no frame of its shot shows.

    Such a file has to reach the engine as it is: what a host renders of it has the colours alone,
    and those that are made up would count as seen.
    """
    header = _header(path)
    return header is not None and any(map(is_unseen_map, header.channels()))


def inputs_of(whole: Plate, states: FileStates) -> str:
    """What a clean plate's header records of its files, as ``states`` finds them."""
    return f"{states.content(whole)} {states.status(whole)}"


def is_current(made: str, whole: Plate, states: FileStates) -> bool:
    """True when the file ``made`` was made of these very files as they are now."""
    header = _header(made)
    content, _, status = (header.text("dmp:inputs") if header else "").partition(" ")
    return states.status(whole) == status or states.content(whole) == content


def _whole(made: str, plates: Sequence[Plate]) -> Plate:
    """All plates as one, for their state."""
    return dataclasses.replace(plates[0], path=made)


def _on_disk(shot: Shot) -> Sequence[int]:
    """All frames of the shot that are there, also those that are not solved now."""
    pattern = FilePattern.parse(shot.image) if is_pattern(shot.image) else None
    found = pattern.frames() if pattern else shot.numbers()
    if not found:
        raise PlateError(f"There is no file {shot.image}; check the plate's name.")
    return found


def _header(path: str) -> Optional[ExrHeader]:
    try:
        with open_regular(path) as file:
            return read_exr_header(file)
    except (OSError, ValueError):
        return None
