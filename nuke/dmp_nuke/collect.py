"""What the open script would publish: a shot for each view of each DMP node.

Plates that the node reads straight from EXR files are published from those files. Where an input
is anything else (another format, a colour space that Nuke converts, a node that changes pixels, a
shift in time), all of the node's inputs are rendered first, as its Matte buttons do.
"""

from __future__ import annotations

import atexit
import os
import re
import shutil
from pathlib import Path
from typing import Any, Callable, Dict, List, Mapping, Optional, Sequence, Tuple

import nuke

from dmp_matting.hosts import (
    CancelledError,
    DmpError,
    InputError,
    OutputError,
    PublishRequest,
    Role,
    SettingsError,
    Shot,
    unfollowed,
    write_plate_record,
)

from . import NAME, colour, knobs, output, prepare, render, rendered, temporary
from .node import INPUTS, all_nodes
from .rendered import Record
from .sources import Sources, file_of
from .steps import Working

VERSION = re.compile(r"[._-]v\d+$", re.IGNORECASE)

Files = Dict[str, Dict[Role, str]]  # patterns or stills, by view and role


class Plates:
    """Where plates go that have to be rendered. ``folder`` is called before that."""

    def __init__(self, folder: Callable[[], Path]) -> None:
        self.folder = folder

    def find(self, record: Record) -> Optional[Files]:
        """The files of plates that were rendered before and are what ``record`` describes."""
        return None

    def keep(self, record: Record, files: Files) -> None:
        """They are rendered."""


class _Kept(Plates):
    """In a temporary folder, until Nuke ends or the node is collected after a change.

    A pyblish window collects each time that it is opened or refreshed.
    """

    def __init__(self) -> None:
        super().__init__(self._new_folder)
        self.counts = False  # the last collection took plates from it
        self._made: Optional[Tuple[Record, Files]] = None
        self._place = Path()

    def _new_folder(self) -> Path:
        self.remove()
        self._place = temporary.new_folder()
        return self._place

    def find(self, record: Record) -> Optional[Files]:
        there = self._made is not None and self._made[0] == record and self._place.is_dir()
        self.counts = there
        return self._made[1] if self._made is not None and there else None

    def keep(self, record: Record, files: Files) -> None:
        self._made, self.counts = (record, files), True

    def remove(self) -> None:
        """Never fails."""
        if self._place != Path():
            shutil.rmtree(self._place, ignore_errors=True)
        self._made = None


_kept: Dict[str, _Kept] = {}  # by the node's full name


def chosen_nodes() -> List[nuke.Group]:
    """The DMP nodes that are selected, else all of the script."""
    found = all_nodes()
    return [node for node in found if node.isSelected()] or found


def default_folder() -> str:
    """``publish`` beside the script, or what $DMP_PUBLISH_TO names; "" for an unsaved script."""
    named = os.environ.get("DMP_PUBLISH_TO", "")
    script = _script()
    beside = f"{os.path.dirname(script)}/publish" if script else ""
    return named.replace("\\", "/") or beside


def default_names(nodes: Sequence[nuke.Group]) -> Dict[str, str]:
    """Each node's shot by its full name: the script's name without version, and the node's name
    where the script has several.
    """
    script = VERSION.sub("", os.path.splitext(os.path.basename(_script()))[0])
    alone = len(all_nodes()) == 1
    found = {}
    for node in nodes:
        own = node.fullName().replace(".", "_")
        parts = [script] if script and alone else [script, own]
        found[node.fullName()] = "_".join(filter(None, parts))
    return found


def collecting(
    nodes: Optional[Sequence[nuke.Group]] = None,
    to: str = "",
    names: Optional[Mapping[str, str]] = None,
    version: int = 0,
) -> Working[PublishRequest]:
    """The script's shots. What keeps a node from being published goes into the request's trouble.

    ``names`` by the nodes' full names. Renders what has to be rendered, as :func:`shots_of`, and
    what the last collection rendered only where something has changed since; CancelledError.
    """
    nodes = chosen_nodes() if nodes is None else nodes
    named, own = {**default_names(nodes), **(names or {})}, names_of(nodes)
    shots: List[Shot] = []
    trouble = (
        [] if nodes else [f"The script has no {NAME} node; make one with Nodes > Keyer > {NAME}."]
    )
    for node, full_name in zip(nodes, own):
        _check_there(node, full_name)
        try:
            shots += yield from _shots_of(node, named[full_name])
        except InputError as error:
            trouble.append(_about(node, error))
    source = {
        "host": f"Nuke {nuke.NUKE_VERSION_STRING}",
        "scene": _script(),
        "nodes": ", ".join(own),
        "rendered": ", ".join(name for name in own if name in _kept and _kept[name].counts),
    }
    return PublishRequest(
        tuple(shots), to or default_folder(), version, tuple(trouble), source=source
    )


@atexit.register
def forget_plates() -> None:
    """Remove the plates that were rendered. Never fails."""
    while _kept:
        _kept.popitem()[1].remove()


def _shots_of(node: nuke.Group, name: str) -> Working[List[Shot]]:
    """One shot a view, for a publish. InputError and its kin."""
    plates = _kept.setdefault(node.fullName(), _Kept())
    plates.counts = False
    frames = knobs.whole_range(node)
    shots = yield from shots_of(
        node, name, frames, plates, lambda _, shot: f"{shot}.####.exr", by_frame=True
    )
    return shots


def shots_of(
    node: nuke.Group,
    name: str,
    frames: Sequence[int],
    place: Plates,
    mattes: Callable[[str, str], str],
    by_frame: bool,
) -> Working[List[Shot]]:
    """One shot a view of a node, for what runs without Nuke.

    With the neighbours that the frames are solved with. ``place``: of plates that have to be
    rendered; ``mattes`` gives the pattern of a view and its shot. Yields before and after each step
    of the rendering: a frame, so that Nuke is free between two, or a whole range. InputError and
    its kin, OutputError, CancelledError.
    """
    knobs.follow_range(node)
    chosen = knobs.settings_of(node, frames)
    space = knobs.colour_space(node)
    if not space:
        raise SettingsError("Name the plates' colour space beside Colour, or choose another one.")
    if knobs.keeps_space(node) and colour.configuration() is not None:
        raise SettingsError(
            f"{node.name()} names a colour space of the script's own OCIO configuration, which is "
            "only known here; set $OCIO to it for the whole facility, or Colour to scene-linear."
        )
    for index, (role, _, called) in enumerate(INPUTS):
        if not role.is_matte and node.input(index) is None:
            raise InputError(f"Connect the {called} input of {node.name()}.")
    views = prepare.chosen_views(node)
    sources = Sources(node)
    around = prepare.Windows(node, views, sources, chosen).needed(frames)
    files = _files(node, around, views)
    if files is None:
        named = {view: [sources.frame(one, view, space) for one in around] for view in views}
        record = rendered.record_of(node, named, sources.states())  # what comes later is another
        files = place.find(record)
        if files is None:
            plates = render.Plates(node, around, views, place.folder(), space)
            files = yield from _render(node, plates, sources, record, by_frame)
            place.keep(record, files)
    shots = []
    for view in views:
        own = name if len(views) == 1 else f"{name}_{view}"
        given: Dict[str, Any] = {role.value: path for role, path in files[view].items()}
        shot = Shot(
            own,
            output=mattes(view, own),
            frames=tuple(frames),
            around=around,
            space=space,
            layer=knobs.layer(node),
            **chosen._asdict(),
            **given,
        )
        shots.append(unfollowed(shot))  # as in the node's own mattes
    return shots


def _files(node: nuke.Group, frames: Sequence[int], views: Tuple[str, ...]) -> Optional[Files]:
    """The files behind the node's inputs; None where one of them is not just a file."""
    found: Files = {view: {} for view in views}
    for index, (role, _, _) in enumerate(INPUTS):
        source = node.input(index)
        if source is None:
            continue
        pattern = file_of(node, source, frames, role)
        if not pattern:
            return None
        sequence = output.Sequence(pattern)
        for view in views:
            found[view][role] = sequence.of_view(view)
    return found


def _render(
    node: nuke.Group,
    plates: render.Plates,
    sources: Sources,
    record: Record,
    by_frame: bool,
) -> Working[Files]:
    """All inputs as EXR plates, with the record of what they were made from."""
    name, done = node.name(), 0
    yield f"Rendering the inputs of {name}.", 0
    _check_there(node, name)
    for count in plates.render(by_frame):
        done += count
        line = f"Rendering the inputs of {name}: {done} of {plates.count}."
        yield line, 100 * done // plates.count
        _check_there(node, name)
    if Sources(node).digests() != sources.digests():
        raise InputError(
            f"The nodes above {name} were changed while its inputs were rendered; do it again."
        )
    try:
        write_plate_record(plates.folder, record)
    except OSError as reason:
        raise OutputError(f"{plates.folder} cannot be written ({reason.strerror}).") from None
    frames = plates.by_view()
    found: Files = {view: {} for view in frames}
    for view in frames:
        for plate in frames[view][0].plates:
            pattern = f"{plates.folder.as_posix()}/{plate.role.value}.{view}.####.exr"
            alone = {frame.plate(plate.role) for frame in frames[view]} == {plate}
            found[view][plate.role] = plate.path if alone else pattern
    return found


def _check_there(node: nuke.Group, name: str) -> None:
    """CancelledError when the node was deleted between two steps, perhaps with its script."""
    try:
        node.name()
    except ValueError:
        raise CancelledError(f"{name} was deleted while its inputs were rendered.") from None


def _about(node: nuke.Group, error: DmpError) -> str:
    """The sentence with the node's name in it."""
    sentence = str(error)
    return sentence if node.name() in sentence else f"{node.fullName()}: {sentence}"


def names_of(nodes: Sequence[nuke.Group]) -> List[str]:
    """The nodes' full names."""
    return [node.fullName() for node in nodes]


def script_stem() -> str:
    """The saved script's path without version and suffix."""
    return VERSION.sub("", os.path.splitext(_script())[0])


def _script() -> str:
    """The saved script's path; "" before it is saved."""
    name = str(nuke.root().name()).replace("\\", "/")
    return name if os.path.isabs(name) else ""
