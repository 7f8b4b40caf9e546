"""Is the matte sound? Each check compares one measure of the finished frames with its limit.

A plug-in is a row: its measure, its limit, and one sentence for the artist.
"""

from __future__ import annotations

from typing import Any, Mapping

import pyblish.api

from dmp_matting.publish.instances import FAMILY, judge, measures_of
from dmp_matting.publish.plugins._actions import Accept, SolveAgain
from dmp_matting.shots.review import (
    CLIPPED_LIMIT,
    FLICKER_LIMIT,
    HOLES_LIMIT,
    SPECKS_LIMIT,
)
from dmp_matting.shots.sequences import range_text


class _ValidateMeasure(pyblish.api.InstancePlugin):
    """Frames whose ``measure`` exceeds ``limit`` fail; the artist may accept or solve again."""

    order = pyblish.api.ExtractorOrder + 0.2
    families = [FAMILY]
    actions = [Accept, SolveAgain]
    measure = ""  # a key of a frame's measures
    limit = 0.0
    per_pixel = False  # the limit is a share of the frame's pixels
    sentence = ""

    def process(self, instance: Any) -> None:
        frames = [m["frame"] for m in measures_of(instance.data) if self._exceeds(m)]
        sentence = f"{instance.data['name']} {range_text(frames)}: {self.sentence}"
        judge(instance.data, type(self).__name__, sentence, frames)

    def _exceeds(self, measures: Mapping[str, Any]) -> bool:
        limit = self.limit * measures["pixels"] if self.per_pixel else self.limit
        return (measures[self.measure] or 0.0) > limit


class ValidateCoreHoles(_ValidateMeasure):
    """Gaps that the subject encloses and that do not show the clean plate."""

    label = "No holes in the core"
    measure, limit, per_pixel = "holes", HOLES_LIMIT, True
    sentence = "the subject has holes; solve with preset final, or draw a core matte."


class ValidateGrainOutside(_ValidateMeasure):
    """Small islands of alpha outside the subject."""

    label = "No grain outside"
    measure, limit, per_pixel = "specks", SPECKS_LIMIT, True
    sentence = "there is grain outside the subject; draw a garbage matte."


class ValidateFlicker(_ValidateMeasure):
    """Change of alpha between two frames where the plate stands still."""

    label = "No flicker"
    measure, limit = "flicker", FLICKER_LIMIT
    sentence = "alpha flickers where the plate stands still; solve with preset final."


class ValidateHighlights(_ValidateMeasure):
    """Core pixels of the plate above 1 that came out darker."""

    label = "No clipped highlights"
    measure, limit = "clipped", CLIPPED_LIMIT
    sentence = "highlights of the subject were clipped; report this with the plate, it is a bug."
