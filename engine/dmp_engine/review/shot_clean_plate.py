"""The frames of a shot as one clean plate: the background that they show, and where none does.

R, G, B     the clean plate, as the camera of the middle frame sees it; see median_clean_plate.py
            for its colour space
unseen.A    1 where no frame shows the background, so that the colours are made up, else 0
"""

from __future__ import annotations

import tempfile
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from dmp_matting.errors import OutputError, PlateError
from dmp_matting.job import Plate

from ..plates.clean_plate.from_shot import Stack, aligned, background_of
from ..plates.exposure_unit import unit_of
from ..plates.io.colour_space import RAW
from ..plates.io.read import PlateImage, read_plate
from ..plates.io.write import check_output
from .clean_plate_file import write_clean_plate_file

LEAST_MOVING = 0.0003  # share of the frame that must change
MOST_UNSEEN = 0.98  # share of the frame


def write_shot_clean_plate(
    plates: Sequence[Plate], output: Path, inputs: str, made_of: str
) -> Iterator[dict[str, Any]]:
    """Write the clean plate of the frames ``plates`` to ``output``, whole or not at all.

    ``inputs``, a text for the header, is the state that their files were in, and ``made_of`` the
    name of the shot's plate. Yields ``{"aligned", "of"}`` after each frame, and a last dict: the
    ``path``, how many ``frames`` were used, which were ``left_out``, the share ``unseen``, and by
    how many pixels the frames were ``moved`` at most. Raises PlateError, MismatchError,
    ColourSpaceError, OutputError.
    """
    check_output(output, plates=[plate.path for plate in plates])
    reference = _middle(plates)
    unit, linear = unit_of(reference, reference), reference.space != RAW
    height, width = reference.rgb.shape[:2]
    left_out, moved = [], 0.0
    try:
        with Stack(height, width) as stack:
            for number, plate in enumerate(plates, 1):
                frame = _read(plate, reference)
                found = None
                if frame is not None:
                    here, there = (one.rgb * np.float32(unit) for one in (reference, frame))
                    found = aligned(here, there, frame.covered(), linear)
                if found is None:
                    left_out.append(plate.path)
                else:
                    stack.add(found.pixels, found.known)
                    moved = max(moved, found.shift)
                yield {"aligned": number, "of": len(plates)}
            if stack.count < 2 or len(left_out) > stack.count:
                raise PlateError(
                    f"Only {stack.count} of {len(plates)} frames show the place that "
                    f"'{reference.path}' shows; name frames in which the camera moves less."
                )
            found_of_all = background_of(stack.frames(), linear)
    except OSError as reason:
        raise OutputError(
            f"The frames do not fit into the temporary folder {tempfile.gettempdir()} "
            f"({reason.strerror}); make room, or set TMPDIR to a larger disk."
        ) from None
    share = float(found_of_all.unseen.mean())
    if found_of_all.moving < LEAST_MOVING:
        raise PlateError(
            f"Nothing moves in these {stack.count} frames, so the subject cannot be told from what "
            "is behind it; name frames in which it moves, or give a clean plate."
        )
    if share > MOST_UNSEEN:
        raise PlateError(
            f"{100 * share:.1f} % of the background is never seen in these {stack.count} frames; "
            "name frames in which the subject uncovers it, or give a clean plate."
        )
    pixels = found_of_all.pixels / np.float32(unit)
    space, names = plates[0].colour_space, [plate.path for plate in plates]
    map_ = found_of_all.unseen.astype(np.float32)
    write_clean_plate_file(output, reference, pixels, space, inputs, names, made_of, map_)
    yield {
        "path": str(output), "frames": stack.count, "left_out": left_out,
        "unseen": round(share, 5), "moved": round(moved, 2),
    }  # fmt: skip


def _middle(plates: Sequence[Plate]) -> PlateImage:
    """The middle frame, or the nearest to it that is not damaged. PlateError where all are."""
    middle = len(plates) // 2
    reasons = []
    for plate in sorted(plates, key=lambda one: abs(plates.index(one) - middle)):
        try:
            return read_plate(plate)
        except PlateError as reason:
            reasons.append(reason)
    raise reasons[0]


def _read(plate: Plate, reference: PlateImage) -> PlateImage | None:
    """The plate over the window of ``reference``; None for a damaged one, which others replace."""
    try:
        return read_plate(plate, like=reference)
    except PlateError:
        return None
