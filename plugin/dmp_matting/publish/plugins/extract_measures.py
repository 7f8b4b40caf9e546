"""Measure the finished frames, for the checks of the result and for the manifest."""

from __future__ import annotations

import os
from typing import Any

import pyblish.api

from dmp_matting.publish.instances import FAMILY, staged
from dmp_matting.shots.review import measure_shot, shot_sheet


class ExtractMeasures(pyblish.api.InstancePlugin):
    """Numbers a frame, and the contact sheet that is published beside the frames."""

    order = pyblish.api.ExtractorOrder + 0.1
    label = "Measures and contact sheet"
    families = [FAMILY]

    def process(self, instance: Any) -> None:
        data = instance.data
        if data.get("dmpRefused"):
            return  # no result
        data["dmpRefused"]["ExtractMeasures"] = "The matte was not measured."
        shot = staged(data)
        data["dmpMeasures"] = measure_shot(shot, shot.numbers())
        folder = os.path.dirname(shot.output)
        shot_sheet(shot, shot.numbers(), f"{folder}/contact_sheet.png")
        data["dmpRefused"].pop("ExtractMeasures")
