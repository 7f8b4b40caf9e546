"""What the node's buttons do. Whatever fails becomes one sentence, on the node and in a message."""

from __future__ import annotations

from functools import partial
from typing import Callable, Dict, Sequence

import nuke

from dmp_matting.hosts import InputError, as_dmp_error

from . import NAME, clean_plate, farm, files, jobs, knobs, output, prepare, results, states, steps
from .results import Severity


def press(action: str) -> None:
    """Run the button ``action`` of ``nuke.thisNode()``."""
    node = nuke.thisNode()
    assert isinstance(node, nuke.Group)
    try:
        ACTIONS[action](node)
    except Exception as error:
        results.show_failure(node, as_dmp_error(error))


def _matte_frame(node: nuke.Group) -> None:
    _solve(node, [int(nuke.frame())])


def _matte_range(node: nuke.Group) -> None:
    frames, only = knobs.whole_range(node), knobs.states_to_solve(node)
    chosen = frames if only is None else states.choose(node, frames, only)
    if chosen:
        _solve(node, chosen)
    else:
        results.enable(node)
        results.show_status(node, f"Nothing to solve. {states.show(node)}.")


def _solve(node: nuke.Group, frames: Sequence[int]) -> None:
    results.enable(node)
    # start() refuses a second job in words of its own
    if jobs.running(node) is not None or _may_overwrite(node, frames):
        jobs.start(node, frames)


def _may_overwrite(node: nuke.Group, frames: Sequence[int]) -> bool:
    """False when EXRs of something else would be replaced, and the artist wants to keep them."""
    others = states.others_frames(node, frames)
    if others and not nuke.ask(f"{others} Go on?"):
        results.show_status(node, "Nothing was overwritten.")
        return False
    return True


def _cancel(node: nuke.Group) -> None:
    job = jobs.running(node) or steps.of_node(node)
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


def _version_up(node: nuke.Group) -> None:
    if jobs.running(node) is not None:
        raise InputError(f"{node.name()} is solving; press Cancel first.")
    path = output.version_up(node)
    results.show_status(node, f"The output is {path}. {states.show(node)}.")


def _list_files(node: nuke.Group) -> None:
    if jobs.running(node) is not None:
        raise InputError(f"{node.name()} is solving; press Cancel first.")
    count = files.ask(node)
    if count:
        results.reload(node)
        results.show_status(node, f"Deleted {count} EXRs. {states.show(node)}.")


def _submit(node: nuke.Group) -> None:
    if not _may_overwrite(node, knobs.whole_range(node)):
        return

    def ended(bundle: str) -> None:
        line = f"Wrote the farm job {bundle}; docs/td/farm.md says how it is sent."
        results.show_status(node, line)

    steps.run(
        f"{NAME}: farm job of {node.name()}",
        farm.submitting(node),
        ended,
        partial(results.show_failure, node),
        node,
    )


def _reload(node: nuke.Group) -> None:
    results.enable(node)
    wanted, views = output.sequence(node), prepare.wanted_views(node)
    frames = results.show(node, wanted, views)
    if frames:
        on_disk = f"{len(frames)} frames on disk, {frames[0]} to {frames[-1]}."
        results.show_status(node, f"{on_disk} {states.show(node)}.")
    else:
        results.show_status(node, f"There are no frames of {wanted.pattern} yet.", Severity.WARNING)


ACTIONS: Dict[str, Callable[[nuke.Group], None]] = {
    "matte_frame": _matte_frame,
    "matte_range": _matte_range,
    "build_clean": clean_plate.press,
    "cancel": _cancel,
    "clear": _clear,
    "reload": _reload,
    "version_up": _version_up,
    "list_files": _list_files,
    "submit": _submit,
}
