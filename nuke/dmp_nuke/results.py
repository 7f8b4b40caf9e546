"""Which EXRs a node shows, and its status line.

The internal Read takes its path from the output knob, so that a saved script renders what is on
disk on any machine, without DMP, whoever solved it. Frames that are not there follow the knob
*Missing frames*. A node of an older version has a knob ``has_result`` instead, and its Read is
pointed at the files here.
"""

from __future__ import annotations

from contextlib import contextmanager
from enum import Enum
from typing import Any, Container, Dict, Iterator, List, Tuple, cast

import nuke

from dmp_matting.hosts import CancelledError, DmpError, InputError, OutputError

from .node import OLDER_LABEL, each_node, inner
from .output import Sequence, named_views, sequence

OLDER = (
    "This node is of DMP 0.1.0: it shows another frame's matte where one is missing. "
    "DMP Matte > Update nodes fixes that."
)


class Severity(Enum):
    """How the node's tile shows a status. The value is the tile's colour, None the artist's own."""

    INFO = None
    WARNING = 0xC88A00FF
    ERROR = 0xB02020FF


def check_alone(node: nuke.Group, files: Sequence) -> None:
    """InputError when another DMP node writes the same files, as a copied node would."""
    own = files.places(named_views(node))
    for other in each_node():
        if other.fullName() == node.fullName():
            continue
        try:
            same = not own.isdisjoint(sequence(other).places(named_views(other)))
        except OutputError:
            continue  # it writes nothing
        if same:
            raise InputError(
                f"{other.fullName()} writes the same files as {node.fullName()}; "
                "give one of them another output."
            )


def show(node: nuke.Group, files: Sequence, views: Tuple[str, ...]) -> List[int]:
    """Read the EXRs again that are on disk; returns their frames."""
    frames = sorted({number for view in views for number in files.on_disk(view)})
    read = inner(node, "result")
    if frames:
        if is_older(node):
            read["file"].setValue(files.pattern)
            for name, value in (("first", frames[0]), ("last", frames[-1])):
                read[name].setValue(value)
                read[f"orig{name}"].setValue(value)
            read["origset"].setValue(True)
        _reload(read)
    if is_older(node):
        node["has_result"].setValue(bool(frames))
    return frames


def is_older(node: nuke.Group) -> bool:
    """True for a saved node of version 0.1.0, which shows the plate until a knob is set."""
    return node.knob("has_result") is not None


def enable(node: nuke.Group) -> None:
    """Take back what Clear did."""
    if node["disable"].value():
        node["disable"].setValue(False)


def show_preview(node: nuke.Group, path: str, frame: int = 1) -> None:
    """Show a PNG in place of the result at one frame; "" ends that."""
    read = inner(node, "preview")
    values: Dict[str, Any] = {"file": path}
    if path:
        values.update(dict.fromkeys(("first", "last", "origfirst", "origlast"), frame))
    for name, value in values.items():
        if read[name].value() != value:
            read[name].setValue(value)
    if path:  # another picture in the same file
        _reload(read)


def reload(node: nuke.Group) -> None:
    """Let the node show the EXRs as they are on disk by now."""
    _reload(inner(node, "result"))


def _reload(read: nuke.Node) -> None:
    cast(nuke.Script_Knob, read["reload"]).execute()


def show_status(node: nuke.Group, sentence: str, severity: Severity = Severity.INFO) -> None:
    """The status line, and the tile in red or amber; the artist's own colour comes back."""
    with without_undo():
        if node["status"].value() != sentence:
            node["status"].setValue(sentence)
        tile, before = node["tile_color"], node["tile_before"]
        if severity.value is not None:
            if not before.value():
                before.setValue(str(int(tile.value())))
            tile.setValue(severity.value)
        elif before.value():
            tile.setValue(int(before.value()))
            before.setValue("")


def show_failure(node: nuke.Group, error: DmpError) -> None:
    """What ended a job of steps, where a message may be shown; the node may be gone by now."""
    try:
        node.name()
    except ValueError:
        return
    if isinstance(error, CancelledError):
        show_status(node, str(error))
    else:
        show_status(node, str(error), Severity.ERROR)
        nuke.message(str(error))


def forget_ended_jobs(running: Container[str] = ()) -> None:
    """After a script was opened: end what an earlier session left running. Sets knobs only."""
    with without_undo():
        for node in each_node():
            if node["job"].value() and node["job"].value() not in running:
                node["job"].setValue("")
                show_preview(node, "")
                show_status(
                    node, "The script was closed while this was solving; press Matte again."
                )


def warn_of_older_nodes() -> None:
    """After a script was opened: on the tile of a node of version 0.1.0, what it does wrong.

    Its Read shows another frame's matte where one is missing, in every render. Sets knobs only.
    """
    with without_undo():
        for node in filter(is_older, each_node()):
            if not node["label"].value():
                node["label"].setValue(OLDER_LABEL)
            show_status(node, OLDER, Severity.WARNING)


@contextmanager
def without_undo() -> Iterator[None]:
    """Changes by a running job are no undo steps of the artist's."""
    nuke.Undo.disable()
    try:
        yield
    finally:
        nuke.Undo.enable()
