"""Several stills given as the clean plate become one file beside the mattes: their median."""

import os
from typing import Sequence

from ..client.file_states import FileStates
from ..errors import InputError, OutputError, PlateError
from ..exr_header import read_exr_header
from ..job import Plate, Role
from ..shots.review import merge_stills
from ..shots.sequences import FilePattern, is_pattern


def one_clean_plate(
    stills: Sequence[str], output: str, space: str, make_folder: bool = False
) -> str:
    """The clean plate that stands for ``stills``: the only one, or NAME.clean.exr by the mattes.

    It is made again only when the stills have changed or are others: finished frames stay so.
    Raises InputError, PlateError and its kin, OutputError.
    """
    if len(stills) < 2:
        return "".join(stills)
    paths = [os.path.abspath(os.path.expanduser(one)) for one in stills]
    for text, path in zip(stills, paths):
        if is_pattern(text):
            raise InputError(
                f"'{text}' is a sequence; give one sequence as the clean plate, or several stills."
            )
        if not os.path.isfile(path) or not os.path.getsize(path):
            raise PlateError(f"The clean plate {text} is missing or empty. Check the names.")
    pattern = FilePattern.parse(output)
    stem = pattern.head if pattern else os.path.splitext(output)[0]
    folder, name = os.path.split(os.path.abspath(stem + "x"))
    made = os.path.join(folder, f"{name[:-1].strip('._-') or 'shot'}.clean.exr")
    try:
        if make_folder:
            os.makedirs(folder, exist_ok=True)
    except OSError as reason:
        raise OutputError(f"The folder {folder} cannot be made ({reason.strerror}).") from None
    whole, states = Plate(made, Role.CLEAN, space), FileStates(lambda plate: paths)
    if not _is_current(made, whole, states):
        inputs = f"{states.content(whole)} {states.status(whole)}"
        merge_stills(paths, made, space, inputs)
    return made


def _is_current(made: str, whole: Plate, states: FileStates) -> bool:
    """True when the file ``made`` was made of these very stills as they are now."""
    try:
        with open(made, "rb") as file:
            header = read_exr_header(file)
        content, _, status = (header.text("dmp:inputs") if header else "").partition(" ")
    except (OSError, ValueError):
        return False
    return states.status(whole) == status or states.content(whole) == content
