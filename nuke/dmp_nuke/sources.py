"""What an input's pixels come from: the names of the plates in a job, and the files behind them.

A plate is rendered into a temporary folder, whose path says nothing. The job, and with it the
header of each result, names what the plate was made from instead: the EXR that a Read hands on
unchanged, as the command line names it, or else the first file with the input's role, the frame
and a digest of all nodes above. Where one of these takes frames from elsewhere in time, nobody but
Nuke knows which: there the digest is of all files of the sequences too. The same names come out in
every session, so that a result is recognised as solved, as stale, or as another shot's.
"""

from __future__ import annotations

import contextlib
import functools
import hashlib
import os
import re
from typing import Dict, Iterable, Iterator, Optional, Sequence, Tuple

import nuke

from dmp_matting.hosts import (
    FileStates,
    Frame,
    InputError,
    OutputError,
    Plate,
    Role,
    may_hold_views,
)

from . import above, colour, knobs, output
from .above import is_shifted, value_of
from .node import INPUTS

MAIN = "main"  # Nuke's own name for the view of a script that has one
PASS_ON = ("Dot", "NoOp")  # nodes that change nothing
NEAREST = "nearest frame"  # what a Read may give where a file is missing


class Sources:
    """The inputs of a DMP node as they are connected now; make a new one after a change.

    InputError for a Read whose path another shot may resolve to another file: no name would say
    which of them a matte was made from.
    """

    def __init__(self, node: nuke.Group) -> None:
        self._node, self._inputs = node, _inputs(node)
        self._above = _Above(node, self._inputs)
        self._read_names = {role: above.readers(one) for role, one in self._inputs.items()}
        self._in_time = {role: above.takes_other_frames(one) for role, one in self._inputs.items()}
        for read, knob in (pair for role in self._inputs for pair in self._reads(role)):
            scoped = output.SCOPED.search(str(read[knob].value()))
            if scoped:
                raise InputError(
                    f"{read.fullName()} reads a path with the graph scope variable {scoped[0]}; "
                    "DMP mattes one shot: write out its value there."
                )
        self._sequences: Dict[Tuple[Role, str], str] = {}  # digests, by input and view
        self._exists = functools.lru_cache(maxsize=None)(os.path.exists)
        self._on_disk = functools.lru_cache(maxsize=None)(
            lambda pattern, view: output.Sequence(pattern).on_disk(view)
        )
        self._made_of: Dict[str, Tuple[str, ...]] = {}  # the files, by a plate's name in a job

    def digests(self) -> Dict[Role, str]:
        """What changes with any knob above an input, as it was when this was made."""
        return dict(self._above.whole)

    def names(self, number: int, view: str) -> Dict[Role, str]:
        """What the plates of a frame are called in a job and in its result's header."""
        return {role: self._name(role, number, view) for role in self._inputs}

    def frame(self, number: int, view: str, space: str) -> Frame:
        """The plates of a frame as a job has them; ``space`` is that of the pictures."""
        plates = []
        for role, name in self.names(number, view).items():
            self._made_of[name] = self._files(role, number, view)
            kept = role is Role.IMAGE and knobs.keeps_space(self._node)
            space_of, layer = ("raw", "") if role.is_matte else (space, knobs.layer(self._node))
            plates.append(Plate(name, role, space_of, layer, keeps_space=kept))
        return Frame(number, tuple(plates))

    def states(self) -> FileStates:
        """The files behind the plates of all frames that :meth:`frame` has returned."""
        config = colour.configuration() if knobs.keeps_space(self._node) else None
        return FileStates(lambda plate: self._made_of[plate.path], config)

    def common_range(self) -> Iterable[int]:
        """The frames of the plate at which no other input repeats its first or last frame."""
        ends = {role: source.frameRange() for role, source in self._inputs.items()}
        image = ends.get(Role.IMAGE)
        if image is None:
            return ()
        first, last = int(image.first()), int(image.last())
        for role, one in ends.items():
            if one.first() != one.last() and not is_still(self._node, role):
                first, last = max(first, int(one.first())), min(last, int(one.last()))
        return range(first, last + 1)

    def is_there(self, number: int, views: Sequence[str]) -> bool:
        """False where a file is missing of which a plate consists, or that it is rendered from.

        Of several Reads above an input nobody but Nuke knows which count at a frame.
        """
        return all(self.has_plate(role, number, views) for role in self._inputs)

    def has_plate(self, role: Role, number: int, views: Sequence[str]) -> bool:
        """As :meth:`is_there`, of one input."""
        at = number_at(self._node, role, number)
        return all(self._has_file(role, at, view) for view in views)

    def _has_file(self, role: Role, number: int, view: str) -> bool:
        direct = self.direct(role, number, view)
        if direct:
            return self._exists(direct)
        reads = list(self._reads(role))
        if len(reads) != 1 or reads[0][0].Class() != "Read" or self._in_time[role]:
            return True
        read, knob = reads[0]
        inside = read["first"].value() <= number <= read["last"].value()
        pattern = _pattern_of(read, knob)
        if not inside or not self._on_disk(pattern, view):  # repeated, or named by other rules
            return True
        return self._exists(output.Sequence(pattern).path(number, view))

    def _files(self, role: Role, number: int, view: str) -> Tuple[str, ...]:
        """The files that a plate is made from, as far as Nuke's Reads name them."""
        direct = self.direct(role, number, view)
        if direct:
            return (direct,)
        number = number_at(self._node, role, number)
        return tuple(_file_at(*pair, number, view) for pair in self._reads(role))

    def _name(self, role: Role, number: int, view: str) -> str:
        direct = self.direct(role, number, view)
        if direct and not role.is_matte:
            return direct
        number = number_at(self._node, role, number)
        pair = next(self._reads(role), None)
        file = "Nuke" if pair is None else _file_at(*pair, number, view)
        if view != MAIN:  # one file may hold several views
            file = f"{file}, view {view}"
        is_moved = self._in_time[role] or self._takes_another(role, number, view)
        nodes = self._sequence_digest(role, view) if is_moved else self._above.nodes[role]
        nodes = above.with_values(nodes, self._above.linked[role], [number], view)
        return f"{file} ({role.called}, frame {number}, nodes {nodes}).exr"

    def _takes_another(self, role: Role, number: int, view: str) -> bool:
        """Whether a Read gives the picture of a file at a frame of which only Nuke knows which."""
        for read, knob in self._reads(role):
            if read.Class() != "Read":
                continue
            ways = [read["before"].value()] if number < int(read["first"].value()) else []
            ways += [read["after"].value()] if number > int(read["last"].value()) else []
            if any(one in ("loop", "bounce") for one in ways):
                return True
            file = _file_at(read, knob, number, view)
            if read["on_error"].value() == NEAREST and not self._exists(file):
                return True
        return False

    def _sequence_digest(self, role: Role, view: str) -> str:
        """As the digest of the nodes; changes with every file of their sequences as well."""
        if (role, view) not in self._sequences:
            digest = hashlib.sha256(self._above.nodes[role].encode())
            for pair in self._reads(role):
                pattern = _pattern_of(*pair)
                files = output.Sequence(pattern)
                for number in self._on_disk(pattern, view):
                    with contextlib.suppress(OSError):  # deleted just now
                        found = os.stat(files.path(number, view))
                        line = f"{number} {found.st_size} {found.st_mtime_ns}\n"
                        digest.update(line.encode())
            self._sequences[role, view] = digest.hexdigest()[:8]
        return self._sequences[role, view]

    def direct(self, role: Role, number: int, view: str) -> str:
        """The EXR that the input hands on unchanged; "" where it is not just a file."""
        text = file_of(self._node, self._inputs[role], [number], role)
        at = number_at(self._node, role, number)
        return output.Sequence(text).path(at, view) if text else ""

    def _reads(self, role: Role) -> Iterator[Tuple[nuke.Node, str]]:
        """Each node that reads files, with the knob that names them."""
        for name, knob in self._read_names[role]:
            found = nuke.toNode(f"root.{name}")
            if found is not None:
                yield found, knob


def digest_above(node: nuke.Group) -> str:
    """A digest that changes with any knob and any connection above the node; of no file."""
    found = _Above(node, _inputs(node)).whole
    lines = (f"{role.value} {digest}" for role, digest in found.items())
    return hashlib.sha256("\n".join(lines).encode()).hexdigest()[:8]


class _Above:
    """The nodes above each input, as they are when this is made."""

    def __init__(self, node: nuke.Group, inputs: Dict[Role, nuke.Node]) -> None:
        numbers, view = knobs.some_of_range(node), nuke.views()[0]
        self.nodes = {role: above.digest_of(one) for role, one in inputs.items()}
        self.linked = {role: above.linked(one) for role, one in inputs.items()}
        # With the values that expressions have all over the range.
        self.whole = {
            role: above.with_values(digest, self.linked[role], numbers, view)
            for role, digest in self.nodes.items()
        }


def _inputs(node: nuke.Group) -> Dict[Role, nuke.Node]:
    """What is connected to a DMP node, by its role."""
    found = {role: node.input(index) for index, (role, _, _) in enumerate(INPUTS)}
    return {role: source for role, source in found.items() if source is not None}


def is_still(node: nuke.Group, role: Role) -> bool:
    """True for a clean plate of which one frame serves all."""
    return role is Role.CLEAN and bool(node["clean_still"].value())


def number_at(node: nuke.Group, role: Role, number: int) -> int:
    """The frame of the input that belongs to a frame of the plate: a still's is the range's first.

    One rule for whoever renders, names or publishes the plates.
    """
    return int(node["first"].value()) if is_still(node, role) else number


def file_of(node: nuke.Group, source: nuke.Node, frames: Sequence[int], role: Role) -> str:
    """The EXR or the pattern that ``source`` hands on unchanged; "" where it does more.

    ``frames``: those of the plate, ascending. A view's place stays open in the path. A layer that
    the artist names is rendered: Nuke may spell it in another way than the file.
    """
    if knobs.layer(node) and not role.is_matte:
        return ""
    read: Optional[nuke.Node] = source
    while read is not None and read.Class() in PASS_ON:  # disabled or not, they change nothing
        read = read.input(0)
    if read is None or read.Class() != "Read" or value_of(read, "disable", False):
        return ""
    text = output.as_opened(str(read["file"].value()).replace("\\", "/"))
    if "[" in text or not os.path.isabs(text) or not text.lower().endswith(".exr"):
        return ""
    if not read["raw"].value() and not colour.is_working_space(
        _knob_text(read, "colorspace", "linear")
    ):
        return ""
    if is_shifted(read) or value_of(read, "premultiplied", False):
        return ""
    pattern = _unshifted(node, read, text, frames, role)
    views = nuke.views()
    if pattern and views != [MAIN] and output.VIEW not in text and output.SHORT_VIEW not in text:
        files = {output.Sequence(pattern).at(number_at(node, role, one)) for one in frames}
        if any(_holds_views(file, tuple(views)) for file in files):
            return ""  # Nuke takes the picture of the view that is asked for
    return pattern


def _unshifted(
    node: nuke.Group, read: nuke.Node, text: str, frames: Sequence[int], role: Role
) -> str:
    """What ``text`` is at the frames, where the Read repeats none of a sequence; else ""."""
    if not output.NUMBER.search(os.path.basename(text)):
        return text  # a still
    first, last = int(read["first"].value()), int(read["last"].value())
    held = all(read[name].value() == "hold" for name in ("before", "after"))
    wanted = [number_at(node, role, number) for number in (frames[0], frames[-1])]
    inside = first <= wanted[0] and wanted[1] <= last
    if is_still(node, role) and (inside or held) or first == last and held:
        return output.Sequence(text).at(min(max(wanted[0], first), last))
    # Outside its range the Read repeats a frame; a file may be there all the same.
    return text if inside else ""


def _holds_views(file: str, views: Tuple[str, ...]) -> bool:
    """Whether one of ``views`` may have a picture of its own in the EXR."""
    try:
        found = os.stat(file)
    except OSError:
        return False
    return _look_for_views(file, views, found.st_size, found.st_mtime_ns)


@functools.lru_cache(maxsize=10_000)
def _look_for_views(file: str, views: Tuple[str, ...], size: int, changed: int) -> bool:
    return may_hold_views(file, views)


def _knob_text(read: nuke.Node, name: str, otherwise: str) -> str:
    """A knob's value; of ``default (linear)`` what stands in the brackets."""
    knob = read.knob(name)
    if knob is None:
        return otherwise
    text = str(knob.value())
    inside = re.fullmatch(r"default \((.*)\)", text)
    return (inside[1] if inside else text).partition(" ")[0]


def _file_at(read: nuke.Node, knob: str, number: int, view: str) -> str:
    """The file of a frame: outside of its range a Read holds its first or its last one."""
    if read.Class() == "Read":
        number = min(max(number, int(read["first"].value())), int(read["last"].value()))
    return output.Sequence(_pattern_of(read, knob)).path(number, view)


def _pattern_of(read: nuke.Node, knob: str) -> str:
    """What a node reads, its Tcl run; as it is written where that has no value."""
    text = str(read[knob].value()).replace("\\", "/")
    if isinstance(read, nuke.Group) and knobs.is_dmp(read):
        with contextlib.suppress(OutputError):
            return output.sequence(read).pattern
    elif "[" in text or "$" in text:  # evaluate() would put the current frame in as well
        outer = read.parent()
        inside = outer if isinstance(outer, nuke.Group) else contextlib.nullcontext()
        with contextlib.suppress(RuntimeError, ValueError), inside:
            text = str(nuke.tcl("subst", text))
    return output.as_opened(text)
