"""The form's request as a job, or an error that names what is missing. No Qt."""

from __future__ import annotations

import os
from dataclasses import dataclass, field
from pathlib import Path
from typing import Dict, Mapping, Tuple

from ..errors import InputError
from ..job import Frame, Job, Plate, Role
from ..presets import AUTO, resolve
from ..settings import Value


@dataclass(frozen=True)
class Request:
    """One plate's matte. ``changes`` are the settings that differ from the preset's."""

    plates: Mapping[Role, str]
    output: str
    space: str = "auto"
    preset: str = AUTO
    changes: Mapping[str, Value] = field(default_factory=dict)

    def job(self) -> Tuple[Job, Dict[int, str]]:
        """The job and its output, as BackgroundJob takes them.

        Raises InputError for what is missing or would overwrite a plate, and SettingsError.
        """
        for role in Role:
            path = self.plates.get(role, "")
            if not path and not role.is_matte:
                raise InputError(f"Choose the {role.called} first.")
            if path and not Path(path).is_file():
                raise InputError(f"The {role.called} {path} does not exist.")
            if path and self.output and _same(path, self.output):
                raise InputError(
                    f"The output would overwrite the {role.called}; give it another name."
                )
        if not self.output:
            raise InputError("Choose where to write the result.")
        plates = tuple(
            Plate(os.path.abspath(path), role, "raw" if role.is_matte else self.space)
            for role, path in self.plates.items()
            if path
        )
        frame = Frame(1, plates)
        outputs = {1: os.path.abspath(self.output)}
        return Job((frame,), *resolve(self.preset, self.changes)), outputs


def suggested_output(image: str) -> str:
    """Where the result of a plate goes when the artist names no output: beside it."""
    return str(Path(image).with_suffix("")) + ".matte.exr" if image else ""


def _same(one: str, other: str) -> bool:
    return os.path.realpath(one) == os.path.realpath(other)
