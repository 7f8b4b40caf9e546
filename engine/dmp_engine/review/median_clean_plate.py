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
import numpy.typing as npt
import OpenImageIO as oiio

from dmp_matting.errors import MismatchError
from dmp_matting.job import Plate, Role

from ..plates.clean_plate.pair_checks import STILLS
from ..plates.io.channels import UNSEEN
from ..plates.io.colour_space import AUTO, from_working
from ..plates.io.read import PlateImage, read_plate
from ..plates.io.write import check_output, write_whole


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
    write_made(output, first, rgb, space, inputs, stills)


def write_made(
    output: Path,
    like: PlateImage,
    rgb: npt.NDArray[np.float32],
    space: str,
    inputs: str,
    files: Sequence[str],
    made_of: str = "",
    unseen: npt.NDArray[np.float32] | None = None,
) -> None:
    """Write a clean plate that was made of ``files``, with the windows and metadata of ``like``.

    ``rgb`` (H, W, 3) is in the working space, ``space`` that of the files. ``made_of`` is recorded
    as the plate; ``unseen`` (H, W) is the map of what is made up, if there is one. Raises
    ColourSpaceError, OutputError.
    """
    if space.lower() != AUTO:
        rgb = from_working(rgb, space)
    names = ("R", "G", "B", *([] if unseen is None else [UNSEEN]))
    spec = oiio.ImageSpec(like.spec)
    spec.nchannels, spec.channelnames, spec.channelformats = len(names), names, ()
    spec.alpha_channel = spec.z_channel = -1
    if space.lower() != AUTO:  # those of the working space
        spec.erase_attribute("chromaticities")
    spec.attribute("compression", "zip")
    spec.attribute(STILLS, "\n".join(files))
    spec.attribute("dmp:inputs", inputs)
    if made_of:
        spec.attribute(f"dmp:{Role.IMAGE.value}", made_of)
    write_whole(output, spec, rgb if unseen is None else np.dstack([rgb, unseen]))
