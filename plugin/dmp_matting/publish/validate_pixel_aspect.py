"""Do all plates have one pixel aspect?"""

from __future__ import annotations

from typing import Any

import pyblish.api

from dmp_matting.publishing import FAMILY, must_agree


class ValidatePixelAspect(pyblish.api.InstancePlugin):
    """Plates of one pixel aspect."""

    order = pyblish.api.ValidatorOrder + 0.03
    label = "Pixel aspects"
    families = [FAMILY]

    def process(self, instance: Any) -> None:
        must_agree(
            instance.data, ["pixel_aspect"], "pixel aspects", "give plates of one pixel aspect"
        )
