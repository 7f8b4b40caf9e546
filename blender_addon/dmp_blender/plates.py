"""From the panel's inputs to files for the engine: the file itself where it can be sent.

A file goes as it is when Blender would read the same values from it: unpacked, unpainted, one
layer, and in a colour space that the engine knows as Blender does. Everything else (packed,
painted or generated images, movies, clips, masks, log and camera spaces, transparency) is rendered
to a scene-linear EXR by render.py. Data ("Non-Color") stays as it is stored, and is solved so.
"""

from __future__ import annotations

import os
from dataclasses import dataclass
from typing import Any, Optional, Tuple

import bpy

from . import compat, render
from .core import dmp
from .files import Numbered, numbered

SENT_AS_THEY_ARE = (".exr", ".hdr", ".png", ".jpg", ".jpeg", ".tif", ".tiff", ".tga", ".bmp")
LINEAR_NAMES = ("Linear", "Linear Rec.709")


@dataclass(frozen=True)
class Input:
    """One input of a job, from which its frames are taken.

    still      one picture for all frames
    space      the colour space of the file, for the engine
    start      scene frame that shows file (or movie frame) number ``first``
    last       number of a movie's last frame
    files      the files of a sequence
    path       the file of a still that is sent as it is
    socket     how to render it; None when it is sent as it is
    """

    role: Any
    name: str
    still: bool
    space: str
    size: Tuple[int, int] = (0, 0)
    start: int = 1
    first: int = 1
    last: Optional[int] = None
    files: Optional[Numbered] = None
    path: str = ""
    socket: Any = None

    def plate(self, frame: int, folder: str) -> Any:
        """The Plate for a scene frame; rendered into ``folder`` when need be. PlateError."""
        path = self._file(frame)
        if self.socket is not None:
            stamp = "still" if self.still else f"{frame:06d}"
            path = os.path.join(folder, f"{self.role.value}.{stamp}.exr")
            if not os.path.exists(path):
                render.render_frame(self.socket, self.size, frame, path)
        return dmp.Plate(path, self.role, self.space)

    def _file(self, frame: int) -> str:
        """The file behind a frame, "" where there is none of its own; PlateError when missing.

        Blender itself shows nothing, or another frame, for one that is not there.
        """
        label, number = self.role.called, self.first + frame - self.start
        if self.files is not None:
            path = self.files.path(max(number, 0))
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


def read_input(
    source: Any, role: Any, plate: Optional[Input] = None, linear: bool = False
) -> Optional[Input]:
    """The input that a row of the panel describes; None when the row is empty. PlateError.

    ``plate``: whose size a mask takes, which has none of its own. ``linear``: a file in another
    colour space is rendered too.
    """
    if source.kind == "MASK":
        assert plate is not None
        return source.mask and _mask(source.mask, role, plate)
    if source.kind == "CLIP":
        return source.clip and _clip(source.clip, role)
    return source.image and _image(source, role, linear)


def _mask(mask: Any, role: Any, plate: Input) -> Input:
    size = plate.size
    if 0 in size:  # sent as it is, so the size is not known yet
        path = plate.files.path(plate.files.numbers()[0]) if plate.files else plate.path
        size = _file_size(path)
    socket = render.mask_socket(mask)
    return Input(role, mask.name, still=False, space="raw", size=size, socket=socket)


def _clip(clip: Any, role: Any) -> Input:
    size = tuple(clip.size)
    if 0 in size:
        raise dmp.PlateError(f"The movie clip '{clip.name}' cannot be read; check {clip.filepath}.")
    return Input(
        role, clip.name, still=False, size=size, space=_rendered_space(clip),
        start=clip.frame_start, last=clip.frame_duration, socket=render.clip_socket(clip),
    )  # fmt: skip


def _image(source: Any, role: Any, linear: bool) -> Input:
    image = source.image
    label = role.called
    if image.source in ("VIEWER", "TILED"):
        raise dmp.PlateError(
            f"'{image.name}' cannot be the {label}; save it as an image file and open that."
        )
    still = image.source in ("FILE", "GENERATED")
    path = bpy.path.abspath(image.filepath, library=image.library) if image.filepath else ""
    files = numbered(path) if image.source == "SEQUENCE" else None
    if image.source == "SEQUENCE" and files is None:
        raise dmp.PlateError(f"The sequence '{image.name}' has no number in its file name.")
    common = {"role": role, "name": image.name, "still": still}
    if not still:
        common.update(start=source.start, first=source.first)
    if files is not None:  # any file of it stands for all
        number = next(iter(files.numbers()), None)
        if number is None:
            raise dmp.PlateError(f"The {label} {path} does not exist.")
        path = files.path(number)
    movie = image.source == "MOVIE"
    on_disk = image.source == "FILE" and not image.packed_file and not image.is_dirty
    if (on_disk or movie) and not os.path.exists(path):
        raise dmp.PlateError(f"The {label} {path} does not exist.")
    if on_disk or files is not None:
        space = _sent_space(image, path, role)
        if space and not (linear and space == "sRGB"):
            return Input(**common, space=space, path="" if files else path, files=files)
    last = None
    if movie:
        size, last = _movie_size(path)
    else:
        size = _file_size(path) if files is not None else _size(image)
    if 0 in size:
        raise dmp.PlateError(f"The {label} '{image.name}' cannot be read; is the file damaged?")
    socket = render.image_socket(image, common.get("start", 1), common.get("first", 1))
    return Input(
        **common, space=_rendered_space(image), size=size, last=last, files=files, socket=socket
    )


def _rendered_space(datablock: Any) -> str:
    return "raw" if datablock.colorspace_settings.is_data else "scene_linear"


def _sent_space(image: Any, path: str, role: Any) -> str:
    """The colour space of a file that is sent as it is; empty when it has to be rendered."""
    suffix = os.path.splitext(path)[1].lower()
    if suffix not in SENT_AS_THEY_ARE or _is_layered(path, suffix):
        return ""
    settings = image.colorspace_settings
    if settings.is_data or role.is_matte:
        return "raw"
    if os.environ.get("OCIO") or not compat.works_in_rec709():
        return ""  # names may mean other things there: Blender's own conversion is right
    if settings.name in LINEAR_NAMES:
        return "scene_linear"
    if settings.name == "sRGB" and suffix not in (".exr", ".hdr"):
        return "sRGB"
    return ""


def _is_layered(path: str, suffix: str) -> bool:
    """True when Blender sees layers or transparency, so that the picture is not just RGB."""
    probe = bpy.data.images.load(path)
    try:
        loaded = len(probe.pixels) > 0  # loads it: until then nothing is known
        if suffix == ".exr":
            return probe.type == "MULTILAYER"
        # A byte image with alpha is premultiplied on its way into the compositor.
        return loaded and probe.channels == 4 and probe.depth in (32, 64, 128)
    finally:
        bpy.data.images.remove(probe)


def _size(image: Any) -> Tuple[int, int]:
    if 0 in tuple(image.size):
        len(image.pixels)  # loads it
    return tuple(image.size)


def _file_size(path: str) -> Tuple[int, int]:
    probe = bpy.data.images.load(path)
    try:
        return _size(probe)
    finally:
        bpy.data.images.remove(probe)


def _movie_size(path: str) -> Tuple[Tuple[int, int], int]:
    """Size and length of a movie, which an Image datablock does not have in the background."""
    clip = bpy.data.movieclips.load(path)
    try:
        return tuple(clip.size), clip.frame_duration
    finally:
        bpy.data.movieclips.remove(clip)
