"""Do all plates have one format?"""

from __future__ import annotations

from typing import Any, Dict, List, Tuple

import pyblish.api

from dmp_matting.errors import MismatchError
from dmp_matting.publishing import FAMILY

KEYS = ("display_window",)


class ValidateDisplayWindow(pyblish.api.InstancePlugin):
    """Plates with one display window; the data windows may differ."""

    order = pyblish.api.ValidatorOrder + 0.03
    label = "Display windows"
    families = [FAMILY]

    def process(self, instance: Any) -> None:
        found: Dict[Tuple[str, ...], List[str]] = {}
        for path, fact in instance.data["dmpFacts"].items():
            if not fact["trouble"]:
                found.setdefault(tuple(str(fact[key]) for key in KEYS), []).append(path)
        if len(found) > 1:
            told = [f"{' x '.join(value)} ({paths[0]})" for value, paths in found.items()]
            raise MismatchError(
                f"The plates have {len(found)} different display windows: {', '.join(told)}; "
                "give plates of one format."
            )
