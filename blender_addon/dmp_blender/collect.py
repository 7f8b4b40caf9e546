"""The scene as a shot to publish: the files themselves where they can be sent, else rendered.

A sequence whose files have the scene's frame numbers is published from where it lies. One that is
shifted in time is linked under the scene's numbers, and what is no file that the engine can read
(see plates.py) is rendered, as for a matte.
"""

from __future__ import annotations

import os
import re
import shutil
from typing import Any, Dict, Generator, Sequence

import bpy

from . import plates, subject
from .chosen import preferences, whole_folder
from .core import dmp
from .files import stem_of
from .properties import settings_of
from .session import Status

VERSION = re.compile(r"[._-]v\d+$", re.IGNORECASE)


def publish_folder(scene: Any) -> str:
    """Where versions go: as chosen, ``$DMP_PUBLISH_TO``, beside the .blend, or "" for nowhere."""
    named = scene.dmp.publish_to or os.environ.get("DMP_PUBLISH_TO", "") or "//publish"
    return whole_folder(named, bpy.data.filepath)


def shot_name(scene: Any, plate: Any) -> str:
    """As chosen, else the .blend's without its version, else the plate's."""
    blend = os.path.splitext(os.path.basename(bpy.data.filepath))[0]
    found = scene.dmp.publish_name.strip() or VERSION.sub("", blend)
    return found or stem_of(plate.name, plate.still)


def collect(scene: Any, frames: Sequence[int], folder: str) -> Generator[Status, None, Any]:
    """Status after Status while plates are rendered into ``folder``; returns the PublishRequest.

    DmpError for what keeps the scene from being published.
    """
    group, chosen = scene.dmp, preferences()
    inputs = plates.read_inputs(group)
    image, clean = inputs[:2]
    keep = subject.keep_of(scene, image, frames or [scene.frame_current])
    chosen_settings = settings_of(group, chosen.device or "auto", chosen.threads, keep)
    name = shot_name(scene, image)
    around = (
        () if image.still else plates.needed(frames, plates.shot_of(scene, inputs), chosen_settings)
    )
    found: Dict[str, Any] = {}
    for one in inputs:
        found[one.role.value] = yield from _files(one, around or frames, folder)
    shot = dmp.Shot(
        name,
        output=f"{name}.exr" if image.still else f"{name}.####.exr",
        frames=() if image.still else tuple(frames),
        around=around,
        layer=image.layer if image.socket is None else "",
        space=image.space,
        clean_space=clean.space if clean.space != image.space else "",
        **chosen_settings._asdict(),
        **found,
    )
    source = {
        "host": f"Blender {bpy.app.version_string}",
        "scene": bpy.data.filepath,
        "part": scene.name,
        "rendered": ", ".join(one.role.called for one in inputs if one.socket is not None),
    }
    # As in the scene's own mattes, nothing is followed from frame to frame.
    return dmp.PublishRequest(
        (dmp.unfollowed(shot),), publish_folder(scene), group.publish_version, source=source
    )


def _files(one: Any, frames: Sequence[int], folder: str) -> Generator[Status, None, str]:
    """The still or the pattern that stands for an input."""
    if one.socket is None and one.files is not None and one.first == one.start:
        parts = one.files
        name = f"{parts.head}{'#' * parts.digits}{parts.tail}"
        return os.path.join(parts.folder, name)
    if one.still:
        return str(one.plate(frames[0], folder).path)
    pattern = ""
    for index, frame in enumerate(frames):
        yield Status(index / len(frames), f"Frame {frame}: {one.role.called}")
        path = one.plate(frame, folder).path
        suffix = os.path.splitext(path)[1]
        if os.path.dirname(path) != folder:
            _link(path, os.path.join(folder, f"{one.role.value}.{frame:06d}{suffix}"))
        pattern = os.path.join(folder, f"{one.role.value}.######{suffix}")
    return pattern


def _link(path: str, name: str) -> None:
    try:
        os.symlink(path, name)
    except OSError:  # Windows needs a right that not everybody has
        shutil.copyfile(path, name)
