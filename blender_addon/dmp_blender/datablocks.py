"""A datablock that is found again while a job runs: after an undo, a renaming, another file."""

from __future__ import annotations

from typing import Any, Optional

import bpy

from .core import dmp

COLLECTIONS = {
    "Scene": "scenes", "Image": "images", "MovieClip": "movieclips", "Mask": "masks",
    "CompositorNodeTree": "node_groups",
}  # fmt: skip
MADE = "dmp_clean_plate"  # custom property of an image: a clean plate that was built, one file
INPUTS = "dmp_inputs"  # custom property of the group of a node whose inputs are the plates


def has_inputs(group: Any) -> bool:
    """Whether a node tree is the group of a node DMP Matte."""
    return INPUTS in group


def kind_of(datablock: Any) -> str:
    """``Image``, ``MovieClip`` and so on; Blender 3.4 has no ``id_type``."""
    return str(datablock.bl_rna.identifier)


class Reference:
    """A scene, image, clip, mask or node group, by Blender's number for it and else by its name.

    Blender 3.4 has no such number: one that was renamed is found where it lies in memory, which an
    undo changes, but not its name.
    """

    def __init__(self, datablock: Any) -> None:
        self._collection = COLLECTIONS[kind_of(datablock)]
        self._name, self._number = datablock.name, _number(datablock)
        self._address = datablock.as_pointer()

    def find(self) -> Optional[Any]:
        """The datablock; None when it is gone."""
        all_of_it = getattr(bpy.data, self._collection)
        numbered = (one for one in all_of_it if self._number and _number(one) == self._number)
        found = next(numbered, None) or all_of_it.get(self._name)
        if found is None and not self._number:
            found = next((one for one in all_of_it if one.as_pointer() == self._address), None)
        if found is not None:
            self._name, self._address = found.name, found.as_pointer()
        return found

    def get(self) -> Any:
        """The datablock. PlateError when it is gone."""
        found = self.find()
        if found is None:
            raise dmp.PlateError(f"'{self._name}' is not in the .blend any more.")
        return found


def _number(datablock: Any) -> int:
    return int(getattr(datablock, "session_uid", 0))  # Blender 4.1 and later
