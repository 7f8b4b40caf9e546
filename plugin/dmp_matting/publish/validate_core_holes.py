"""Does the core of the matte have holes?"""

from __future__ import annotations

from typing import Any

import pyblish.api

from dmp_matting.publish._actions import Accept, SolveAgain
from dmp_matting.publishing import FAMILY, judge, measures_of
from dmp_matting.sequences import range_text
from dmp_matting.shotlook import HOLES_LIMIT


class ValidateCoreHoles(pyblish.api.InstancePlugin):
    """Gaps that the subject encloses and that do not show the clean plate."""

    order = pyblish.api.ExtractorOrder + 0.2
    label = "No holes in the core"
    families = [FAMILY]
    actions = [Accept, SolveAgain]

    def process(self, instance: Any) -> None:
        measures = measures_of(instance.data)
        frames = [m["frame"] for m in measures if m["holes"] > HOLES_LIMIT * m["pixels"]]
        sentence = (
            f"{instance.data['name']} {range_text(frames)}: "
            "the subject has holes; solve with preset final, or draw a core matte."
        )
        judge(instance.data, type(self).__name__, sentence, frames)
