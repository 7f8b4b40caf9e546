"""Where a matte's EXRs lie: a folder for each .blend, scene and plate, in versions.

    FOLDER/BLEND/SCENE/PLATE_v001/PLATE_matte.1001.exr

FOLDER is the one that the artist chose, else ``dmp`` beside the .blend. What a .blend that was
never saved makes lies in the cache folder, and moves along with the first save: mattes, and clean
plates that were built, PLATE_clean_v001/PLATE_clean.exr.
"""

from __future__ import annotations

import contextlib
import os
import re
import shutil
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Callable, Collection, List, Optional

import bpy

from .chosen import whole_folder
from .core import dmp
from .files import Numbered, numbered

DIGITS = 4
VERSIONED = re.compile(r"(?P<stem>.+)_v(?P<version>\d{3,})")
UNSAVED = dmp.unsaved_blends().name  # in place of the name of a .blend that has none yet


@dataclass(frozen=True)
class Result:
    """Where a matte's EXRs lie: ``folder/stem.####.exr``, or ``folder/stem.exr`` for a still."""

    folder: str
    stem: str
    still: bool

    @property
    def _files(self) -> Numbered:
        return Numbered(self.folder, f"{self.stem}.", DIGITS, ".exr")

    def path(self, frame: int) -> str:
        if self.still:
            return os.path.join(self.folder, f"{self.stem}.exr")
        if frame < 0:
            raise dmp.InputError(f"Frame {frame} is below 0; move the shot to frames from 0 on.")
        return self._files.path(frame)

    def frames(self) -> List[int]:
        """The frames that are there; [1] for a still."""
        if self.still:
            return [1] if os.path.exists(self.path(1)) else []
        return self._files.numbers()

    def missing(self) -> List[int]:
        """The gaps between the first frame and the last: there the matte renders as nothing."""
        found = self.frames()
        return sorted(set(range(found[0], found[-1] + 1)) - set(found)) if found else []

    @property
    def version(self) -> int:
        """Of its folder; 0 where that has none, as of DMP 0.1.0."""
        found = VERSIONED.fullmatch(os.path.basename(self.folder))
        return int(found["version"]) if found else 0


def result_at(path: str, still: bool) -> Optional[Result]:
    """The result that the EXR ``path`` belongs to; None for a file that is no frame of one."""
    folder, name = os.path.split(os.path.normpath(path))
    if still:
        return Result(folder, os.path.splitext(name)[0], True)
    parts = numbered(path)
    return Result(folder, parts.head.rstrip("."), False) if parts is not None else None


def chosen_folder(scene: Any, blend: str) -> str:
    """Where the results of all .blend files go that have the same choice."""
    chosen = whole_folder(scene.dmp.output or (blend and "//dmp"), blend)
    if chosen:
        return chosen
    return os.path.dirname(str(dmp.unsaved_blends()))


def scene_folder(scene: Any, blend: str) -> str:
    """The folder of one scene's results in the .blend ``blend``, "" for one without a name."""
    name = os.path.splitext(os.path.basename(blend))[0]
    if not blend:
        session = os.path.basename(os.path.normpath(bpy.app.tempdir))
        name = os.path.join(UNSAVED, session)
    return os.path.join(chosen_folder(scene, blend), name, plain(scene.name))


def is_unsaved(result: Result, scene: Any) -> bool:
    """Whether a result lies where a .blend without a name writes, of this session or a lost one."""
    cache = os.path.dirname(str(dmp.unsaved_blends()))
    tops = [os.path.join(one, UNSAVED) for one in (cache, chosen_folder(scene, ""))]
    top = Path(result.folder).parent.parent.parent  # below it a folder of each session
    return os.path.normcase(top) in map(os.path.normcase, tops)


def plain(name: str) -> str:
    """A name of Blender's as the name of a folder."""
    return re.sub(r"[^\w.-]+", "_", name).strip("._-") or "scene"


def choose(
    folder: str,
    stem: str,
    still: bool,
    current: Optional[Result],
    others: Collection[Result],
    version: int = 0,
    is_foreign: Callable[[Result], bool] = lambda result: False,
) -> Result:
    """Where a plate's matte goes.

    folder      of the scene
    stem        of the plate's name
    current     where its matte lies now; in the same folder it stays
    others      the results of other plates, whose folders it must not take
    version     the artist's; 0 is the current one, or the next without files of other plates
    """
    taken = {_parted(os.path.basename(one.folder)) for one in others if _is_in(one, folder)}
    if current is not None and _is_in(current, folder) and current.version:
        stem = _parted(os.path.basename(current.folder))
        number = current.version
    else:
        number, plain_stem, count = 1, stem, 2
        while stem in taken:
            stem, count = f"{plain_stem}_{count}", count + 1

    def at(number: int) -> Result:
        return Result(os.path.join(folder, f"{stem}_v{number:03d}"), f"{stem}_matte", still)

    if version:
        return at(version)
    while is_foreign(at(number)):
        number += 1
    return at(number)


def _parted(folder: str) -> str:
    found = VERSIONED.fullmatch(folder)
    return found["stem"] if found else folder


def _is_in(result: Result, folder: str) -> bool:
    return os.path.normcase(os.path.dirname(result.folder)) == os.path.normcase(folder)


def make_folder(result: Result, top: str) -> None:
    """Make the folder of a result, below the chosen one. OutputError."""
    for folder in (top, result.folder):
        try:
            os.makedirs(folder, exist_ok=True)
        except OSError as reason:
            raise dmp.OutputError(
                f"The output folder {folder} cannot be made ({reason.strerror}); choose another."
            ) from None


def remove(result: Result, top: str) -> None:
    """Remove EXRs that have been carried elsewhere, and their folders. Never fails."""
    for frame in result.frames():
        with contextlib.suppress(OSError):
            os.unlink(result.path(frame))
    remove_if_empty(result, top)


def remove_if_empty(result: Result, top: str) -> None:
    """Take back what ``make_folder`` made below ``top``, for a job of which nothing came."""
    folder = result.folder
    while len(folder) > len(top):
        try:
            os.rmdir(folder)
        except OSError:
            return
        folder = os.path.dirname(folder)


def carry(old: Result, new: Result, frames: Collection[int], top: str) -> None:
    """Give ``new`` the EXRs that ``old`` has of ``frames`` and it has not: as links, else copies.

    A frame is written to a file that then takes its name, so a linked one never changes.
    OutputError.
    """
    make_folder(new, top)
    for frame in set(frames).intersection(old.frames()):
        source, target = old.path(frame), new.path(frame)
        try:
            if not os.path.exists(target):
                _link(source, target)
        except OSError as reason:
            raise dmp.OutputError(f"{target} cannot be written ({reason.strerror}).") from None


def _link(source: str, target: str) -> None:
    try:
        os.link(source, target)
    except OSError:  # another disk, or one that has no links
        with dmp.atomic_write(Path(target)) as temporary:
            shutil.copy2(source, temporary)
