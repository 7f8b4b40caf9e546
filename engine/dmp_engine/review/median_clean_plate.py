"""Several stills of the empty set as one clean plate: the median of every pixel.

Grain goes, and so does what passes through a minority of them (a bird, a passer-by); of two stills
it is the mean. They must be of one size and one camera position; nothing is moved here (the clean
plate is fitted to the plate later, see plates/fit.py). It is written as the fitted clean plate is:
in the colour space in which the stills were given, ``auto`` as scene-linear.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from dmp_matting.errors import MismatchError
from dmp_matting.job import Plate, Role

from ..plates.io.read import read_plate
from ..plates.io.write import check_output
from .clean_plate_file import write_clean_plate_file


def merge_stills(stills: Sequence[str], output: Path, space: str, inputs: str) -> None:
    """Write the median of ``stills`` to ``output``, whole or not at all.

    ``space`` is how they are read (:class:`Plate`); ``inputs``, a text for the header, is the state
    that their files were in. Raises PlateError, MismatchError,
    ColourSpaceError, OutputError.
    """
    check_output(output, plates=stills)
    first = read_plate(Plate(stills[0], Role.CLEAN, space))
    stack = [first.rgb]
    for path in stills[1:]:
        other = read_plate(Plate(path, Role.CLEAN, space), like=first)
        if other.space != first.space:
            raise MismatchError(
                f"'{path}' is read as {other.space} and '{stills[0]}' as {first.space}; "
                "give stills of one format, or name their colour space."
            )
        stack.append(other.rgb)
    rgb = np.empty_like(first.rgb)
    for row in range(len(rgb)):  # a row at a time: the median makes a copy of what it is given
        rgb[row] = np.median([one[row] for one in stack], axis=0)
    write_clean_plate_file(output, first, rgb, space, inputs, stills)
