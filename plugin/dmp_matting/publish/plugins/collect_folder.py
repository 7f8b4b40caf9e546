"""Collect plate and clean plate from a folder, or from a folder of shots."""

from __future__ import annotations

import os
from dataclasses import replace
from typing import Any, Tuple

import pyblish.api

from dmp_matting.errors import DmpError
from dmp_matting.presets import Resolved, resolve
from dmp_matting.publish.instances import FAMILY, find_shots
from dmp_matting.settings import Settings
from dmp_matting.shots.sequences import FilePattern
from dmp_matting.shots.shot import Shot


def _on_disk(shot: Shot) -> Tuple[int, ...]:
    """All frames of the plate: a part of them is solved as in the whole, with its neighbours."""
    pattern = FilePattern.parse(shot.image)
    return pattern.frames() if pattern is not None else ()


class CollectFolder(pyblish.api.ContextPlugin):
    """``dmpFolder`` of the context, or $DMP_PUBLISH_FOLDER; ``dmpFrames`` of it. Never fails."""

    order = pyblish.api.CollectorOrder
    label = "Collect plates from a folder"

    def process(self, context: Any) -> None:
        folder = context.data.get("dmpFolder") or os.environ.get("DMP_PUBLISH_FOLDER", "")
        if not folder:
            return
        name = context.data.get("dmpPreset") or os.environ.get("DMP_PUBLISH_PRESET", "auto")
        given = context.data.get("dmpSettings")
        chosen, trouble = resolve(), []
        try:
            if isinstance(given, Settings):
                chosen = Resolved(given)
            else:
                chosen = given if isinstance(given, Resolved) else resolve(name, given)
        except DmpError as error:  # a collector never fails; the first validator reports it
            trouble.append(str(error))
        space = str(context.data.get("dmpSpace", "auto"))
        frames = tuple(context.data.get("dmpFrames", ()))
        for shot, found in find_shots(folder, chosen, space):
            around: Tuple[int, ...] = ()
            try:
                around = _on_disk(shot) if frames else ()
            except DmpError as error:
                found.append(str(error))
            shot = replace(
                shot, frames=frames, around=around,
                clean_space=str(context.data.get("dmpCleanSpace", "")),
                layer=str(context.data.get("dmpLayer", "")),
            )  # fmt: skip
            instance = context.create_instance(shot.name, family=FAMILY)
            instance.data.update({"dmpShot": shot, "dmpTrouble": trouble + found})
            self.log.info("Found %s", shot.name)
