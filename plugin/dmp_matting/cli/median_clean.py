"""Several stills given as the clean plate become one file beside the mattes: their median."""

import os
from typing import Sequence

from ..client.file_states import FileStates
from ..errors import InputError, PlateError
from ..job import Plate, Role
from ..shots.clean_plates import inputs_of, is_current, made_clean_plate
from ..shots.review import merge_stills
from ..shots.sequences import is_pattern


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
    made = made_clean_plate(output, make_folder)
    whole, states = Plate(made, Role.CLEAN, space), FileStates(lambda plate: paths)
    if not is_current(made, whole, states):
        merge_stills(paths, made, space, inputs_of(whole, states))
    return made
