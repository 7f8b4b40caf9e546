"""Is the version free?"""

from __future__ import annotations

from typing import Any

import pyblish.api

from dmp_matting.errors import OutputError
from dmp_matting.publish.instances import FAMILY, next_version, version_folder
from dmp_matting.publish.plugins._actions import ours


class NextVersion(pyblish.api.Action):
    """Publish as the next free version."""

    label = "Take the next version"
    on = "failed"
    icon = "plus"

    def process(self, context: Any, plugin: Any) -> None:
        for instance in ours(context):
            if version_folder(instance.data["dmpTo"], instance.data["dmpVersion"]).exists():
                instance.data["dmpVersion"] = next_version(instance.data["dmpTo"])


class ValidateNotPublished(pyblish.api.InstancePlugin):
    """A published version is never written over."""

    order = pyblish.api.ValidatorOrder + 0.07
    label = "Not published yet"
    families = [FAMILY]
    actions = [NextVersion]

    def process(self, instance: Any) -> None:
        folder = version_folder(instance.data["dmpTo"], instance.data["dmpVersion"])
        if folder.exists():
            raise OutputError(f"{folder} is published already; take the next version.")
