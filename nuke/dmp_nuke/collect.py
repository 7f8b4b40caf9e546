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

from dmp_matting.hosts import DmpError, InputError, PublishRequest, Role, SettingsError, Shot

from . import NAME, colour, knobs, prepare, render, temporary
from .node import INPUTS, all_nodes
from .sources import file_of

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
    """The script's shots. What keeps a node from being published goes into the request's trouble.

    ``names`` by the nodes' full names. Renders what has to be rendered; CancelledError.
    """
    nodes = chosen_nodes() if nodes is None else nodes
    named = {**default_names(nodes), **(names or {})}
    shots: List[Shot] = []
    trouble = (
        [] if nodes else [f"The script has no {NAME} node; make one with Nodes > Keyer > {NAME}."]
    )
    for node in nodes:
        try:
            shots += _shots_of(node, named[node.fullName()])
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


def _shots_of(node: nuke.Group, name: str) -> List[Shot]:
    """One shot a view, for a publish. InputError and its kin."""

    def folder() -> Path:
        shutil.rmtree(_rendered.pop(node.fullName(), ""), ignore_errors=True)
        _rendered[node.fullName()] = temporary.new_folder()
        return _rendered[node.fullName()]

    frames = knobs.whole_range(node)
    return shots_of(node, name, frames, folder, lambda _, shot: f"{shot}.####.exr")


def shots_of(
    node: nuke.Group,
    name: str,
    frames: Sequence[int],
    folder: Callable[[], Path],
    output: Callable[[str, str], str],
) -> List[Shot]:
    """One shot a view of a node, for what runs without Nuke.

    ``folder`` gives the folder of plates, where some have to be rendered; ``output`` the pattern
    of the mattes of a view and its shot. InputError and its kin.
    """
    chosen = knobs.settings_of(node)
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
    files = _files(node, frames, views) or _render(node, frames, views, space, folder())
    shots = []
    for view in views:
        own = name if len(views) == 1 else f"{name}_{view}"
        plates: Dict[str, Any] = {role.value: path for role, path in files[view].items()}
        shots.append(
            Shot(
                own,
                output=output(view, own),
                frames=tuple(frames),
                space=space,
                settings=chosen.settings,
                settings_on_cpu=chosen.settings_on_cpu,
                **plates,
            )  # fmt: skip
        )
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
        for view in views:
            found[view][role] = pattern.replace("%V", view).replace("%v", view[:1])
    return found


def _render(
    node: nuke.Group, frames: Sequence[int], views: Tuple[str, ...], space: str, folder: Path
) -> Files:
    """All inputs as EXR plates."""
    rendered = render.Plates(node, frames, views, folder, space)
    for _ in rendered.render(by_frame=False):
        pass
    plates = rendered.by_view()
    found: Files = {view: {} for view in views}
    for view in views:
        for plate in plates[view][0].plates:
            pattern = f"{folder.as_posix()}/{plate.role.value}.{view}.####.exr"
            alone = {frame.plate(plate.role) for frame in plates[view]} == {plate}
            found[view][plate.role] = plate.path if alone else pattern
    return found


def _about(node: nuke.Group, error: DmpError) -> str:
    """The sentence with the node's name in it."""
    sentence = str(error)
    return sentence if node.name() in sentence else f"{node.fullName()}: {sentence}"


def _script() -> str:
    """The saved script's path; "" before it is saved."""
    name = str(nuke.root().name()).replace("\\", "/")
    return name if os.path.isabs(name) else ""
