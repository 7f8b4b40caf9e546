"""What happens when the .blend is saved or another is opened."""

from __future__ import annotations

import os
from typing import Any, List, Tuple

import bpy
from bpy.app.handlers import persistent

from . import place, preview, results
from .core import dmp
from .datablocks import MADE
from .run import Run, States, is_between_windows
from .sizes import file_of

_carried: List[Tuple[place.Result, str]] = []  # and the chosen folder, for after the save


@persistent
def _before_saving(path: Any, *_: Any) -> None:
    """No preview goes into the file; what was made before its first save moves along."""
    preview.forget()
    if isinstance(path, str) and path:
        bring_along(path)


@persistent
def _after_saving(path: Any, *_: Any) -> None:
    """Blender 3.4 does not pass the path before: what moved along then is saved at once."""
    if not isinstance(path, str) and bpy.data.filepath and bring_along(bpy.data.filepath):
        bpy.ops.wm.save_mainfile()
    while _carried:
        place.remove(*_carried.pop())


@persistent
def _before_opening(*_: Any) -> None:
    States.forget()


@persistent
def _after_opening(*_: Any) -> None:
    if is_between_windows() and Run.current is not None:
        Run.current.end()  # Blender closed all windows of the file before
    results.bring_up_to_date()


def bring_along(blend: str) -> bool:
    """Give the .blend that is being saved what lies in the place of one without a name.

    Returns whether anything did.
    """
    mattes = _bring_mattes(blend)
    return _bring_clean_plates(blend) or mattes


def _bring_mattes(blend: str) -> bool:
    moved = False
    groups = results.all_groups()
    for group in groups:
        result = results.location(group)
        scene = results.scene_of(group)
        if result is None or scene is None or not place.is_unsaved(result, scene):
            continue
        others = [
            found
            for one in groups
            if one != group
            for found in [results.location(one)]
            if found is not None
        ]
        folder = place.scene_folder(scene, blend)
        stem = place.VERSIONED.fullmatch(os.path.basename(result.folder))
        new = place.choose(
            folder, stem["stem"] if stem else result.stem, result.still, None, others,
            is_foreign=lambda there: bool(there.frames()),
        )  # fmt: skip
        try:
            place.carry(result, new, result.frames(), place.chosen_folder(scene, blend))
        except dmp.DmpError as error:
            print(f"DMP: {error}", flush=True)  # they stay where they are
        else:
            results.move(group, new, blend)
            moved = True
            if scene.dmp.output:  # an undo may show again what lies in the cache
                _carried.append((result, place.chosen_folder(scene, "")))
    return moved


def _bring_clean_plates(blend: str) -> bool:
    """Those that were built, each with every image that shows its file."""
    moved = False
    local = [one for one in bpy.data.images if one.library is None and not one.packed_file]
    for path in sorted({file_of(one) for one in local if MADE in one}):
        images = [one for one in local if file_of(one) == path]
        result = place.result_at(path, still=True)
        scene = results.scene_with(images) or bpy.context.scene
        if result is None or not result.frames() or not place.is_unsaved(result, scene):
            continue
        top, name = place.chosen_folder(scene, blend), result.stem.removesuffix("_clean")
        try:
            with dmp.new_clean_plate(place.scene_folder(scene, blend), name) as version:
                new = place.Result(version.folder, f"{name}_clean", still=True)
                place.carry(result, new, result.frames(), top)
        except dmp.DmpError as error:
            print(f"DMP: {error}", flush=True)  # it stays where it is
            continue
        for image in images:
            results.move_image(image, new.path(1), blend)
        moved = True
        if scene.dmp.output:
            _carried.append((result, place.chosen_folder(scene, "")))
    return moved


def register() -> None:
    bpy.app.handlers.save_pre.append(_before_saving)
    bpy.app.handlers.save_post.append(_after_saving)
    bpy.app.handlers.load_pre.append(_before_opening)
    bpy.app.handlers.load_post.append(_after_opening)


def unregister() -> None:
    bpy.app.handlers.save_pre.remove(_before_saving)
    bpy.app.handlers.save_post.remove(_after_saving)
    bpy.app.handlers.load_pre.remove(_before_opening)
    bpy.app.handlers.load_post.remove(_after_opening)
