"""Can every plate be opened?"""

from __future__ import annotations

from typing import Any

import pyblish.api

from dmp_matting.errors import PlateError
from dmp_matting.publish.instances import FAMILY


class ValidateReadable(pyblish.api.InstancePlugin):
    """Headers of all plates; a damaged one is reported with its name."""

    order = pyblish.api.ValidatorOrder + 0.02
    label = "Files can be read"
    families = [FAMILY]

    def process(self, instance: Any) -> None:
        troubles = [fact["trouble"] for fact in instance.data["dmpFacts"].values()]
        damaged = [trouble for trouble in troubles if trouble]
        if damaged:
            more = f" And {len(damaged) - 1} more files." if len(damaged) > 1 else ""
            raise PlateError(damaged[0] + more)
