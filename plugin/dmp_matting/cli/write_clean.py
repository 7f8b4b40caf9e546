"""`--write-clean`: where the fitted clean plates go, checked before anything is solved."""

from __future__ import annotations

import os
from typing import Collection, Dict, Sequence

from ..errors import InputError
from ..shots.sequences import FilePattern


def clean_outputs(name: str, numbers: Sequence[int], taken: Collection[str]) -> Dict[int, str]:
    """The file of each frame, absolute.

    InputError where it is no EXR, lies in no folder, would overwrite one of the files ``taken``,
    or where several frames would be one file.
    """
    pattern = FilePattern.parse(name)
    if pattern is None and len(numbers) > 1:
        raise InputError(
            f"{len(numbers)} clean plates cannot all be written to {name}; put #### into its name."
        )
    if not name.lower().endswith(".exr"):
        raise InputError(f"--write-clean writes EXR; '{name}' does not end in .exr.")
    outputs = {
        number: os.path.abspath(pattern.path(number) if pattern else name) for number in numbers
    }
    used = {os.path.realpath(path) for path in taken}
    for path in outputs.values():
        if not os.path.isdir(os.path.dirname(path)):
            raise InputError(f"The folder '{os.path.dirname(path)}' does not exist; make it first.")
        if os.path.realpath(path) in used:
            raise InputError(f"--write-clean would overwrite {path}; give it another name.")
    return outputs
