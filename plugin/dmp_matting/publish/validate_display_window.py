"""Do all plates have one format?"""

from __future__ import annotations

from typing import Any

import pyblish.api

from dmp_matting.publishing import FAMILY, must_agree


class ValidateDisplayWindow(pyblish.api.InstancePlugin):
    """Plates with one display window; the data windows may differ."""

    order = pyblish.api.ValidatorOrder + 0.03
    label = "Display windows"
    families = [FAMILY]

    def process(self, instance: Any) -> None:
        must_agree(
            instance.data, ["display_window"], "display windows", "give plates of one format"
        )
