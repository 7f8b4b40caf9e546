"""One input of a job: which file it is in a frame, or how it is rendered.

A rendered plate is a temporary file, so the job names what it was made from (``Input.job_name``):
messages and the results' headers have that.
"""

from __future__ import annotations

import os
from dataclasses import dataclass
from typing import Any, Callable, Optional, Tuple

from . import render
from .core import dmp
from .files import Numbered


def check_one_view(image: Any) -> None:
    """PlateError for a stereo picture: its one matte would be shown in every view."""
    if image.use_multiview:
        raise dmp.PlateError(
            f"'{image.name}' has several views (Use Multi-View), and one matte would serve them "
            "all; open the files of each view as an image of its own, and matte these."
        )


@dataclass(frozen=True)
class Input:
    """One input of a job, from which its frames are taken.

    still      one picture for all frames
    space      the colour space of the file, for the engine
    layer      the layer that the engine reads, of a file with several
    start      scene frame that shows file (or movie frame) number ``first``
    last       number of a movie's last frame
    files      the files of a sequence
    path       the file of a still that is sent as it is
    socket     how to render it; None when it is sent as it is
    clip_files  the files of a movie clip that is a sequence; it is called by the first of them
    origin     what a rendered one is made from: a file, or a datablock of the .blend
    digest     of what Blender does to it on the way, by the scene frame
    """

    role: Any
    name: str
    still: bool
    space: str
    layer: str = ""
    size: Tuple[int, int] = (0, 0)
    start: int = 1
    first: int = 1
    last: Optional[int] = None
    files: Optional[Numbered] = None
    clip_files: Optional[Numbered] = None
    path: str = ""
    socket: Any = None
    stage: Callable[[], Any] = render.empty_scene
    origin: str = ""
    digest: Callable[[int], str] = lambda frame: ""

    def job_name(self, frame: int) -> str:
        """What the plate is called in a job, in messages and in the result's header."""
        path = self.files.path(max(self._number(frame), 0)) if self.files else self.path
        if self.socket is None:
            return path
        at = "" if self.still else f", frame {frame}"
        return f"{path or self.origin} ({self.role.called}{at}, {self.digest(frame)}).exr"

    def made_of(self, frame: int) -> Tuple[str, ...]:
        """The files of a frame; none for what is in the .blend alone, whose name has its digest."""
        files = self.files or self.clip_files
        path = files.path(max(self._number(frame), 0)) if files else self.path
        found = path or self.origin
        return (found,) if os.path.isabs(found) else ()

    def has(self, frame: int) -> bool:
        """Whether there is a picture for a scene frame."""
        try:
            self.path_at(frame)
        except dmp.PlateError:
            return False
        return True

    def _number(self, frame: int) -> int:
        return self.first + frame - self.start

    def plate(self, frame: int, folder: str) -> Any:
        """The Plate for a scene frame; rendered into ``folder`` when need be. PlateError."""
        path = self.path_at(frame)
        if self.socket is not None:
            stamp = "still" if self.still else f"{frame:06d}"
            path = os.path.join(folder, f"{self.role.value}.{stamp}.exr")
            if not os.path.exists(path):
                render.render_frame(self.socket, self.size, frame, path, self.stage)
        return dmp.Plate(path, self.role, self.space, self.layer)

    def named(self, frame: int) -> Any:
        """The Plate for a scene frame under the name that the artist knows."""
        return dmp.Plate(self.job_name(frame), self.role, self.space, self.layer)

    def path_at(self, frame: int) -> str:
        """The file behind a frame, "" where there is none of its own; PlateError when missing.

        Blender itself shows nothing, or another frame, for one that is not there.
        """
        label, number = self.role.called, self._number(frame)
        files = self.files or self.clip_files
        if files is not None:
            path = files.path(max(number, 0))
            if number < 0 or not os.path.exists(path):
                raise dmp.PlateError(
                    f"The {label} has no file for frame {frame}: {path} does not exist."
                )
            return path
        if self.last is not None and not 1 <= number <= self.last:
            low = self.start - self.first + 1
            raise dmp.PlateError(
                f"The {label} '{self.name}' has no frame {frame}; "
                f"it runs from {low} to {low + self.last - 1}."
            )
        return self.path
