"""What the node's buttons do. Whatever fails becomes one sentence, on the node and in a message."""

from __future__ import annotations

from typing import Callable, Dict

import nuke

from dmp_matting.hosts import as_dmp_error

from . import jobs, prepare, results
from .results import Severity


def press(action: str) -> None:
    """Run the button ``action`` of ``nuke.thisNode()``."""
    node = nuke.thisNode()
    assert isinstance(node, nuke.Group)
    try:
        ACTIONS[action](node)
    except Exception as error:
        _fail(node, str(as_dmp_error(error)))


def _fail(node: nuke.Group, sentence: str) -> None:
    results.show_status(node, sentence, Severity.ERROR)
    nuke.message(sentence)


def _matte_frame(node: nuke.Group) -> None:
    results.enable(node)
    jobs.start(node, [int(nuke.frame())])


def _matte_range(node: nuke.Group) -> None:
    results.enable(node)
    jobs.start(node, prepare.whole_range(node))


def _cancel(node: nuke.Group) -> None:
    job = jobs.running(node)
    if job is not None:
        job.cancel()
        results.show_status(node, "Cancelling.")
    else:
        results.show_status(node, "Nothing is running.")


def _clear(node: nuke.Group) -> None:
    if results.is_older(node):
        node["has_result"].setValue(False)
    else:
        node["disable"].setValue(True)
    results.show_status(node, "Cleared: the plate is shown. Reload shows the EXRs again.")


def _reload(node: nuke.Group) -> None:
    results.enable(node)
    files, views = results.sequence(node), prepare.wanted_views(node)
    frames = results.show(node, files, views)
    if frames:
        results.show_status(node, f"{len(frames)} frames on disk, {frames[0]} to {frames[-1]}.")
    else:
        results.show_status(node, f"There are no frames of {files.pattern} yet.", Severity.WARNING)


ACTIONS: Dict[str, Callable[[nuke.Group], None]] = {
    "matte_frame": _matte_frame,
    "matte_range": _matte_range,
    "cancel": _cancel,
    "clear": _clear,
    "reload": _reload,
}
