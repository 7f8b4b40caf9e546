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
    Frame,
    InputError,
    OutputError,
    PublishRequest,
    Role,
    SettingsError,
    Shot,
    finish,
    unfollowed,
)

from . import NAME, colour, knobs, output, prepare, render, rendered, temporary
from .node import INPUTS, all_nodes
from .sources import Sources, file_of
from .steps import Working

VERSION = re.compile(r"[._-]v\d+$", re.IGNORECASE)

_rendered: Dict[str, Path] = {}  # folders of rendered plates, by the node's full name


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


def collect(
    nodes: Optional[Sequence[nuke.Group]] = None,
    to: str = "",
    names: Optional[Mapping[str, str]] = None,
    version: int = 0,
) -> PublishRequest:
    """:func:`collecting`, without a pause."""
    return finish(collecting(nodes, to, names, version, by_frame=False))


def collecting(
    nodes: Optional[Sequence[nuke.Group]] = None,
    to: str = "",
    names: Optional[Mapping[str, str]] = None,
    version: int = 0,
    by_frame: bool = True,
) -> Working[PublishRequest]:
    """The script's shots. What keeps a node from being published goes into the request's trouble.

    ``names`` by the nodes' full names. Renders what has to be rendered, as :func:`shots_of`;
    CancelledError.
    """
    nodes = chosen_nodes() if nodes is None else nodes
    named = {**default_names(nodes), **(names or {})}
    shots: List[Shot] = []
    trouble = (
        [] if nodes else [f"The script has no {NAME} node; make one with Nodes > Keyer > {NAME}."]
    )
    for node in nodes:
        try:
            shots += yield from _shots_of(node, named[node.fullName()], by_frame)
        except InputError as error:
            trouble.append(_about(node, error))
    source = {
        "host": f"Nuke {nuke.NUKE_VERSION_STRING}",
        "scene": _script(),
        "nodes": ", ".join(node.fullName() for node in nodes),
        "rendered": ", ".join(n.fullName() for n in nodes if n.fullName() in _rendered),
    }
    return PublishRequest(
        tuple(shots), to or default_folder(), version, tuple(trouble), source=source
    )


@atexit.register
def forget_plates() -> None:
    """Remove the plates that were rendered. Never fails."""
    while _rendered:
        shutil.rmtree(_rendered.popitem()[1], ignore_errors=True)


def _shots_of(node: nuke.Group, name: str, by_frame: bool) -> Working[List[Shot]]:
    """One shot a view, for a publish. InputError and its kin."""

    def folder() -> Path:
        shutil.rmtree(_rendered.pop(node.fullName(), ""), ignore_errors=True)
        _rendered[node.fullName()] = temporary.new_folder()
        return _rendered[node.fullName()]

    frames = knobs.whole_range(node)
    shots = yield from shots_of(
        node, name, frames, folder, lambda _, shot: f"{shot}.####.exr", by_frame
    )
    return shots


def shots_of(
    node: nuke.Group,
    name: str,
    frames: Sequence[int],
    folder: Callable[[], Path],
    mattes: Callable[[str, str], str],
    by_frame: bool,
) -> Working[List[Shot]]:
    """One shot a view of a node, for what runs without Nuke.

    With the neighbours that the frames are solved with. ``folder`` gives the folder of plates,
    where some have to be rendered; ``mattes`` their pattern for a view and its shot. Yields before
    and after each step of the rendering: a frame, so that Nuke is free between two, or a whole
    range. InputError and its kin, OutputError, CancelledError.
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
        plates = render.Plates(node, around, views, folder(), space)
        files = yield from _render(node, plates, sources, named, by_frame)
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


Files = Dict[str, Dict[Role, str]]  # patterns or stills, by view and role


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
    named: Mapping[str, Sequence[Frame]],
    by_frame: bool,
) -> Working[Files]:
    """All inputs as EXR plates, with the record of what they were made from."""
    name, states, done = node.name(), sources.states(), 0
    for frame in (frame for several in named.values() for frame in several):
        states.look(frame)  # before it is rendered: what comes later is another file
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
        rendered.write_record(plates.folder, node, named, states)
    except OSError as reason:
        raise OutputError(f"{plates.folder} cannot be written ({reason.strerror}).") from None
    frames = plates.by_view()
    found: Files = {view: {} for view in named}
    for view in named:
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


def script_stem() -> str:
    """The saved script's path without version and suffix."""
    return VERSION.sub("", os.path.splitext(_script())[0])


def _script() -> str:
    """The saved script's path; "" before it is saved."""
    name = str(nuke.root().name()).replace("\\", "/")
    return name if os.path.isabs(name) else ""
