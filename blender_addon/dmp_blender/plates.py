"""From the panel's inputs to files for the engine: the file itself where it can be sent.

A file goes as it is when Blender would read the same values from it: unpacked, unpainted, and in a
colour space that the engine knows as Blender does; of an EXR with layers the engine reads the one
that the panel names, else the main one. Everything else (packed, painted or generated images,
movies, clips, masks, log and camera spaces, transparency) is rendered to a scene-linear EXR by
render.py. Data ("Non-Color") stays as it is stored, and is solved so.

A rendered plate is a temporary file, so the job names what it was made from (``Input.job_name``):
messages and the results' headers have that.
"""

from __future__ import annotations

import hashlib
import io
import os
from dataclasses import dataclass
from typing import Any, Callable, Iterable, List, Optional, Sequence, Tuple

import bpy
import numpy as np

from . import colour, compat, masks, render
from .core import dmp
from .files import Numbered, numbered

SENT_AS_THEY_ARE = (".exr", ".hdr", ".png", ".jpg", ".jpeg", ".tif", ".tiff", ".tga", ".bmp")
LINEAR_NAMES = ("Linear", "Linear Rec.709")


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
                render.render_frame(self.socket, self.size, frame, path)
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


def read_inputs(group: Any) -> List[Input]:
    """The chosen inputs: the plate and the clean plate, then the mattes. InputError, PlateError."""
    rows = ((group.plate, dmp.Role.IMAGE), (group.clean, dmp.Role.CLEAN))
    pair = [read_input(row, role) for row, role in rows]
    if pair[0] is None:
        raise dmp.InputError("Choose a plate first, the picture with the subject.")
    if pair[1] is None:
        raise dmp.InputError("Choose a clean plate first, the view without the subject.")
    rendered = any(one.socket is not None for one in pair)
    spaces = {one.space for one in pair}
    if rendered and (spaces == {"scene_linear", "sRGB"} or any(one.layer for one in pair)):
        # One is rendered, to scene-linear and without layers, so the other is too.
        pair = [read_input(row, role, rendered=True) for row, role in rows]
    mattes = (
        read_input(getattr(group, role.value), role, pair[0]) for role in dmp.Role if role.is_matte
    )
    return [*pair, *(matte for matte in mattes if matte is not None)]


def frames_of(inputs: Iterable[Input], frames: Iterable[int]) -> List[int]:
    """Those of ``frames`` for which every input has a picture."""
    inputs = list(inputs)
    return [frame for frame in frames if all(one.has(frame) for one in inputs)]


def range_of(scene: Any) -> List[int]:
    """The scene's frames, or those of its preview range, when that is on."""
    if scene.use_preview_range:
        return list(range(scene.frame_preview_start, scene.frame_preview_end + 1))
    return list(range(scene.frame_start, scene.frame_end + 1))


def shot_of(scene: Any, inputs: Sequence[Input]) -> List[int]:
    """The frames of the scene's shot, of which its range may be a part; none of a still.

    Neighbours in the shot are looked at even where they are not solved.
    """
    if inputs[0].still:
        return []
    shot = set(range(scene.frame_start, scene.frame_end + 1)).union(range_of(scene))
    return frames_of(inputs, sorted(shot))


def needed(frames: Sequence[int], shot: Sequence[int], settings: Iterable[Any]) -> Tuple[int, ...]:
    """``frames`` and all of ``shot`` that they are solved with, by ``settings`` (None: none)."""
    ways = [one for one in settings if one is not None]
    return tuple(dmp.frames_needed(frames, shot, ways))


def why_not(inputs: Iterable[Input], frame: int) -> str:
    """The sentence about a frame for which an input has no picture."""
    for one in inputs:
        try:
            one.path_at(frame)
        except dmp.PlateError as error:
            return str(error)
    return ""


def read_input(
    source: Any, role: Any, plate: Optional[Input] = None, rendered: bool = False
) -> Optional[Input]:
    """The input that a row of the panel describes; None when the row is empty. PlateError.

    ``plate``: whose size a mask takes, which has none of its own. ``rendered``: to scene-linear,
    even if its file could be sent.
    """
    if source.kind == "MASK":
        assert plate is not None
        return source.mask and _mask(source.mask, role, plate)
    if source.kind == "CLIP":
        return source.clip and _clip(source.clip, role)
    return source.image and _image(source, role, rendered)


def size_of(plate: Input) -> Tuple[int, int]:
    """Width and height in pixels."""
    if 0 not in plate.size:
        return plate.size
    # It is sent as it is, so its size is not known yet.
    path = plate.files.path(plate.files.numbers()[0]) if plate.files else plate.path
    return _file_size(path)


def file_of(datablock: Any) -> str:
    """The path of an image's or a clip's file, the same in every .blend; "" without one."""
    if not datablock.filepath:
        return ""
    return os.path.normpath(bpy.path.abspath(datablock.filepath, library=datablock.library))


def _mask(mask: Any, role: Any, plate: Input) -> Input:
    size = size_of(plate)
    return Input(
        role, mask.name, still=False, space="raw", size=size, socket=render.mask_socket(mask),
        origin=f"mask '{mask.name}'", digest=masks.Shapes(mask, size).digest,
    )  # fmt: skip


def _clip(clip: Any, role: Any) -> Input:
    size = tuple(clip.size)
    if 0 in size:
        raise dmp.PlateError(f"The movie clip '{clip.name}' cannot be read; check {clip.filepath}.")
    how = (clip.colorspace_settings.name, clip.use_proxy, clip.frame_start, clip.frame_offset)
    path = file_of(clip)
    shown = numbered(path) if clip.source == "SEQUENCE" else None
    first = shown.number_in(path) if shown is not None else 1
    return Input(
        role, clip.name, still=False, size=size, space=_rendered_space(clip),
        start=clip.frame_start, first=first + clip.frame_offset, clip_files=shown,
        last=clip.frame_duration if shown is None else None, socket=render.clip_socket(clip),
        origin=path, digest=_in_every_frame(*how),
    )  # fmt: skip


def _image(source: Any, role: Any, rendered: bool) -> Input:
    image = source.image
    label = role.called
    layer = "" if role.is_matte else source.id_data.dmp.layer.strip()
    if image.source in ("VIEWER", "TILED"):
        raise dmp.PlateError(
            f"'{image.name}' cannot be the {label}; save it as an image file and open that."
        )
    still = image.source in ("FILE", "GENERATED")
    path = file_of(image)
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
        if space and not rendered:
            return Input(
                **common, space=space, layer=layer, path="" if files else path, files=files
            )
    last = None
    if movie:
        size, last = _movie_size(path)
    else:
        size = _rendered_size(image, path, _file_size(path) if files is not None else _size(image))
    if 0 in size:
        raise dmp.PlateError(f"The {label} '{image.name}' cannot be read; is the file damaged?")
    shown = common.get("start", 1), common.get("first", 1)
    socket = render.image_socket(image, *shown, layer, or_main=role is dmp.Role.CLEAN)
    how = [image.colorspace_settings.name, image.alpha_mode]
    if layer:
        how.append(layer)
    origin = path
    if still and not on_disk:  # its pixels are in the .blend alone
        how.append(_pixels_digest(image))
        origin = f"image '{image.name}' {how[-1]}"
    if movie:
        how.append(source.start - source.first)  # which frame of it a scene frame shows
    return Input(
        **common, space=_rendered_space(image), size=size, last=last, files=files, socket=socket,
        origin=origin, digest=_in_every_frame(*how),
    )  # fmt: skip


def _pixels_digest(image: Any) -> str:
    pixels = np.empty(len(image.pixels), dtype=np.float32)
    image.pixels.foreach_get(pixels)
    return hashlib.sha256(pixels.tobytes()).hexdigest()[:8]


def _in_every_frame(*how: Any) -> Callable[[int], str]:
    """The digest of what is the same in all frames."""
    digest = render.digest(*how)
    return lambda frame: digest


def _rendered_space(datablock: Any) -> str:
    return "raw" if datablock.colorspace_settings.is_data else "scene_linear"


def _sent_space(image: Any, path: str, role: Any) -> str:
    """The colour space of a file that is sent as it is; empty when it has to be rendered."""
    suffix = os.path.splitext(path)[1].lower()
    if suffix not in SENT_AS_THEY_ARE or suffix != ".exr" and _is_transparent(path):
        return ""
    settings = image.colorspace_settings
    if settings.is_data or role.is_matte:
        return "raw"
    if colour.of_facility() or not compat.works_in_rec709():
        return ""  # names may mean other things there: Blender's own conversion is right
    if settings.name in LINEAR_NAMES:
        return "scene_linear"
    if settings.name == "sRGB" and suffix not in (".exr", ".hdr"):
        return "sRGB"
    return ""


def _is_transparent(path: str) -> bool:
    """True for a byte image with alpha: it is premultiplied on its way into the compositor."""
    probe = bpy.data.images.load(path)
    try:
        loaded = len(probe.pixels) > 0  # loads it: until then nothing is known
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


def _rendered_size(image: Any, path: str, size: Tuple[int, int]) -> Tuple[int, int]:
    """What the compositor shows of an image of ``size`` pixels: of an EXR its display window.

    An image with layers has no size of its own.
    """
    if not compat.SHOWS_DISPLAY_WINDOW and 0 not in size:
        return size
    packed = image.packed_file
    try:
        with io.BytesIO(packed.data) if packed is not None else open(path, "rb") as file:
            header = dmp.read_exr_header(file)
    except OSError:  # not a file: generated, or painted and never saved
        return size
    shown = "displayWindow" if compat.SHOWS_DISPLAY_WINDOW else "dataWindow"
    window = header.window(shown) if header is not None else None
    return window[2:] if window is not None else size


def _movie_size(path: str) -> Tuple[Tuple[int, int], int]:
    """Size and length of a movie, which an Image datablock does not have in the background."""
    clip = bpy.data.movieclips.load(path)
    try:
        return tuple(clip.size), clip.frame_duration
    finally:
        bpy.data.movieclips.remove(clip)
