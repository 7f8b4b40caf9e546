"""Publish mattes with pyblish: collect, validate, extract through the engine, validate, integrate.

    PYBLISHPLUGINPATH=<this folder>/plugins        for pyblish-lite, pyblish-qml and any host
    from dmp_matting.publish.headless import publish_folder         headless, one call

Plug-ins import by full names: pyblish executes their source by itself.
"""

from __future__ import annotations

import os
from typing import Any, Callable, Dict, List, Mapping, Optional, Tuple

import pyblish.api
import pyblish.logic
import pyblish.plugin

from ..errors import DmpError, bug_sentence

FOLDER = os.path.join(os.path.dirname(os.path.abspath(__file__)), "plugins")
CHECKED, MADE = 0.1, 0.9  # shares of a publish that end with the checks, and with the mattes

Failures = List[Tuple[str, str, str]]
Report = Callable[[float, str], None]  # how far it is, [0, 1], and what is done


def register() -> None:
    """Make the plug-ins known to pyblish in this process."""
    pyblish.api.register_plugin_path(FOLDER)


def offers() -> Dict[str, Tuple[str, ...]]:
    """The labels of the repairs of every check, by its class name."""
    found = pyblish.plugin.discover(paths=[FOLDER])
    return {one.__name__: tuple(action.label for action in one.actions) for one in found}


def publish(
    context: Any,
    accept: Tuple[str, ...] = (),
    repairs: Optional[Mapping[str, str]] = None,
    report: Report = lambda fraction, text: None,
) -> Failures:
    """Run our plug-ins alone, headless; returns (plug-in, instance, sentence) for each failure.

    ``context``: ``pyblish.api.Context()`` with data as the collectors read it. ``accept``: checks
    of the result to overrule, by class name. ``repairs``: actions to press where a check of the
    plates fails, by its class name. ``report`` is called with how far it is. An instance whose
    inputs failed is not extracted; the others go on, which no front end of pyblish does.
    """
    failures: Failures = []
    refused = set()
    report = _never_back(report)
    plugins = pyblish.plugin.discover(paths=[FOLDER])
    for plugin in plugins:
        failed = {name for _, name, _ in failures}
        if plugin.order >= pyblish.api.ExtractorOrder - 0.5 and "" in failed:
            break
        by_instance = issubclass(plugin, pyblish.api.InstancePlugin)
        found = pyblish.logic.instances_by_plugin(context, plugin) if by_instance else [None]
        for place, instance in enumerate(found):
            name = "" if instance is None else str(instance.data["name"])
            if plugin.order >= pyblish.api.ExtractorOrder - 0.5 and name in refused:
                continue  # its inputs are wrong
            if plugin.order >= pyblish.api.IntegratorOrder - 0.5 and name in failed:
                continue  # reported already
            if instance is not None:
                instance.data["dmpAccepted"] = instance.data.get("dmpAccepted") or list(accept)
            share = _share(report, plugins, plugin, place / len(found), len(found))
            context.data["dmpReport"] = share
            share(0.0, f"{name}: {plugin.label}" if name else plugin.label)
            error = _process(plugin, context, instance, (repairs or {}).get(plugin.__name__, ""))
            if error is not None:
                known = isinstance(error, DmpError)
                sentence = str(error) if known else bug_sentence(error)
                failures.append((plugin.__name__, name, sentence))
                if plugin.order < pyblish.api.ExtractorOrder - 0.5:
                    refused.add(name)
    return failures


def _process(plugin: Any, context: Any, instance: Any, repair: str) -> Optional[Exception]:
    """Run one plug-in, and once more after its repair; what failed."""
    error: Optional[Exception] = pyblish.plugin.process(plugin, context, instance)["error"]
    action = next((one for one in plugin.actions if one.label == repair), None)
    if error is None or action is None:
        return error
    pyblish.plugin.process(plugin, context, None, action.id)
    again: Optional[Exception] = pyblish.plugin.process(plugin, context, instance)["error"]
    return again


def _never_back(report: Report) -> Report:
    """A shot's last progress of a frame may come after the frame: the fraction never decreases."""
    highest = [0.0]

    def forward(fraction: float, text: str) -> None:
        highest[0] = max(highest[0], fraction)
        report(highest[0], text)

    return forward


def _share(report: Report, plugins: List[Any], plugin: Any, place: float, count: int) -> Report:
    """The report of a plug-in's work on one of ``count`` instances, as a part of the whole."""
    making = pyblish.api.ExtractorOrder
    low, high, same = 0.0, CHECKED, [one for one in plugins if one.order < making]
    if plugin.order == making:
        low, high, same = CHECKED, MADE, [plugin]
    elif plugin.order > making:
        low, high, same = MADE, 1.0, [one for one in plugins if one.order > making]
    step = (high - low) / len(same)
    begun = low + step * (same.index(plugin) + place)
    return lambda done, text: report(begun + step * done / count, text)


def publish_folder(
    folder: str,
    to: str,
    accept: Tuple[str, ...] = (),
    repairs: Optional[Mapping[str, str]] = None,
    **data: Any,
) -> Tuple[Failures, List[str]]:
    """Publish the shots of a folder; returns the failures and the folders that were published.

    ``data`` goes into the context: dmpPreset, dmpSettings, dmpSpace, dmpCleanSpace, dmpLayer,
    dmpFrames, frameStart, frameEnd.
    """
    context = pyblish.api.Context()
    context.data.update({"dmpFolder": folder, "dmpPublishTo": to, **data})
    failures = publish(context, accept, repairs)
    made = [str(one.data["dmpPublished"]) for one in context if "dmpPublished" in one.data]
    return failures, made


def publish_request(request: Any, report: Report) -> Tuple[Failures, List[Dict[str, Any]]]:
    """Publish a host's PublishRequest; the failures, and what was published.

    Of each published shot its instance's data: ``name``, ``dmpPublished``, ``dmpWarnings``.
    """
    context = pyblish.api.Context()
    context.data["dmpRequest"] = request
    failures = publish(context, request.accept, request.repairs, report)
    return failures, [one.data for one in context if "dmpPublished" in one.data]


__all__ = ["FOLDER", "offers", "publish", "publish_folder", "publish_request", "register"]
