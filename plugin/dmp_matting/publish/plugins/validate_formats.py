"""Do all plates of a shot have one format: size, pixel aspect, display window?

A plug-in is a row: what must agree, its name in the plural, and what to do. The size is reported
first: with another size the display windows differ, too.
"""

from __future__ import annotations

from typing import Any, Tuple

import pyblish.api

from dmp_matting.publish.instances import FAMILY, must_agree


class _ValidateFormat(pyblish.api.InstancePlugin):
    """All frames and the clean plate have the same values of ``keys``."""

    families = [FAMILY]
    keys: Tuple[str, ...] = ()  # of what was probed of a plate
    plural = ""
    remedy = ""

    def process(self, instance: Any) -> None:
        must_agree(instance.data, self.keys, self.plural, self.remedy)


class ValidateResolution(_ValidateFormat):
    """Plates of one size."""

    order = pyblish.api.ValidatorOrder + 0.03
    label = "Sizes"
    keys, plural, remedy = ("width", "height"), "sizes", "give plates of one size"


class ValidatePixelAspect(_ValidateFormat):
    """Plates of one pixel aspect."""

    order = pyblish.api.ValidatorOrder + 0.031
    label = "Pixel aspects"
    keys, plural, remedy = ("pixel_aspect",), "pixel aspects", "give plates of one pixel aspect"


class ValidateDisplayWindow(_ValidateFormat):
    """Plates with one display window; the data windows may differ."""

    order = pyblish.api.ValidatorOrder + 0.032
    label = "Display windows"
    keys, plural, remedy = ("display_window",), "display windows", "give plates of one format"
