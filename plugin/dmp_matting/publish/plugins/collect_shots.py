"""Collect shots that a host or a script has put into the context."""

from __future__ import annotations

from typing import Any

import pyblish.api

from dmp_matting.publish.instances import FAMILY
from dmp_matting.shots.shot import Shot


class CollectShots(pyblish.api.ContextPlugin):
    """``dmpShots`` of the context: Shot objects of ``dmp_matting``. Never fails."""

    order = pyblish.api.CollectorOrder
    label = "Collect shots from the host"

    def process(self, context: Any) -> None:
        for shot in context.data.get("dmpShots", ()):
            if not isinstance(shot, Shot):
                context.data.setdefault("dmpTrouble", []).append(f"{shot!r} is no Shot.")
                continue
            instance = context.create_instance(shot.name, family=FAMILY)
            instance.data.update({"dmpShot": shot, "dmpTrouble": []})
            instance.data["dmpSource"] = context.data.get("dmpSource", {})
            instance.data["dmpAccepted"] = list(context.data.get("dmpAccept", ()))
