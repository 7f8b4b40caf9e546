"""Publish mattes with pyblish: collect, validate, extract through the engine, validate, integrate.

    PYBLISHPLUGINPATH=<this folder>           for pyblish-lite, pyblish-qml and any host
    from dmp_matting.publish import publish_folder       headless, one call

One plug-in a file. Plug-ins import by full names: pyblish executes their source by itself.
"""

from __future__ import annotations

import os
from typing import Any, List, Tuple

import pyblish.api
import pyblish.logic
import pyblish.plugin

FOLDER = os.path.dirname(os.path.abspath(__file__))


def register() -> None:
    """Make the plug-ins known to pyblish in this process."""
    pyblish.api.register_plugin_path(FOLDER)


def publish(context: Any, accept: Tuple[str, ...] = ()) -> List[Tuple[str, str, str]]:
    """Run our plug-ins alone, headless; returns (plug-in, instance, sentence) for each failure.

    ``context``: ``pyblish.api.Context()`` with data as the collectors read it. ``accept``: checks
    of the result to overrule, by class name. An instance whose inputs failed is not extracted; the
    others go on, which no front end of pyblish does.
    """
    failures: List[Tuple[str, str, str]] = []
    refused = set()
    for plugin in pyblish.plugin.discover(paths=[FOLDER]):
        failed = {name for _, name, _ in failures}
        if plugin.order >= pyblish.api.ExtractorOrder - 0.5 and "" in failed:
            break
        by_instance = issubclass(plugin, pyblish.api.InstancePlugin)
        found = pyblish.logic.instances_by_plugin(context, plugin) if by_instance else [None]
        for instance in found:
            name = "" if instance is None else str(instance.data["name"])
            if plugin.order >= pyblish.api.ExtractorOrder - 0.5 and name in refused:
                continue  # its inputs are wrong
            if plugin.order >= pyblish.api.IntegratorOrder - 0.5 and name in failed:
                continue  # told already
            if instance is not None:
                instance.data.setdefault("dmpAccepted", list(accept))
            result = pyblish.plugin.process(plugin, context, instance)
            if result["error"] is not None:
                failures.append((plugin.__name__, name, str(result["error"])))
                if plugin.order < pyblish.api.ExtractorOrder - 0.5:
                    refused.add(name)
    return failures


def publish_folder(
    folder: str, to: str, accept: Tuple[str, ...] = (), **data: Any
) -> Tuple[List[Tuple[str, str, str]], List[str]]:
    """Publish the shots of a folder; returns the failures and the folders that were published.

    ``data`` goes into the context: dmpPreset, dmpSettings, dmpSpace, frameStart, frameEnd.
    """
    context = pyblish.api.Context()
    context.data.update({"dmpFolder": folder, "dmpPublishTo": to, **data})
    failures = publish(context, accept)
    made = [str(one.data["dmpPublished"]) for one in context if "dmpPublished" in one.data]
    return failures, made


__all__ = ["FOLDER", "publish", "publish_folder", "register"]
