"""Do all plates have one size?"""

from __future__ import annotations

from typing import Any

import pyblish.api

from dmp_matting.publishing import FAMILY, must_agree


class ValidateResolution(pyblish.api.InstancePlugin):
    """Plates of one size, all frames and the clean plate."""

    order = pyblish.api.ValidatorOrder + 0.03
    label = "Sizes"
    families = [FAMILY]

    def process(self, instance: Any) -> None:
        must_agree(instance.data, ["width", "height"], "sizes", "give plates of one size")
