"""Are plate and clean plate in one colour space, and does OCIO know it?"""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pyblish.api

from dmp_matting.errors import ColourSpaceError, PlateError
from dmp_matting.job import Role
from dmp_matting.publish.instances import FAMILY
from dmp_matting.publish.plugins._actions import ours
from dmp_matting.shots.review import probe_plates


class ReadAutomatically(pyblish.api.Action):
    """Take the space that the files themselves suggest."""

    label = "Set the colour space to auto"
    on = "failed"
    icon = "magic"

    def process(self, context: Any, plugin: Any) -> None:
        for instance in ours(context):
            instance.data["dmpShot"] = replace(instance.data["dmpShot"], space="auto")


class ValidateColourSpace(pyblish.api.InstancePlugin):
    """Decodes the first frame and its clean plate."""

    order = pyblish.api.ValidatorOrder + 0.04
    label = "Colour space"
    families = [FAMILY]
    actions = [ReadAutomatically]

    def process(self, instance: Any) -> None:
        shot = instance.data["dmpShot"]
        absent = {gap.frame for gap in shot.gaps()}
        first = next((number for number in shot.numbers() if number not in absent), None)
        if first is None:
            raise PlateError(f"{shot.name} has no frame whose files are all there.")
        frame = shot.frame(first)
        plates = [frame.plate(role) for role in (Role.IMAGE, Role.CLEAN)]
        facts = probe_plates([plate for plate in plates if plate], pixels=True)
        for fact in facts:
            if fact["trouble"]:
                kind = ColourSpaceError if fact["kind"] == "ColourSpaceError" else PlateError
                raise kind(fact["trouble"])
        image, clean = facts
        if image["space"] != clean["space"] and not shot.clean_space:
            raise ColourSpaceError(
                f"The plate is read as {image['space']} and the clean plate as {clean['space']}; "
                "write both in one colour space, or name one for both."
            )
