"""Collect plate and clean plate from the open scene of a host, such as Nuke or Blender."""

from __future__ import annotations

from typing import Any

import pyblish.api

from dmp_matting.errors import DmpError
from dmp_matting.publish.request import PublishRequest, collect_from_host


class CollectHost(pyblish.api.ContextPlugin):
    """``dmpRequest`` of the context (a PublishRequest or its JSON), or what the host collects.

    The host is not used where the context names a folder or shots: those are published then.
    Never fails: the first validator reports what cannot be collected.
    """

    order = pyblish.api.CollectorOrder - 0.1
    label = "Collect plates from the host"

    def process(self, context: Any) -> None:
        try:
            named = context.data.get("dmpFolder") or context.data.get("dmpShots")
            request = context.data.get("dmpRequest") or (None if named else collect_from_host())
            if isinstance(request, dict):
                request = PublishRequest.from_json(request)
        except DmpError as error:
            context.data.setdefault("dmpTrouble", []).append(str(error))
            return
        if request is None:
            return
        trouble = context.data.setdefault("dmpTrouble", [])
        trouble += request.trouble
        names = [shot.name for shot in request.shots]
        for name in sorted({name for name in names if names.count(name) > 1}):
            trouble.append(f"Two shots are called {name}; give each a name of its own.")
        context.data.setdefault("dmpShots", []).extend(request.shots)
        context.data["dmpPublishTo"] = request.to or context.data.get("dmpPublishTo", "")
        context.data["dmpPublishVersion"] = request.version
        context.data["dmpAccept"] = list(request.accept)
        context.data["dmpSource"] = dict(request.source)
        self.log.info("Found %d shots", len(request.shots))
