"""Does the clean plate show what is behind the subject?"""

from __future__ import annotations

from typing import Any

import pyblish.api

from dmp_matting.errors import MismatchError
from dmp_matting.publish.instances import FAMILY
from dmp_matting.shots.review import match_plates
from dmp_matting.shots.sequences import range_text

ALIKE = 0.05  # share of the frame that must resemble the clean plate
EXPOSURE = 0.03  # as displayed, of the pixels that are alike


class ValidateCleanPlate(pyblish.api.InstancePlugin):
    """First, middle and last frame: not the same picture, not another one, not another exposure."""

    order = pyblish.api.ValidatorOrder + 0.05
    label = "Clean plate matches"
    families = [FAMILY]

    def process(self, instance: Any) -> None:
        shot = instance.data["dmpShot"]
        absent = {gap.frame for gap in shot.gaps()}
        numbers = [number for number in shot.numbers() if number not in absent]
        if not numbers:
            return  # the frames' validator has reported it
        chosen = sorted({numbers[0], numbers[len(numbers) // 2], numbers[-1]})
        matches = match_plates(shot, chosen)
        same = [match["frame"] for match in matches if match["same"]]
        other = [match["frame"] for match in matches if match["alike"] < ALIKE]
        brighter = [match["frame"] for match in matches if match["exposure"] > EXPOSURE]
        if len(same) == len(matches):
            raise MismatchError(
                f"{shot.name}: plate and clean plate are the same picture; give the plate with the "
                "subject in it."
            )
        if other:
            raise MismatchError(
                f"{shot.name} {range_text(other)}: the clean plate has nothing in common with the "
                "plate; this looks like another take or the new background."
            )
        if brighter:
            self.log.warning(
                "%s %s: the clean plate's exposure differs.", shot.name, range_text(brighter)
            )
