"""Does the result fit on the disk?"""

from __future__ import annotations

import os
import shutil
from typing import Any

import pyblish.api

from dmp_matting.errors import OutputError
from dmp_matting.publish.instances import FAMILY

BYTES = 7 * 2  # a pixel of the layers, half, before compression


class ValidateDiskSpace(pyblish.api.InstancePlugin):
    """All frames, uncompressed, and a tenth more."""

    order = pyblish.api.ValidatorOrder + 0.06
    label = "Disk space"
    families = [FAMILY]

    def process(self, instance: Any) -> None:
        place = instance.data["dmpTo"] or "."
        while not os.path.isdir(place) and os.path.dirname(place) != place:
            place = os.path.dirname(place)
        if not os.access(place, os.W_OK):
            raise OutputError(f"The folder {place} is not writable; publish to another.")
        sizes = [
            fact["width"] * fact["height"]
            for fact in instance.data["dmpFacts"].values()
            if not fact["trouble"]
        ]
        need = int(1.1 * BYTES * max(sizes, default=0) * len(instance.data["dmpShot"].numbers()))
        free = shutil.disk_usage(place).free
        if need > free:
            raise OutputError(
                f"{instance.data['dmpShot'].name} may need {need / 2**30:.1f} GB and {place} has "
                f"{free / 2**30:.1f} GB free; make room."
            )
