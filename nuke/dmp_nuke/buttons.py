"""What the node's buttons do. Whatever fails becomes one sentence, on the node and in a message."""

from __future__ import annotations

from typing import Callable, Dict, Sequence

import nuke

from dmp_matting.hosts import as_dmp_error

from . import jobs, knobs, prepare, results, states
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
    _solve(node, [int(nuke.frame())])


def _matte_range(node: nuke.Group) -> None:
    frames, only = prepare.whole_range(node), knobs.states_to_solve(node)
    chosen = frames if only is None else states.choose(node, frames, only)
    if chosen:
        _solve(node, chosen)
    else:
        results.enable(node)
        results.show_status(node, f"Nothing to solve. {states.show(node)}.")


def _solve(node: nuke.Group, frames: Sequence[int]) -> None:
    results.enable(node)
    if jobs.running(node) is None:  # start() refuses a second job in words of its own
        others = states.others_frames(node, frames)
        if others and not nuke.ask(f"{others} Go on?"):
            results.show_status(node, "Nothing was overwritten.")
            return
    jobs.start(node, frames)


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
        on_disk = f"{len(frames)} frames on disk, {frames[0]} to {frames[-1]}."
        results.show_status(node, f"{on_disk} {states.show(node)}.")
    else:
        results.show_status(node, f"There are no frames of {files.pattern} yet.", Severity.WARNING)


ACTIONS: Dict[str, Callable[[nuke.Group], None]] = {
    "matte_frame": _matte_frame,
    "matte_range": _matte_range,
    "cancel": _cancel,
    "clear": _clear,
    "reload": _reload,
}
