"""Are all frames there, none of them empty, and are they those of the shot?"""

from __future__ import annotations

from dataclasses import replace
from typing import Any, List

import pyblish.api

from dmp_matting.errors import InputError
from dmp_matting.publish.instances import FAMILY
from dmp_matting.publish.plugins._actions import ours
from dmp_matting.publish.request import LEAVE_OUT
from dmp_matting.shots.sequences import range_text
from dmp_matting.shots.shot import Shot, gap_sentence


def holes(shot: Shot) -> List[int]:
    """Frames between the first and the last that are not on disk; a shot on twos has none."""
    if shot.frames:
        return []  # somebody chose them
    numbers = sorted(shot.numbers())
    steps = {b - a for a, b in zip(numbers, numbers[1:])}
    step = steps.pop() if len(steps) == 1 and len(numbers) > 3 else 1
    return sorted(set(range(numbers[0], numbers[-1] + 1, step)) - set(numbers))


class LeaveOutFrames(pyblish.api.Action):
    """Publish only the frames whose files are all there."""

    label = LEAVE_OUT
    on = "failed"
    icon = "cut"

    def process(self, context: Any, plugin: Any) -> None:
        for instance in ours(context):
            shot = instance.data["dmpShot"]
            absent = {gap.frame for gap in shot.gaps()}
            kept = tuple(number for number in shot.numbers() if number not in absent)
            if kept:
                instance.data["dmpShot"] = replace(shot, frames=kept)
                instance.data["dmpHolesAllowed"] = True


class ValidateFrames(pyblish.api.InstancePlugin):
    """The context's frameStart and frameEnd, where they are set, and no missing or empty file."""

    order = pyblish.api.ValidatorOrder + 0.01
    label = "Frames"
    families = [FAMILY]
    actions = [LeaveOutFrames]

    def process(self, instance: Any) -> None:
        shot = instance.data["dmpShot"]
        sentences = []
        gaps = shot.gaps()
        if gaps:
            sentences.append(gap_sentence(shot, gaps))
        between = holes(shot)
        if between and not instance.data.get("dmpHolesAllowed"):
            sentences.append(f"{shot.name}: frames {range_text(between)} are missing.")
        first, last = (instance.context.data.get(key) for key in ("frameStart", "frameEnd"))
        if first is not None and last is not None:
            have, wanted = set(shot.numbers()), set(range(int(first), int(last) + 1))
            if have - wanted:
                sentences.append(
                    f"{shot.name}: {range_text(have - wanted)} are not in the shot's range."
                )
            if wanted - have and not instance.data.get("dmpHolesAllowed"):
                sentences.append(
                    f"{shot.name}: the shot's frames {range_text(wanted - have)} are missing."
                )
        if sentences:
            raise InputError(" ".join(sentences))
