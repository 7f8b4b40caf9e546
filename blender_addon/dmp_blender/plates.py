"""From the panel's inputs to files for the engine: the file itself where it can be sent.

A file goes as it is when Blender would read the same values from it: unpacked, unpainted, and in a
colour space that the engine knows as Blender does; of an EXR with layers the engine reads the one
that the panel names, else the main one. What is linked to a node DMP Matte is rendered (branch.py).
Everything else (packed, painted or generated images,
movies, clips, masks, log and camera spaces, transparency) is rendered to a scene-linear EXR by
render.py. Data ("Non-Color") stays as it is stored, and is solved so.
"""

from __future__ import annotations

import os
from typing import Any, Callable, Iterable, List, Optional, Sequence, Tuple

import bpy

from . import branch, built, colour, compat, masks, render
from .core import dmp
from .files import numbered
from .inputs import Input, check_one_view
from .sizes import file_of, file_size, movie_size, pixels_digest, rendered_size, size_of_image

SENT_AS_THEY_ARE = (".exr", ".hdr", ".png", ".jpg", ".jpeg", ".tif", ".tiff", ".tga", ".bmp")


def read_inputs(group: Any) -> List[Input]:
    """The chosen inputs: the plate and the clean plate, then the mattes. InputError, PlateError."""
    rows = ((group.plate, dmp.Role.IMAGE), (group.clean, dmp.Role.CLEAN))
    if group.plate.kind == "NODE":
        pair: List[Any] = branch.read_pair(group.id_data, group.plate.group)
    else:
        pair = [read_input(row, role) for row, role in rows]
    if pair[0] is None:
        raise dmp.InputError("Choose a plate first, the picture with the subject.")
    if pair[1] is None:
        raise dmp.InputError(
            "Choose a clean plate first, the view without the subject, or build one."
        )
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
    return file_size(path)


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
    check_one_view(image)
    if image.source == "TILED":
        raise dmp.PlateError(
            f"Blender opened '{image.name}' as UDIM tiles, which cannot be the {label}; open it "
            "again with Detect UDIMs off."
        )
    if image.source == "VIEWER":
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
        if role is dmp.Role.CLEAN and built.has_map(image):
            space, rendered = built.sent_space(image), False
        if space and not rendered:
            return Input(
                **common, space=space, layer=layer, path="" if files else path, files=files
            )
    last = None
    if movie:
        size, last = movie_size(path)
    else:
        size = rendered_size(
            image, path, file_size(path) if files is not None else size_of_image(image)
        )
    if 0 in size:
        raise dmp.PlateError(f"The {label} '{image.name}' cannot be read; is the file damaged?")
    shown = common.get("start", 1), common.get("first", 1)
    socket = render.image_socket(image, *shown, layer, or_main=role is dmp.Role.CLEAN)
    how = [image.colorspace_settings.name, image.alpha_mode]
    if layer:
        how.append(layer)
    origin = path
    if still and not on_disk:  # its pixels are in the .blend alone
        how.append(pixels_digest(image))
        origin = f"image '{image.name}' {how[-1]}"
    if movie:
        how.append(source.start - source.first)  # which frame of it a scene frame shows
    return Input(
        **common, space=_rendered_space(image), size=size, last=last, files=files, socket=socket,
        origin=origin, digest=_in_every_frame(*how),
    )  # fmt: skip


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
    if settings.name in built.LINEAR_NAMES:
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
