"""The fitted clean plate as a file of its own, taken from a result that has it as a layer.

It can stand in for the clean plate from then on, given with the same options: the plate's windows,
and the colour space in which the clean plate was given. What was read as 8-bit sRGB by itself
(``auto``) becomes scene-linear, as which ``auto`` reads every EXR.
"""

from __future__ import annotations

import re
from pathlib import Path

import numpy as np
import OpenImageIO as oiio

from dmp_matting.errors import PlateError
from dmp_matting.job import UNSEEN

from ..plates.io.colour_space import AUTO, from_working
from ..plates.io.header import stored_names
from ..plates.io.image_file import pending_error
from ..plates.io.write import check_output, write_whole

CHANNELS = ("clean.R", "clean.G", "clean.B")
KEPT = ("dmp:version", "dmp:clean", "dmp:clean_fit")  # of the attributes of the result


def write_clean_file(result: Path, output: Path, space: str) -> None:
    """Write the layer ``clean`` of ``result`` to ``output``, whole or not at all.

    ``space`` is how plate and clean plate were read (:class:`Plate`). Raises PlateError where
    the result has no such layer, OutputError, ColourSpaceError.
    """
    check_output(output, plates=[result])
    image = oiio.ImageInput.open(str(result))
    spec = image.spec() if image is not None else None
    wanted = stored_names(spec, (*CHANNELS, UNSEEN)) if spec is not None else ()
    if image is None or spec is None or not set(wanted[:3]) <= set(spec.channelnames):
        pending_error(oiio)
        raise PlateError(f"'{result}' has no layer 'clean'; solve it with --write-clean.")
    at = [spec.channelnames.index(name) for name in wanted if name in spec.channelnames]
    names = [*CHANNELS, UNSEEN][: len(at)]
    pixels = image.read_image(0, 0, 0, spec.nchannels, "float")
    image.close()
    if pixels is None:
        raise PlateError(f"'{result}' cannot be read to its end; solve it again.")
    rgb, map_ = np.ascontiguousarray(pixels[..., at[:3]], np.float32), pixels[..., at[3:]]
    named = space.lower() != AUTO
    if named:
        rgb = from_working(rgb, space)
    made = oiio.ImageSpec(spec)
    for attribute in spec.extra_attribs:
        if attribute.name.startswith("dmp:") and attribute.name not in KEPT:
            made.erase_attribute(re.escape(attribute.name))
    if named:  # those of the working space
        made.erase_attribute("chromaticities")
    names[:3] = ["R", "G", "B"]
    made.nchannels, made.channelnames, made.channelformats = len(names), tuple(names), ()
    made.alpha_channel = made.z_channel = -1
    write_whole(output, made, np.dstack([rgb, map_]))
