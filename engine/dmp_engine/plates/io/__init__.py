"""The face of this room: plates from any image file, layers to EXR.

    read_plate   image and clean plate  -> PlateImage       (read.py)
    read_mattes  the artist's mattes    -> arrays           (hint.py)
    constraint_of      those                  -> one constraint         (hint.py)
    write_layers arrays                 -> multi-layer EXR  (write.py)
    check_output can it be written?                         (write.py)

Behind it: files.py opens and decodes, channels.py picks the picture,
colour.py converts, header.py says which metadata survive.
"""

from __future__ import annotations

from .header import CHANNELS
from .read import PlateImage, read_matte, read_plate
from .user_mattes import apply_constraint, constraint_of, read_mattes
from .write import check_output, layers_size, write_layers

__all__ = [
    "CHANNELS",
    "PlateImage",
    "check_output",
    "constraint_of",
    "layers_size",
    "apply_constraint",
    "read_matte",
    "read_mattes",
    "read_plate",
    "write_layers",
]
