"""Does the edge flicker where nothing moves?"""

from __future__ import annotations

from typing import Any

import pyblish.api

from dmp_matting.publish._actions import Accept, SolveAgain
from dmp_matting.publishing import FAMILY, judge, measures_of
from dmp_matting.sequences import range_text
from dmp_matting.shotlook import FLICKER_LIMIT


class ValidateFlicker(pyblish.api.InstancePlugin):
    """Change of alpha between two frames where the plate stands still."""

    order = pyblish.api.ExtractorOrder + 0.2
    label = "No flicker"
    families = [FAMILY]
    actions = [Accept, SolveAgain]

    def process(self, instance: Any) -> None:
        measures = measures_of(instance.data)
        frames = [m["frame"] for m in measures if (m["flicker"] or 0.0) > FLICKER_LIMIT]
        sentence = (
            f"{instance.data['name']} {range_text(frames)}: "
            "alpha flickers where the plate stands still; solve with preset final."
        )
        judge(instance.data, type(self).__name__, sentence, frames)
