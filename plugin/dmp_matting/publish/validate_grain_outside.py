"""Is there grain outside the subject?"""

from __future__ import annotations

from typing import Any

import pyblish.api

from dmp_matting.publish._actions import Accept, SolveAgain
from dmp_matting.publishing import FAMILY, judge, measures_of
from dmp_matting.sequences import range_text
from dmp_matting.shotlook import SPECKS_LIMIT


class ValidateGrainOutside(pyblish.api.InstancePlugin):
    """Small islands of alpha where nothing is."""

    order = pyblish.api.ExtractorOrder + 0.2
    label = "No grain outside"
    families = [FAMILY]
    actions = [Accept, SolveAgain]

    def process(self, instance: Any) -> None:
        measures = measures_of(instance.data)
        frames = [m["frame"] for m in measures if m["specks"] > SPECKS_LIMIT * m["pixels"]]
        sentence = (
            f"{instance.data['name']} {range_text(frames)}: "
            "there is grain outside the subject; draw a garbage matte."
        )
        judge(instance.data, type(self).__name__, sentence, frames)
