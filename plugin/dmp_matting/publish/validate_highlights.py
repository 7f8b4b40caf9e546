"""Have highlights kept their brightness?"""

from __future__ import annotations

from typing import Any

import pyblish.api

from dmp_matting.publish._actions import Accept, SolveAgain
from dmp_matting.publishing import FAMILY, judge, measures_of
from dmp_matting.sequences import range_text
from dmp_matting.shotlook import CLIPPED_LIMIT


class ValidateHighlights(pyblish.api.InstancePlugin):
    """Core pixels of the plate above 1 that came out darker."""

    order = pyblish.api.ExtractorOrder + 0.2
    label = "No clipped highlights"
    families = [FAMILY]
    actions = [Accept, SolveAgain]

    def process(self, instance: Any) -> None:
        measures = measures_of(instance.data)
        frames = [m["frame"] for m in measures if m["clipped"] > CLIPPED_LIMIT]
        sentence = (
            f"{instance.data['name']} {range_text(frames)}: "
            "highlights of the subject were clipped; report this with the plate, it is a bug."
        )
        judge(instance.data, type(self).__name__, sentence, frames)
