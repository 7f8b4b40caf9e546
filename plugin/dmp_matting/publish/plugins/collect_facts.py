"""Collect the headers of the plates, and where the next version goes."""

from __future__ import annotations

import os
from typing import Any

import pyblish.api

from dmp_matting.errors import DmpError
from dmp_matting.publish.instances import FAMILY, UNCLEAR, next_version
from dmp_matting.shots.review import probe_plates


class CollectFacts(pyblish.api.InstancePlugin):
    """Sizes, windows and formats of all plates that are there. Never fails."""

    order = pyblish.api.CollectorOrder + 0.1
    label = "Collect the plates' headers"
    families = [FAMILY]

    def process(self, instance: Any) -> None:
        data = instance.data
        shot, context = data["dmpShot"], instance.context.data
        to = context.get("dmpPublishTo") or os.environ.get("DMP_PUBLISH_TO", "")
        data["dmpTo"] = os.path.join(os.path.abspath(to), shot.name) if to else ""
        chosen = int(context.get("dmpPublishVersion") or 0)
        data["dmpVersion"] = chosen or (next_version(data["dmpTo"]) if to else 0)
        data["dmpFacts"] = {}
        if not data["dmpTrouble"]:
            self._probe(data)
        if data["dmpTrouble"]:
            data["family"] = UNCLEAR

    def _probe(self, data: Any) -> None:
        shot = data["dmpShot"]
        try:
            absent = {(gap.path) for gap in shot.gaps()}
            plates = {}
            for number in shot.numbers():
                for plate in shot.frame(number).plates:
                    if plate.path not in absent:
                        plates[plate.path] = plate
            facts = probe_plates(list(plates.values()))
            data["dmpFacts"] = {fact["path"]: fact for fact in facts}
        except DmpError as error:
            data["dmpTrouble"].append(str(error))
