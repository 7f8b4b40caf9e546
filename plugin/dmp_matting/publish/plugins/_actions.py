"""What an artist can do about a failed check of a result; shared by those plug-ins."""

from __future__ import annotations

import shutil
from typing import Any, Iterator

import pyblish.api

from dmp_matting.publish.instances import FAMILY, staging_folder
from dmp_matting.publish.request import ACCEPT, SOLVE_AGAIN, at_best


def ours(context: Any) -> Iterator[Any]:
    """The context's instances that are mattes."""
    for instance in context:
        if instance.data.get("family") == FAMILY:
            yield instance


class Accept(pyblish.api.Action):
    """Publish it as it is; the manifest records that."""

    label = ACCEPT
    on = "failed"
    icon = "check"

    def process(self, context: Any, plugin: Any) -> None:
        for instance in ours(context):
            if plugin.__name__ in instance.data.get("dmpRefused", {}):
                instance.data.setdefault("dmpAccepted", []).append(plugin.__name__)
                instance.data["dmpRefused"].pop(plugin.__name__)


class SolveAgain(pyblish.api.Action):
    """Throw the made frames away and solve with preset final at the next publish."""

    label = SOLVE_AGAIN
    on = "failed"
    icon = "refresh"

    def process(self, context: Any, plugin: Any) -> None:
        for instance in ours(context):
            if plugin.__name__ not in instance.data.get("dmpRefused", {}):
                continue
            instance.data["dmpShot"] = at_best(instance.data["dmpShot"])
            folder = staging_folder(instance.data["dmpTo"], instance.data["dmpVersion"])
            shutil.rmtree(folder, ignore_errors=True)
