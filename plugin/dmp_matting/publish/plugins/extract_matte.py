"""Make the mattes through the engine, into a staging folder; frames made before are kept."""

from __future__ import annotations

from typing import Any

import pyblish.api

from dmp_matting.publish.instances import FAMILY, staged
from dmp_matting.shots.events import ShotFailure, ShotFrame, ShotProgress
from dmp_matting.shots.run import run_shots


class ExtractMatte(pyblish.api.InstancePlugin):
    """One EXR a frame; fails with the first frame that cannot be made."""

    order = pyblish.api.ExtractorOrder
    label = "Matte"
    families = [FAMILY]

    def process(self, instance: Any) -> None:
        data = instance.data
        data["dmpRefused"] = {"ExtractMatte": "The matte was not made."}
        data["dmpMeasures"], data["dmpWarnings"] = [], {}
        shot = staged(data)
        report = instance.context.data.get("dmpReport", lambda fraction, text: None)
        failures = []
        for event in run_shots([shot], overwrite=True, make_folders=True):
            if isinstance(event, ShotProgress):
                report(event.fraction, f"{event.shot} {event.progress.frame}")
            elif isinstance(event, ShotFrame):
                self.log.info("%s %d", event.shot, event.layers.frame)
                for warning in event.layers.warnings:
                    data["dmpWarnings"].setdefault(warning, []).append(event.layers.frame)
            elif isinstance(event, ShotFailure):
                failures.append(event.error)
        if failures:
            raise failures[0]
        data["dmpRefused"].pop("ExtractMatte")
