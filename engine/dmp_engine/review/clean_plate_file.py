"""A clean plate that was made, of stills or of the shot itself, as a file."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import numpy.typing as npt
import OpenImageIO as oiio

from dmp_matting.job import UNSEEN, Role

from ..plates.clean_plate.pair_checks import STILLS, STILLS_CONTENT, content_of
from ..plates.io.colour_space import AUTO, from_working
from ..plates.io.read import PlateImage
from ..plates.io.write import write_whole


def write_clean_plate_file(
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
    spec.attribute(STILLS_CONTENT, "\n".join(content_of(Path(file)) for file in files))
    spec.attribute("dmp:inputs", inputs)
    if made_of:
        spec.attribute(f"dmp:{Role.IMAGE.value}", made_of)
    write_whole(output, spec, rgb if unseen is None else np.dstack([rgb, unseen]))
