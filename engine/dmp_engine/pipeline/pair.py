"""From a frame's files to the pair that the solver takes.

    read_plates          files  -> FramePlates   decoded and checked, on the CPU
    FramePlates.in_unit  those  -> FramePlates   multiplied so that white is near 1
    make_pair            those  -> Pair          the clean plate fitted, tensors on the device
    solve_pair           that   -> Solution      one frame by itself

Single frames, the neighbours of a shot (shot_frame.py) and the benchmark (evaluation/) all take
this way, so the benchmark measures what ships.
"""

from __future__ import annotations

from collections.abc import Generator, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
import numpy.typing as npt
from torch import Tensor

from dmp_matting.errors import InputError
from dmp_matting.job import Frame, Plate, Role
from dmp_matting.settings import Settings

from ..dmp.model.clean_plate_error import CleanPlateError
from ..dmp.paper.networks import SMALLEST_SIDE
from ..dmp.solve.frame import solve
from ..dmp.steps import Memo, Solution, Step
from ..plates.clean_plate.fit import Fitted, fit_clean
from ..plates.clean_plate.pair_checks import check_pair
from ..plates.exposure_unit import in_unit, unit_of
from ..plates.io import PlateImage, constraint_of, read_mattes, read_plate
from ..plates.io.colour_space import RAW
from ..plates.io.pixel_digest import content_digest
from ..tensors import at_least, tensor_of
from .stage_cache import StageCache

Layer = npt.NDArray[np.float32]  # (H, W)


@dataclass(frozen=True, eq=False)
class FramePlates:
    """A frame's files, decoded over the image plate's data window."""

    image: PlateImage
    clean: PlateImage  # as its file has it
    mattes: Mapping[Role, Layer] = field(default_factory=dict)  # the user's, in [0, 1]
    unit: float = 1.0  # both plates have been multiplied by it; see plates/exposure_unit.py

    @property
    def linear(self) -> bool:
        """Whether both plates are scene-linear; else their values are as stored."""
        return self.image.space != RAW

    def common_unit(self) -> float:
        """The unit in which this frame is to be solved: a power of two, mostly 1."""
        return unit_of(self.image, self.clean)

    def in_unit(self, unit: float) -> FramePlates:
        """The plates as read, times ``unit``; unchanged where that is 1."""
        image, clean = in_unit(self.image, unit), in_unit(self.clean, unit)
        return replace(self, image=image, clean=clean, unit=unit)

    def digest(self) -> str:
        """Digest of everything that a result takes from the plates and the mattes."""
        return content_digest(self.image, self.clean, self.mattes)

    def digest_without_mattes(self) -> str:
        """Digest of the two plates: it keys whatever does not depend on the mattes."""
        return content_digest(self.image, self.clean, {})

    def constraint(self) -> Layer | None:
        """The user's mattes as one layer (H, W) of 0, 0.5, 1; None without any."""
        return constraint_of(self.mattes)


@dataclass(frozen=True, eq=False)
class Pair:
    """A frame as the solver takes it. Images (1, 3, H, W), maps (1, 1, H, W), on one device.

    H and W are at least SMALLEST_SIDE: smaller plates are extended by their last row and column.
    """

    image: Tensor
    clean: Tensor  # fitted to ``image``
    constraint: Tensor | None  # the user's mattes: 0, 1, and 0.5 where DMP decides
    clean_plate_error: CleanPlateError | None
    linear: bool  # scene-linear, else values as stored
    unit: float  # both plates have been multiplied by it; see plates/exposure_unit.py
    size: tuple[int, int]  # height and width of the plate before it was extended
    fitted: Fitted  # the clean plate's fit, for reports and layers
    memo: Memo  # of this pair, these settings and this device


def read_plates(frame: Frame) -> FramePlates:
    """Decode the frame's plates and mattes.

    Raises InputError (a plate is missing, or only one is raw), MismatchError (``check_pair``), and
    what ``read_plate`` and ``read_mattes`` raise.
    """
    image = read_plate(needed_plate(frame, Role.IMAGE))
    clean = read_plate(needed_plate(frame, Role.CLEAN), like=image)
    if (image.space == RAW) != (clean.space == RAW):
        raise InputError(
            f"One plate is raw and the other '{clean.space}'; name one colour space for both."
        )
    check_pair(image, clean)
    return FramePlates(image, clean, read_mattes(frame, image))


def needed_plate(frame: Frame, role: Role) -> Plate:
    """The frame's plate of that role. Raises InputError where it has none."""
    plate = frame.plate(role)
    if plate is None:
        raise InputError(f"Frame {frame.number} has no {role.called}.")
    return plate


def make_pair(plates: FramePlates, settings: Settings, device: str, cache: StageCache) -> Pair:
    """Fit the clean plate and put everything on ``device`` (``cpu`` or ``cuda:N``).

    ``cache`` holds the fit from an earlier call with the same plates, settings and device.
    """
    memo = cache.of(plates.digest_without_mattes(), settings, device)
    fitted = fit_clean(plates.image, plates.clean, settings, memo)
    tensors = [tensor_of(plate.rgb, device) for plate in (plates.image, fitted.clean)]
    (image, clean), size = at_least(tensors, SMALLEST_SIDE)
    layer = plates.constraint()
    constraint = None if layer is None else _extended(tensor_of(layer[..., None], device))
    error = fitted.clean_plate_error
    if error is not None:
        error = error.each(lambda sigma: _extended(sigma.to(device)))
    return Pair(
        image, clean, constraint, error, plates.linear, plates.unit, size, fitted, memo
    )  # fmt: skip


def solve_pair(
    pair: Pair, settings: Settings, memo: Memo, start: dict[str, Any] | None = None
) -> Generator[Step, None, Solution]:
    """Solve the pair without its neighbours. Yields Step, returns Solution at the pair's size.

    ``start`` is the state of an interrupted solve (checkpoint.py). ``memo`` is ``pair.memo``,
    unless ``settings`` are others than those the pair was made with.
    """
    return solve(
        pair.image,
        pair.clean,
        settings,
        linear=pair.linear,
        constraint=pair.constraint,
        start=start,
        memo=memo,
        clean_plate_error=pair.clean_plate_error,
    )


def _extended(layer: Tensor) -> Tensor:
    return at_least([layer], SMALLEST_SIDE)[0][0]
