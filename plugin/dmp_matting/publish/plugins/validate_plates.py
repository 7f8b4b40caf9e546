"""Is there anything to publish, and is it clear which file is what?"""

from __future__ import annotations

from typing import Any

import pyblish.api

from dmp_matting.errors import InputError
from dmp_matting.publish.instances import FAMILY, UNCLEAR
from dmp_matting.publish.request import NOWHERE


class ValidatePlates(pyblish.api.ContextPlugin):
    """At least one shot, each with a plate and a clean plate, and a folder to publish to."""

    order = pyblish.api.ValidatorOrder
    label = "Plate and clean plate"

    def process(self, context: Any) -> None:
        mattes = [one for one in context if one.data.get("family") in (FAMILY, UNCLEAR)]
        sentences = list(context.data.get("dmpTrouble", ()))
        for instance in mattes:
            sentences += instance.data["dmpTrouble"]
        if not mattes and not sentences:
            folder = context.data.get("dmpFolder", "")
            sentences.append(f"There is no plate to publish{f' in {folder}' if folder else ''}.")
        elif not all(instance.data["dmpTo"] for instance in mattes):
            sentences.append(NOWHERE)
        if sentences:
            raise InputError(" ".join(sentences))
