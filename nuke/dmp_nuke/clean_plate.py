"""*Build clean plate*: of the plate's own frames, where the subject moves and none was shot.

The plate's EXRs are read as they are, or else some of its frames are rendered first. What is made
lies beside the node's versions of mattes, in versions of its own, and becomes a Read that is
connected: it holds a map of what no frame shows, which the solve takes as unknown.
"""

from __future__ import annotations

import os
import shutil
from functools import partial
from typing import List, NamedTuple, Sequence

import nuke

from dmp_matting.hosts import (
    CancelledError,
    CleanPlateReport,
    CleanPlateStep,
    InputError,
    OutputError,
    Role,
    SettingsError,
    building_clean_plate,
    frames_to_look_at,
    mapped,
    new_clean_plate,
)

from . import NAME, colour, knobs, output, prepare, rendered, results, steps, temporary
from .node import INPUTS
from .render import Plates
from .results import Severity
from .sources import Sources
from .steps import Step, Working

CLEAN = next(index for index, (role, _, _) in enumerate(INPUTS) if role is Role.CLEAN)
CANCELLED = "Cancelled; no clean plate was written."
RENDERING = 0.2  # share of the bar for rendering frames, where some are rendered


class Built(NamedTuple):
    """The file, or the pattern for several views, and what it was made of, a report a view."""

    path: str
    reports: Sequence[CleanPlateReport]


def press(node: nuke.Group) -> None:
    """Ask where a clean plate is connected already, then build one. DmpError."""
    before = _connected(node)
    if before and not nuke.ask(
        f"{before} is connected as the clean plate. Build one of the plate's own frames, and "
        "connect that?"
    ):
        return
    title = f"{NAME}: clean plate of {node.name()}"
    ended, failed = partial(_connect, node, before), partial(results.show_failure, node)
    if steps.run(title, _building(node), ended, failed, node, CANCELLED) is not None:
        results.show_status(node, "Building the clean plate.")


def _building(node: nuke.Group) -> Working[Built]:
    """The file, or files; yields how far it is, between two frames and while the engine works."""
    space, views = knobs.colour_space(node), prepare.chosen_views(node)
    if not space:
        raise SettingsError("Name the plates' colour space beside Colour, or choose another one.")
    source = node.input(0)
    if source is None:
        raise InputError(f"Connect the plate input of {node.name()}.")
    knobs.number_as_printf(node)
    files = output.sequence(node)
    output.ready_folders(files, views)
    sources = Sources(node)
    ends = source.frameRange()
    numbers = [
        number
        for number in range(int(ends.first()), int(ends.last()) + 1)
        if sources.has_plate(Role.IMAGE, number, views)
    ]
    chosen = frames_to_look_at(numbers, f"The plate of {node.name()}")
    ocio = colour.configuration() if knobs.keeps_space(node) else None
    folder = temporary.new_folder()
    try:
        plates = Plates(node, chosen, views, folder, space, sources, [Role.IMAGE])
        share = RENDERING if plates.count else 0.0
        done = 0
        if plates.count:
            yield "Rendering the plate.", 0
        for count in plates.render(by_frame=True):
            done += count
            line = f"Rendering the plate: {done} of {plates.count}."
            yield line, int(100 * share * done / plates.count)
            _check_there(node)
        if done and Sources(node).digests()[Role.IMAGE] != sources.digests()[Role.IMAGE]:
            raise InputError(
                f"The nodes above {node.name()} were changed while its plate was rendered; press "
                "Build clean plate again."
            )
        several = len(nuke.views()) > 1  # a Read takes the file of the view that is asked for
        reports: List[CleanPlateReport] = []
        with new_clean_plate(_place(files), rendered.shot_name(node)) as version:
            for index, (view, frames) in enumerate(plates.by_view().items()):
                found = (frame.plate(Role.IMAGE) for frame in frames)
                path = version.path(view if several else "")
                building = building_clean_plate(
                    [one for one in found if one is not None],
                    path, sources.names(chosen[0], view)[Role.IMAGE], ocio=ocio,
                )  # fmt: skip
                first, last = (share + (1 - share) * at / len(views) for at in (index, index + 1))
                reports.append((yield from mapped(building, partial(_shown, first, last))))
                _check_there(node)
            pattern = version.path(output.VIEW if several else "")
            return Built(pattern.replace("\\", "/"), reports)
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _shown(first: float, last: float, step: CleanPlateStep) -> Step:
    """A step of the engine in its part of the bar."""
    return f"{step.sentence}.", int(100 * (first + (last - first) * step.fraction))


def _place(files: output.Sequence) -> str:
    """The folder around the versions and views of the mattes."""
    folder = os.path.dirname(files.pattern)
    while (
        output.VIEW in folder
        or output.SHORT_VIEW in folder
        or output.VERSION.fullmatch(os.path.basename(folder))
    ):
        folder = os.path.dirname(folder)
    if not os.access(folder, os.W_OK):
        raise OutputError(f"The folder {folder} of the clean plate is not writable.")
    return folder


def _connect(node: nuke.Group, before: str, built: Built) -> None:
    """Put a Read of what was built above the node, unless something was connected meanwhile."""
    try:
        node.name()
    except ValueError:
        return  # it was deleted just now; the file is there
    whole = all(one.is_whole for one in built.reports)
    worst = max(built.reports, key=lambda one: (one.unseen, len(one.left_out)))
    severity = Severity.INFO if whole else Severity.WARNING
    made = f"The clean plate was made {worst}"
    if _connected(node) != before:
        results.show_status(
            node, f"{made} It is {built.path}; another one is connected by now.", severity
        )
        return
    nuke.Undo.begin("Build clean plate")
    try:
        with node.parent():
            read = nuke.nodes.Read(file=built.path)
        read["raw"].setValue(True)  # the values of the plate
        read.setXYpos(node.xpos() - 150, node.ypos() - 150)
        node.setInput(CLEAN, read)
    finally:
        nuke.Undo.end()
    results.show_status(node, f"{made} It is {built.path}.", severity)


def _connected(node: nuke.Group) -> str:
    """The full name of the node that is the clean plate; "" where none is."""
    found = node.input(CLEAN)
    return "" if found is None else str(found.fullName())


def _check_there(node: nuke.Group) -> None:
    """CancelledError when the node was deleted between two steps, perhaps with its script."""
    try:
        node.name()
    except ValueError:
        raise CancelledError("The node was deleted while its clean plate was built.") from None
