"""A mask as the file that the engine gets: everything that its pixels depend on, in eight digits.

A mask's shape may be animated, and what Python reads of it is the current frame's. So it is
evaluated at the frame in question, in a throw-away scene: the same whatever frame is shown.
"""

from __future__ import annotations

from typing import Any, Dict, Iterator, List, Tuple

import bpy

from . import compat, render, state
from .datablocks import Reference

UNSEEN = ("name", "hide", "hide_select")  # of the editor and of no pixel, as every selection


class Shapes:
    """What a mask is at each scene frame, rendered at ``size``."""

    def __init__(self, mask: Any, size: Tuple[int, int]) -> None:
        self._mask, self._size = Reference(mask), size
        self._known: Dict[int, str] = {}

    def digest(self, frame: int) -> str:
        """Eight digits that change with whatever changes the mask's pixels at that frame.

        PlateError when the mask is gone.
        """
        if frame not in self._known:
            self._known[frame] = render.digest(self._size, self._state(frame))
        return self._known[frame]

    def _state(self, frame: int) -> Any:
        mask = self._mask.get()
        scene = bpy.data.scenes.new("DMP mask")
        try:
            tree = compat.empty_compositor(scene)
            render.mask_socket(mask)(tree)  # so that it is evaluated with the scene
            scene.frame_set(frame)
            evaluated = mask.evaluated_get(scene.view_layers[0].depsgraph)
            layers = evaluated.layers
            return [list(state.values(layer, _is_seen, _parent)) for layer in layers]
        finally:
            compat.remove_scene(scene)


def _is_seen(owner: Any, name: str) -> bool:
    return name not in UNSEEN and not name.startswith("select")


def _parent(owner: Any) -> Iterator[Tuple[str, Any]]:
    parent = getattr(owner, "parent", None)
    if parent is not None and parent.id is not None:
        yield "parent", _tracks(parent)


def _tracks(parent: Any) -> List[Any]:
    """Where the track or the plane lies that a point follows, in every frame of its clip."""
    tracking = parent.id.tracking
    found: List[Any] = [parent.id.name, parent.type, parent.parent, parent.sub_parent]
    objects = [one for one in tracking.objects if one.name == parent.parent]
    for owner in objects or [tracking]:
        for track in owner.tracks:
            if track.name == parent.sub_parent:
                found += [(one.frame, tuple(one.co), one.mute) for one in track.markers]
        for plane in owner.plane_tracks:
            if plane.name == parent.sub_parent:
                found += [(one.frame, _corners(one), one.mute) for one in plane.markers]
    return found


def _corners(marker: Any) -> List[Tuple[float, ...]]:
    return [tuple(corner) for corner in marker.corners]
