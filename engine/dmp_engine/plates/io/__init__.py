"""The face of this room: plates from any image file, layers to EXR.

    read_plate     image and clean plate  -> PlateImage       (read.py)
    read_mattes    the artist's mattes    -> arrays           (user_mattes.py)
    constraint_of  these arrays           -> one constraint   (user_mattes.py)
    write_layers   arrays                 -> multi-layer EXR  (write.py)
    check_output   raises where it cannot be written          (write.py)

Behind it: image_file.py opens and decodes, channels.py chooses the picture's channels,
colour_space.py converts, srgb.py has the sRGB curve, header.py keeps the metadata that hold.
"""

from __future__ import annotations

from .colour_space import layers_in
from .compression import check_compression
from .header import CHANNELS
from .read import PlateImage, read_matte, read_plate
from .user_mattes import apply_constraint, constraint_of, read_mattes, undecided
from .write import Packing, check_output, layers_size, write_layers

__all__ = [
    "CHANNELS",
    "Packing",
    "PlateImage",
    "check_compression",
    "check_output",
    "constraint_of",
    "layers_in",
    "layers_size",
    "apply_constraint",
    "read_matte",
    "read_mattes",
    "read_plate",
    "undecided",
    "write_layers",
]
