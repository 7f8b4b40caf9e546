"""DMP without a GUI: mattes of a script's nodes for batches and farms.

    nuke -t dmp_batch.py shot.nk [--node DMPMatte1] [--frames=1001-1100] [--again] [--save new.nk]
    nuke -t dmp_batch.py shot.nk --plates FOLDER
    nuke -t dmp_batch.py shot.nk --render Write1 [--frames=1001-1100]

The first line solves what is missing or stale, and holds Nuke's licence meanwhile. The second only
renders what the nodes need and writes FOLDER/shots.json: ``dmp batch`` solves that without a Nuke.
The third renders, from the EXRs that are there: only a node with "Compute when missing" has its
missing and stale frames solved before. A plain ``nuke -x`` never solves anything: a render cannot
start another one, and a farm must not be surprised. Nuke takes a frame range at the end of the
command for itself: hence ``--frames=``.
"""

from __future__ import annotations

import argparse
import sys
from typing import List, Optional, Sequence

import nuke

from dmp_matting.hosts import (
    BackgroundJob,
    CancelledError,
    DmpError,
    FrameStatus,
    InputError,
    Layers,
    Notice,
    Progress,
)

from . import NAME, farm, knobs, output, prepare, results, states
from .node import all_nodes
from .render import runs

POLL = 0.5  # seconds
TO_SOLVE = (FrameStatus.MISSING, FrameStatus.STALE)
TAKEN = "?"  # what --frames gives where Nuke has taken its range away


def main(arguments: Sequence[str]) -> int:
    """The command; returns its exit code (docs/artist/nuke.md)."""
    options = _parser().parse_args(list(arguments))
    try:
        _run(options)
    except DmpError as error:
        print(f"DMP: {error}", file=sys.stderr, flush=True)
        return error.exit_code
    return 0


def compute(node: nuke.Group, frames: Sequence[int]) -> int:
    """Solve ``frames`` of a node and show them; returns how many. Blocks, and reports as it goes.

    Raises DmpError; CancelledError after Ctrl-C.
    """
    work = prepare.Work(node, frames)
    done = 0
    try:
        for _ in work.render(by_frame=False):
            pass
        for part in work.parts:
            task = BackgroundJob(
                part.job, part.outputs, files=part.files, states=part.states, ocio=part.ocio
            )
            try:
                while not task.wait(POLL) or not task.done:
                    done += _report(node, task, done, work.frames)
                done += _report(node, task, done, work.frames)
            except KeyboardInterrupt:
                task.cancel()
                task.wait()
                raise CancelledError(
                    f"Cancelled; {done} of {work.frames} frames are done."
                ) from None
            task.result()
        results.show(node, work.files, work.views)
        done_line = f"Done: {done} frames in a batch."
        if work.shared_views:
            nuke.tprint(f"{NAME}: {node.fullName()}: {work.shared_views}")
            done_line = f"{done_line} {work.shared_views}"
        results.show_status(node, done_line)
    finally:
        work.clean()
    return done


def _run(options: argparse.Namespace) -> None:
    try:
        nuke.scriptOpen(options.script)
    except (OSError, RuntimeError) as reason:
        raise InputError(f"The script {options.script} cannot be opened: {reason}.") from None
    if options.plates:
        nodes, frames = _chosen(options.node), _range(options.frames)
        if not options.again:
            farm.check_folder(options.plates)
        for node in nodes:
            _check_others(node, frames or knobs.whole_range(node), options)
        listed = farm.write_shots(nodes, options.plates, frames)
        nuke.tprint(f"{NAME}: wrote {listed}; solve it with `dmp batch`.")
        return
    for node in _chosen(options.node, may_be_none=bool(options.render)):
        if options.render and not node["compute_missing"].value():
            continue
        frames = _range(options.frames) or knobs.whole_range(node)
        only = (FrameStatus.MISSING,) if options.missing else TO_SOLVE
        left = frames if options.again else states.choose(node, frames, only)
        _check_others(node, left, options)
        if left:
            nuke.tprint(f"DMP: {node.fullName()}: {len(left)} frames to solve.")
            compute(node, left)
        else:
            results.show(node, output.sequence(node), prepare.wanted_views(node))
            nuke.tprint(f"DMP: {node.fullName()}: all {len(frames)} frames are there.")
    if options.save:
        nuke.scriptSaveAs(options.save, 1)
    if options.render:
        _render(options.render, _range(options.frames))


def _check_others(node: nuke.Group, frames: Sequence[int], options: argparse.Namespace) -> None:
    """InputError where EXRs of something else would be replaced, unless --again allows it."""
    if options.again:
        return
    others = states.others_frames(node, frames)
    if others:
        raise InputError(
            f"{node.fullName()}: {others} Give the node another output, or add --again."
        )


def _render(name: str, frames: List[int]) -> None:
    write = nuke.toNode(name)
    if write is None:
        raise InputError(f"The script has no node '{name}' to render.")
    frames = frames or list(range(write.firstFrame(), write.lastFrame() + 1))
    for first, last in runs(frames):
        try:
            nuke.execute(write, first, last, 1)
        except RuntimeError as reason:
            raise InputError(f"{name} cannot be rendered: {reason}.") from None


def _chosen(names: Optional[List[str]], may_be_none: bool = False) -> List[nuke.Group]:
    found = all_nodes()
    if not found and not may_be_none:
        raise InputError(f"The script has no {NAME} node.")
    for name in names or []:
        if name not in [node.fullName() for node in found]:
            raise InputError(f"The script has no {NAME} node '{name}'.")
    chosen = [node for node in found if not names or node.fullName() in names]
    for node in filter(results.is_older, chosen):
        raise InputError(
            f"{node.fullName()} is of DMP 0.1.0 and shows another frame's matte where one is "
            f"missing; open the script, press {NAME} > Update nodes, and save it."
        )
    return chosen


def _range(text: str) -> List[int]:
    """``1001-1100x10,1120`` as a list of frames; empty text is the empty list."""
    if not text:
        return []
    if text == TAKEN:
        raise InputError(
            "--frames has no range: Nuke takes one at the end of the command for itself; "
            "write --frames=1001-1100."
        )
    try:
        return knobs.frames_of(text)
    except InputError:
        raise InputError(f"--frames takes a range such as 1001-1100, not '{text}'.") from None


def _report(node: nuke.Group, task: BackgroundJob, done: int, frames: int) -> int:
    """Print what is new; how many frames were finished."""
    finished = 0
    for event in task.poll():
        if isinstance(event, Layers):
            finished += 1
            nuke.tprint(f"DMP: {node.fullName()}: {event.path} ({done + finished} of {frames})")
            for warning in event.warnings:
                nuke.tprint(f"DMP: {node.fullName()}: warning: {warning}")
        elif isinstance(event, Notice):
            nuke.tprint(f"DMP: {event}")
        elif isinstance(event, Progress) and event.step == 0:
            nuke.tprint(f"DMP: {node.fullName()}: frame {event.frame}: {event.stage.called}")
    return finished


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        "dmp_batch.py", description=f"Mattes of a script's {NAME} nodes."
    )
    parser.add_argument("script", help="the .nk file")
    parser.add_argument("--node", action="append", help="only this node; may be repeated")
    parser.add_argument(
        "--frames", nargs="?", default="", const=TAKEN, help="=1001-1100, or each node's range"
    )
    parser.add_argument("--missing", action="store_true", help="solve no stale frames")
    parser.add_argument(
        "--again",
        action="store_true",
        help="solve frames that are there as well, and replace files of something else",
    )
    parser.add_argument(
        "--plates", default="", help="only write the plates and a list of shots into this folder"
    )
    parser.add_argument("--save", default="", help="save the script, with its results, as this")
    parser.add_argument("--render", default="", help="render this Write afterwards")
    return parser
