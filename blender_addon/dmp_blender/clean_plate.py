"""*Build Clean Plate*: of the plate's own frames, where the subject moves and none was shot.

Files that the engine reads are looked at where they lie; what is rendered for a matte is rendered
here too. The EXR lies beside the scene's mattes, in versions of its own, and becomes the clean
plate: in the panel's row, or as an Image node that is linked to a node DMP Matte.
"""

from __future__ import annotations

import dataclasses
from typing import Any, Iterator, List, Optional

import bpy

from . import branch, colour, facts, place, plates, results
from .chosen import engine_python
from .core import dmp
from .datablocks import MADE, Reference
from .inputs import Input
from .operators import Matte
from .run import bugs_reported, is_between_windows
from .session import Status, under_way

RENDERED = 0.3  # share of the bar for rendering frames, where some are rendered


class Building:
    """One press of Build Clean Plate, step by step; the twin of Session.

    Raises DmpError from the start, or from its steps.
    """

    job_id = ""  # no job of the engine's: a process of its own

    def __init__(self, scene: Any) -> None:
        self._scene, self._python = Reference(scene), engine_python()
        results.check_is_local(scene)
        results.own_node(scene)
        group = scene.dmp
        self._image = _plate(group)
        numbers = [scene.frame_current] if self._image.still else _range(scene)
        numbers = [one for one in numbers if self._image.has(one)]
        self._frames = dmp.frames_to_look_at(numbers, f"The plate '{self._image.name}'")
        self._folder = place.scene_folder(scene, bpy.data.filepath)
        self._stem = results.plate_stem(results.plate_of(scene), still=False)
        self.path = ""
        self.report: Optional[Any] = None

    @property
    def scene(self) -> Optional[Any]:
        """The scene as it is called now; None when it is gone."""
        return self._scene.find()

    def steps(self) -> Iterator[Status]:
        """Status after Status until the file is there; close it to end the work."""
        with under_way(self) as folder:
            share = RENDERED if self._image.socket is not None else 0.0
            found: List[Any] = []
            for frame in self._frames:
                yield Status(share * len(found) / len(self._frames), f"Frame {frame}: plate")
                found.append(_to_read(self._image.plate(frame, folder)))

            def shown(step: Any) -> Status:
                return Status(share + (1 - share) * step.fraction, step.sentence)

            with dmp.new_clean_plate(self._folder, self._stem) as version:
                name = self._image.job_name(self._frames[0])
                path = version.path()
                building = dmp.building_clean_plate(found, path, name, self._python)
                self.report = yield from dmp.mapped(building, shown)
                self.path = path

    def connect(self) -> str:
        """Make it the scene's clean plate; a sentence where that cannot be."""
        scene = self.scene
        if scene is None:
            return "The scene is gone."
        if is_chosen(scene):
            return "Another clean plate is chosen by now."
        image = bpy.data.images.load(self.path)
        image.name, image[MADE] = f"{self._stem}_clean", True
        if image.type != "MULTILAYER":  # Blender reads those as they are
            data = self._image.space == "raw"
            image.colorspace_settings.name = colour.data() if data else colour.linear()
        if scene.dmp.plate.kind == "NODE":
            branch.link_image(scene, scene.dmp.plate.group, image)
        else:
            scene.dmp.clean.kind, scene.dmp.clean.image = "IMAGE", image
        return ""


def is_chosen(scene: Any) -> bool:
    """Whether the scene has a clean plate: in its row, or linked to its node."""
    plate, clean = scene.dmp.plate, scene.dmp.clean
    if plate.kind == "NODE":
        return branch.is_linked(scene, plate.group, dmp.Role.CLEAN)
    return (clean.clip if clean.kind == "CLIP" else clean.image) is not None


def _plate(group: Any) -> Input:
    if group.plate.kind == "NODE":
        return branch.read_one(group.id_data, group.plate.group, dmp.Role.IMAGE)
    found = plates.read_input(group.plate, dmp.Role.IMAGE)
    if found is None:
        raise dmp.InputError("Choose a plate first, the picture with the subject.")
    return found


def _range(scene: Any) -> List[int]:
    """The scene frames of the plate; those of the scene where the plate is a node."""
    row = scene.dmp.plate
    if row.kind == "NODE":
        return list(range(scene.frame_start, scene.frame_end + 1))
    found = facts.range_of(row)
    return [] if found is None else list(range(found[0], found[1] + 1))


def _to_read(plate: Any) -> Any:
    """What is stored as sRGB becomes scene-linear, as an EXR is taken for."""
    return (
        dataclasses.replace(plate, colour_space="auto") if plate.colour_space == "sRGB" else plate
    )


class DMP_OT_build_clean(Matte):
    """Make a clean plate of the plate's own frames, in which the subject moves"""

    bl_idname = "dmp.build_clean"
    bl_label = "Build Clean Plate"

    @classmethod
    def poll(cls, context: Any) -> bool:
        is_free = is_between_windows() or not is_chosen(context.scene)
        return super().poll(context) and is_free

    def begin(self, context: Any) -> Building:
        return Building(context.scene)

    def _end(self, context: Any, session: Building, error: Optional[Any]) -> Any:
        if error is not None:
            kind = "WARNING" if isinstance(error, dmp.CancelledError) else "ERROR"
            self.report({kind}, str(error))
            return {"CANCELLED"}
        try:
            with bugs_reported():
                wrong = session.connect()
        except dmp.DmpError as failure:
            wrong = str(failure)
        kind = "INFO" if session.report.is_whole and not wrong else "WARNING"
        sentence = f"The clean plate was made {session.report} It is {session.path}. {wrong}"
        self.report({kind}, sentence.rstrip())
        return {"FINISHED"}


def register() -> None:
    bpy.utils.register_class(DMP_OT_build_clean)


def unregister() -> None:
    bpy.utils.unregister_class(DMP_OT_build_clean)
