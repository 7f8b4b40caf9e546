"""Which subject: a point or a box that is picked on the plate, and the text of Settings.keep.

Blender counts pixels from the lower left corner of the picture that it shows, the engine from the
upper left one of the plate's display window. Of an EXR that is sent as it is Blender shows the data
window, so the place is counted from that one's corner, in each frame.

A place with keyframes is read at each frame, whatever frame is shown. One that has a driver or an
NLA track of its own is refused: nothing gives its value at another frame.
"""

from __future__ import annotations

from typing import Any, Dict, List, Optional, Sequence, Tuple

import bpy

from . import compat, plates
from .core import dmp

PLACES = {"POINT": "keep_point", "BOX": "keep_box"}  # the property of a choice of the menu
LABELS = {"POINT": ("X", "Y"), "BOX": ("Left", "Bottom", "Right", "Top")}

Size = Tuple[float, float]


def keep_of(scene: Any, image: Any, frames: Sequence[int]) -> str:
    """The text of Settings.keep for these frames of the plate ``image``; "" where it is written.

    SettingsError for what is no place.
    """
    name = PLACES.get(scene.dmp.subject)
    if name is None:
        return ""
    curves = _curves(scene, name)
    keys = {}
    for frame in sorted({*frames}):
        numbers = [
            curves[index].evaluate(frame) if index in curves else value
            for index, value in enumerate(getattr(scene.dmp, name))
        ]
        left, top = _corner(image, frame)
        pairs = list(zip(numbers[::2], numbers[1::2]))
        if name == "keep_box" and (pairs[0][0] == pairs[1][0] or pairs[0][1] == pairs[1][1]):
            raise dmp.SettingsError("The box to keep has no area; pick it on the plate.")
        places = [one for x, y in pairs for one in (left + x, top - y)]
        keys[frame] = tuple(round(one, 3) for one in places)
    moves = len(set(keys.values())) > 1
    kind = "at" if name == "keep_point" else "box"
    found = tuple(keys.items()) if moves else ((1, next(iter(keys.values()))),)
    return str(dmp.Keep(kind, found, moves).thinned().text())


def draw(layout: Any, group: Any) -> None:
    """The menu and what belongs to its choice."""
    layout.prop(group, "subject")
    if group.subject == "WRITTEN":
        layout.prop(group, "keep", text="")
    if group.subject in PLACES:
        for index, label in enumerate(LABELS[group.subject]):
            layout.prop(group, PLACES[group.subject], index=index, text=label)
        layout.operator("dmp.pick_subject", icon="EYEDROPPER")


def _curves(scene: Any, name: str) -> Dict[int, Any]:
    """The curves of a place by the index of the number that each moves. SettingsError."""
    animation, path = scene.animation_data, f"dmp.{name}"
    if animation is None:
        return {}
    strips = [strip for track in animation.nla_tracks for strip in track.strips if strip.action]
    others = [*animation.drivers, *(one for strip in strips for one in compat.fcurves_of(strip))]
    if any(one.data_path == path for one in others):
        raise dmp.SettingsError(
            "The place to keep has a driver or is in the NLA; animate it with keyframes of its own."
        )
    curves = compat.fcurves_of(animation) if animation.action is not None else []
    return {one.array_index: one for one in curves if one.data_path == path and not one.mute}


def _corner(image: Any, frame: int) -> Tuple[int, int]:
    """Where the engine has Blender's lower left corner of a frame: x, and y from above."""
    try:
        path = image.path_at(frame)
    except dmp.PlateError:  # it is not solved
        path = ""
    header = None
    if path.lower().endswith(".exr"):
        with open(path, "rb") as file:
            header = dmp.read_exr_header(file)
    data, shown = (
        header.window(f"{one}Window") if header is not None else None for one in ("data", "display")
    )
    if data is None or shown is None:
        return 0, plates.size_of(image)[1]
    if image.socket is None:
        return data[0] - shown[0], data[1] - shown[1] + data[3]
    if compat.SHOWS_DISPLAY_WINDOW:  # as many rows from below as it should from above
        return data[0] - shown[0], shown[3] - (data[1] - shown[1])
    return 0, data[3]


def pixel_at(area: Any, x: int, y: int, size: Size) -> Optional[Tuple[float, float]]:
    """The plate's pixel at a place of Blender's window; None where no picture of it is shown.

    ``area``: an Image Editor that shows a picture of ``size``, or a Compositor with a backdrop.
    """
    region = next(one for one in area.regions if one.type == "WINDOW")
    at, space = (x - region.x, y - region.y), area.spaces.active
    if area.type == "IMAGE_EDITOR":
        # An image with layers has no size of its own.
        if space.image is None or tuple(space.image.size) not in ((0, 0), tuple(size)):
            return None
        u, v = region.view2d.region_to_view(*at)
        return u * size[0], v * size[1]
    viewer = bpy.data.images.get("Viewer Node")
    if not space.show_backdrop or viewer is None or tuple(viewer.size) != tuple(size):
        return None
    zoom, offset = space.backdrop_zoom, space.backdrop_offset
    middle = region.width / 2 + offset[0], region.height / 2 + offset[1]
    x, y = (size[n] / 2 + (at[n] - middle[n]) / zoom for n in (0, 1))
    return x, y


class DMP_OT_pick_subject(bpy.types.Operator):
    """Click on the subject in an Image Editor with the plate, or on the backdrop; a box is drawn
    from corner to corner. Where it has keyframes, a key is set at this frame"""

    bl_idname = "dmp.pick_subject"
    bl_label = "Pick on the Plate"
    bl_options = {"UNDO"}

    @classmethod
    def poll(cls, context: Any) -> bool:
        return context.scene.dmp.subject in PLACES and not bpy.app.background

    def invoke(self, context: Any, event: Any) -> Any:
        try:
            image = plates.read_inputs(context.scene.dmp)[0]
            self._size = shown_size(context.scene, image)
        except dmp.DmpError as error:
            self.report({"ERROR"}, str(error))
            return {"CANCELLED"}
        self._first: List[float] = []
        context.window.cursor_modal_set("EYEDROPPER")
        context.window_manager.modal_handler_add(self)
        return {"RUNNING_MODAL"}

    def modal(self, context: Any, event: Any) -> Any:
        if event.type in ("ESC", "RIGHTMOUSE"):
            return self._end(context, {"CANCELLED"})
        if event.type != "LEFTMOUSE" or event.value not in ("PRESS", "RELEASE"):
            return {"RUNNING_MODAL"} if event.type == "LEFTMOUSE" else {"PASS_THROUGH"}
        is_box = context.scene.dmp.subject == "BOX"
        if event.value == "RELEASE" and not (is_box and self._first):
            return {"RUNNING_MODAL"}
        found = self._under(context, event)
        if found is None:
            self.report({"ERROR"}, "Pick in an Image Editor that shows the plate at its own size.")
            return self._end(context, {"CANCELLED"})
        if not is_box and not all(0 <= found[n] <= self._size[n] for n in (0, 1)):
            self.report({"ERROR"}, "That is beside the plate; pick on it.")
            return self._end(context, {"CANCELLED"})
        if is_box and not self._first:
            self._first = list(found)
            return {"RUNNING_MODAL"}
        keep_place(context.scene, [*self._first, *found])
        return self._end(context, {"FINISHED"})

    def _under(self, context: Any, event: Any) -> Optional[Tuple[float, float]]:
        for area in context.window.screen.areas:
            inside = 0 <= event.mouse_x - area.x < area.width
            if inside and 0 <= event.mouse_y - area.y < area.height:
                known = area.type == "IMAGE_EDITOR" or area.ui_type == "CompositorNodeTree"
                return pixel_at(area, event.mouse_x, event.mouse_y, self._size) if known else None
        return None

    def _end(self, context: Any, result: Any) -> Any:
        context.window.cursor_modal_restore()
        return result


def shown_size(scene: Any, image: Any) -> Size:
    """The size of the picture that an editor shows of the plate. PlateError."""
    source = scene.dmp.plate
    if source.kind == "NODE":
        return plates.size_of(image)
    shown = source.clip if source.kind == "CLIP" else source.image
    size = tuple(shown.size)
    return plates.size_of(image) if 0 in size else size


def keep_place(scene: Any, numbers: Sequence[float]) -> None:
    """Set the point or the box; with a key at the current frame where it has keys."""
    name = PLACES[scene.dmp.subject]
    if name == "keep_box":
        (x0, x1), (y0, y1) = sorted(numbers[::2]), sorted(numbers[1::2])
        numbers = [x0, y0, x1, y1]
    setattr(scene.dmp, name, [round(one, 1) for one in numbers])
    animation = scene.animation_data
    curves = compat.fcurves_of(animation) if animation is not None and animation.action else []
    if any(one.data_path == f"dmp.{name}" for one in curves):
        scene.dmp.keyframe_insert(data_path=name)


def register() -> None:
    bpy.utils.register_class(DMP_OT_pick_subject)


def unregister() -> None:
    bpy.utils.unregister_class(DMP_OT_pick_subject)
