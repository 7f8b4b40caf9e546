"""A node's frames for a farm: its plates as files, a list of shots, a job bundle.

Only the plates need Nuke. What solves them on the farm is ``dmp``, without a Nuke licence; the EXRs
go where the node looks for them.
"""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any, Dict, List, Sequence

import nuke

from dmp_matting.hosts import (
    CHUNK,
    InputError,
    OutputError,
    SettingsError,
    Shot,
    atomic_write,
    engine_command,
    finish,
    named_settings,
    write_bundle,
)

from . import collect, knobs, output, prepare, rendered, results
from .render import range_text
from .steps import Working

LIST, OWNER = "shots.json", "script.json"  # in a folder of --plates


def submitting(node: nuke.Group) -> Working[str]:
    """Write job bundles for Open Job Description beside the node's EXRs; returns their folder.

    Yields between the frames that have to be rendered. InputError and its kin, OutputError,
    EngineMissingError, CancelledError.
    """
    folder = rendered.job_folder(node)
    python = engine_command()[0]  # by the same path on the workers, as docs/td/farm.md says
    plates, frames = rendered.plates_of(node), knobs.whole_range(node)
    shots = yield from _shots(node, plates, frames, by_frame=True)
    try:
        for shot in shots:
            here = folder if len(shots) == 1 else folder / shot.name
            write_bundle(here, shot, chunk=CHUNK, missing="fail", python=python)
    except OSError as reason:
        raise OutputError(f"{folder} cannot be written ({reason.strerror}).") from None
    return folder.as_posix()


def write_shots(nodes: Sequence[nuke.Group], to: str, frames: Sequence[int]) -> str:
    """Write the plates of nodes and ``shots.json`` for ``dmp batch`` into ``to``; its path.

    InputError and its kin, OutputError, CancelledError.
    """
    folder = Path(os.path.abspath(to))
    rows: List[Dict[str, Any]] = []
    for node in nodes:
        wanted = list(frames) or knobs.whole_range(node)
        plates = rendered.plates_of(node, to)
        rows += map(_row, finish(_shots(node, plates, wanted, by_frame=False)))
    path = folder / LIST
    try:
        folder.mkdir(parents=True, exist_ok=True)
        for name, data in ((OWNER, {"script": collect.script_stem()}), (LIST, {"shots": rows})):
            with atomic_write(folder / name) as temporary:
                temporary.write_text(json.dumps(data, indent=1) + "\n", encoding="utf-8")
    except OSError as reason:
        raise OutputError(f"{path} cannot be written ({reason.strerror}).") from None
    return path.as_posix()


def check_folder(to: str) -> None:
    """InputError where ``to`` holds the plates of another script, which may wait for a farm."""
    path = Path(os.path.abspath(to)) / OWNER
    try:
        owner = str(json.loads(path.read_text(encoding="utf-8"))["script"])
    except (OSError, ValueError, KeyError, TypeError, RecursionError):
        return
    if owner != collect.script_stem():
        raise InputError(
            f"{path.parent.as_posix()} holds the plates of another script, {owner}; give another "
            "folder, or add --again."
        )


def _shots(
    node: nuke.Group, plates: Path, frames: Sequence[int], by_frame: bool
) -> Working[List[Shot]]:
    """The node's shots, whose mattes go where it looks for them; its folders are made."""
    if knobs.keeps_space(node):
        raise SettingsError(
            "A farm gives mattes in the working space; set Colour to scene-linear or raw."
        )
    knobs.number_as_printf(node)
    files, views = output.sequence(node), prepare.wanted_views(node)
    results.check_alone(node, files)
    output.ready_folders(files, views)

    def folder() -> Path:
        plates.mkdir(parents=True, exist_ok=True)
        return plates

    name = rendered.shot_name(node)
    shots = yield from collect.shots_of(
        node, name, frames, collect.Plates(folder), lambda view, _: files.of_view(view), by_frame
    )
    return shots


def _row(shot: Shot) -> Dict[str, Any]:
    """A shot as shots.json has it."""
    settings = named_settings(shot)
    return {
        "name": shot.name,
        **{role.value: path for role, path in shot.sources().items()},
        "output": shot.output,
        "frames": range_text(shot.frames),
        "around": range_text(shot.around),
        "input_space": shot.space,
        "layer": shot.layer,
        "preset": settings.pop("preset"),
        "set": settings,
    }
