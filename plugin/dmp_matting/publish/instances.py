"""What the publish plug-ins share and pyblish has no part in. Standard library only, Python 3.9.

An instance of family ``dmp.matte`` carries, in its data:

    dmpShot       Shot; its outputs lie in the staging folder
    dmpTrouble    sentences of the collectors, which never fail; the first validator reports them
    dmpFacts      {path: the fields of its header}, see engine/dmp_engine/review/probe.py
    dmpTo, dmpVersion     the folder that holds all versions of the shot, and the one to be made
    dmpMeasures   the finished frames in numbers, see engine/dmp_engine/review/measures.py
    dmpRefused    {validator: sentence} of the result; nothing is integrated while one is left
    dmpAccepted   validators that an artist has overruled; written into the manifest
"""

from __future__ import annotations

import os
import re
from dataclasses import replace
from pathlib import Path
from typing import Any, Dict, List, Mapping, MutableMapping, Optional, Sequence, Tuple

from ..errors import InputError, MismatchError
from ..job import MATTES, Role
from ..presets import Resolved
from ..shots.sequences import FilePattern, Files, group_files
from ..shots.shot import Shot

FAMILY = "dmp.matte"
UNCLEAR = "dmp.unclear"  # the family of an instance with dmpTrouble: nothing else is checked of it
IMAGES = (".exr", ".dpx", ".tif", ".tiff", ".png", ".jpg", ".jpeg", ".hdr", ".cin", ".tga")
WORD = re.compile(r"[A-Z]+(?![a-z])|[A-Z]?[a-z]+")


def find_shots(folder: str, chosen: Resolved, space: str = "auto") -> List[Tuple[Shot, List[str]]]:
    """The shots of a folder, or of its subfolders, each with what its names leave open.

    A clean plate has the word ``clean`` in its name, mattes have ``garbage``, ``core``, ``holdout``
    and ``trimap``; the plate has ``plate`` in it, or is the only other file. Never raises.
    """
    places = [folder]
    if not _images(folder):
        try:
            places = sorted(entry.path for entry in os.scandir(folder) if entry.is_dir())
        except OSError:
            places = []
    return [_shot_of(place, chosen, space) for place in places if _images(place)]


def _shot_of(folder: str, chosen: Resolved, space: str) -> Tuple[Shot, List[str]]:
    roles: Dict[Role, List[str]] = {role: [] for role in (Role.CLEAN, *MATTES)}
    others: List[str] = []
    for files in _images(folder):
        role = _role_of(files.pattern)
        if role is None:
            others.append(files.pattern)
        else:  # one clean plate with a frame's number is a still for all frames
            roles[role].append(files.still if role is Role.CLEAN else files.pattern)
    plates = [name for name in others if "plate" in name.lower()] or others
    trouble = []
    for what, found, needed in (
        ("plate", plates, True), ("clean plate", roles[Role.CLEAN], True),
        *((role.called, roles[role], False) for role in MATTES),
    ):  # fmt: skip
        if len(found) > 1:
            trouble.append(
                f"{folder} has {len(found)} files that may be the {what}: {', '.join(found)}; "
                "leave one."
            )
        elif needed and not found:
            trouble.append(f"{folder} has no {what}; give its file a name with that word.")

    def path(found: Sequence[str]) -> str:
        return os.path.join(folder, found[0]) if found else ""

    name = os.path.basename(os.path.abspath(folder))
    shot = Shot(
        name, path(plates), path(roles[Role.CLEAN]), f"{name}.####.exr", (),
        space=space, **chosen._asdict(),
        garbage=path(roles[Role.GARBAGE]), core=path(roles[Role.CORE]),
        holdout=path(roles[Role.HOLDOUT]), trimap=path(roles[Role.TRIMAP]),
    )  # fmt: skip
    return shot, trouble


def _role_of(name: str) -> Optional[Role]:
    """What the words of a file's name call it; None for a plate. A scored shot is no core matte."""
    words = {word.lower() for word in WORD.findall(os.path.splitext(name)[0])}
    for role in (Role.CLEAN, *MATTES):
        if words & {role.value, *(role.value + kind for kind in ("plate", "matte", "mask"))}:
            return role
    return None


def _images(folder: str) -> List[Files]:
    """The stills and sequences of a folder."""
    try:
        names = [entry.name for entry in os.scandir(folder) if entry.is_file()]
    except OSError:
        return []
    return group_files(
        name for name in names
        if not name.startswith(".") and os.path.splitext(name)[1].lower() in IMAGES
    )  # fmt: skip


# --- where a version goes ------------------------------------------------------------------------


def version_folder(to: str, version: int) -> Path:
    return Path(to) / f"v{version:03d}"


def staging_folder(to: str, version: int) -> Path:
    """Where frames are made until all of them are right; beside the version, on the same disk."""
    return Path(to) / f".v{version:03d}.staging"


def next_version(to: str) -> int:
    """One more than the highest that is published."""
    try:
        numbers = [int(name[1:]) for name in os.listdir(to) if re.fullmatch(r"v\d{3,}", name)]
    except OSError:
        numbers = []
    return max(numbers, default=0) + 1


def staged(data: MutableMapping[str, Any]) -> Shot:
    """The instance's shot, its outputs in the staging folder of its version."""
    shot: Shot = data["dmpShot"]
    name = FilePattern.parse(os.path.basename(shot.output)) or shot.output
    folder = staging_folder(data["dmpTo"], data["dmpVersion"])
    return replace(shot, output=str(folder / str(name)))


# --- for the validators of the plates ----------------------------------------------------------


def must_agree(data: Mapping[str, Any], keys: Sequence[str], what: str, wanted: str) -> None:
    """MismatchError unless all readable plates have the same ``keys`` in what was probed of them.

    ``what`` names them in the plural, ``wanted`` is what to do.
    """
    found: Dict[Tuple[str, ...], List[str]] = {}
    for path, fact in data["dmpFacts"].items():
        if not fact["trouble"]:
            found.setdefault(tuple(str(fact[key]) for key in keys), []).append(path)
    if len(found) > 1:
        parts = [f"{' x '.join(value)} ({paths[0]})" for value, paths in found.items()]
        raise MismatchError(
            f"The plates have {len(found)} different {what}: {', '.join(parts)}; {wanted}."
        )


# --- for the validators of the result ----------------------------------------------------------


def judge(
    data: MutableMapping[str, Any], validator: str, sentence: str, frames: Sequence[int]
) -> None:
    """Refuse the result with ``sentence`` if there are ``frames``, unless an artist has overruled.

    Raises InputError; remembers it for the integrator, since pyblish itself goes on after a
    failed check of a result.
    """
    refused: Dict[str, str] = data.setdefault("dmpRefused", {})
    refused.pop(validator, None)
    if not frames or validator in data.setdefault("dmpAccepted", []):
        return
    refused[validator] = sentence
    raise InputError(sentence)


def measures_of(data: MutableMapping[str, Any]) -> List[Dict[str, Any]]:
    """The measures of the finished frames. InputError when there are none."""
    measures: List[Dict[str, Any]] = data.get("dmpMeasures") or []
    if not measures:
        data.setdefault("dmpRefused", {})["measures"] = "There is no result to check."
        raise InputError("There is no result to check; the matte was not made.")
    return measures
