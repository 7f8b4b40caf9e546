"""Do all plates have one size?"""

from __future__ import annotations

from typing import Any, Dict, List, Tuple

import pyblish.api

from dmp_matting.errors import MismatchError
from dmp_matting.publishing import FAMILY

KEYS = (
    "width",
    "height",
)


class ValidateResolution(pyblish.api.InstancePlugin):
    """Plates of one size, all frames and the clean plate."""

    order = pyblish.api.ValidatorOrder + 0.03
    label = "Sizes"
    families = [FAMILY]

    def process(self, instance: Any) -> None:
        found: Dict[Tuple[str, ...], List[str]] = {}
        for path, fact in instance.data["dmpFacts"].items():
            if not fact["trouble"]:
                found.setdefault(tuple(str(fact[key]) for key in KEYS), []).append(path)
        if len(found) > 1:
            told = [f"{' x '.join(value)} ({paths[0]})" for value, paths in found.items()]
            raise MismatchError(
                f"The plates have {len(found)} different sizes: {', '.join(told)}; give plates "
                "of one size."
            )
