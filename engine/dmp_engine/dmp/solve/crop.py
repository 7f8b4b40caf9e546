"""Only the part of a large plate that differs from the clean plate is solved.

The posterior of a plate above the working size is solved smaller (pair_solution.py). Where the
subject fills a corner of it, most of those pixels would be spent on known background; so the plate
is cut to the subject first, and all of them go to the subject. Outside alpha is 0 to the bit, as in
the whole plate's solution.
"""

from __future__ import annotations

from collections.abc import Callable, Generator
from dataclasses import dataclass, replace

import numpy as np
from scipy import ndimage
from torch import Tensor
from torch.nn import functional

from dmp_matting.generators import mapped

from ..evidence.known_background import known_background, nothing_in_common
from ..model.encoding import Encoding
from ..model.noise import Noise
from ..steps import Memo, Solution, Step, T, no_cache
from .pair_solution import working_size

LOOKED_AT = 640  # pixels of the long side at which the difference is looked for
SPECK, PATCH = 3, 120  # pixels there: grain beyond its test is that small; a faint subject larger
STRONG = 2.0  # times what grain reaches: no grain
MARGIN, LEAST_MARGIN = 0.2, 16  # of its long side, as pictures are framed; pixels there
WORTH = 0.5  # share of the plate above which nothing is cut


@dataclass(frozen=True)
class Box:
    """A part of a plate of ``height`` x ``width`` pixels: rows and columns."""

    rows: slice
    columns: slice
    height: int
    width: int

    def scoped_memo(self, memo: Memo) -> Memo:
        """``memo`` for the part: what is known of another part, or the whole, is not of this."""
        place = f"rows {self.rows} columns {self.columns}: "

        def of_the_part(what: str, make: Callable[[], T]) -> T:
            return memo(place + what, make)

        return of_the_part

    def cut(self, x: Tensor) -> Tensor:
        """The part of (1, C, height, width)."""
        return x[:, :, self.rows, self.columns].contiguous()

    def paste(self, part: Tensor, outside: float | None) -> Tensor:
        """The whole plate's layer, with ``outside`` around the part; its own borders for None.

        ``part`` may be scaled; the layer is scaled alike.
        """
        high = part.shape[-2] / (self.rows.stop - self.rows.start)
        wide = part.shape[-1] / (self.columns.stop - self.columns.start)
        top, left = round(self.rows.start * high), round(self.columns.start * wide)
        bottom = max(0, round(self.height * high) - top - part.shape[-2])
        right = max(0, round(self.width * wide) - left - part.shape[-1])
        around = [left, right, top, bottom]
        if outside is None:
            return functional.pad(part, around, mode="replicate")
        return functional.pad(part, around, value=outside)


def changed_box(
    image: Tensor,
    clean: Tensor,
    working_side: int,
    linear: bool,
    constraint: Tensor | None = None,
    memo: Memo = no_cache,
) -> Box | None:
    """What to cut the plates (1, 3, H, W) to, or None where the whole plate is to be solved.

    For plates whose long side is above ``working_side`` only. ``constraint`` are the artist's
    mattes: all that they make opaque is kept, what they make empty is left out.
    """
    height, width = image.shape[-2:]
    if working_size(height, width, working_side) is None:
        return None
    scale = min(1.0, LOOKED_AT / max(height, width))
    size = (max(1, round(height * scale)), max(1, round(width * scale)))
    changed, strong = memo("difference", lambda: _difference(image, clean, size, linear))
    if changed is None or strong is None:
        return None
    if constraint is not None:
        changed = changed & (
            functional.interpolate((constraint > 0).float(), size, mode="area") > 0
        )
    labels, count = ndimage.label(changed[0, 0].cpu().numpy(), np.ones((3, 3)))
    areas = np.bincount(labels.ravel(), minlength=count + 1)
    areas[0] = 0
    strength = np.bincount(labels.ravel(), strong[0, 0].cpu().numpy().ravel(), minlength=count + 1)
    found = ((areas > SPECK) & (strength > 0) | (areas > PATCH))[labels]
    if constraint is not None:
        wanted = functional.interpolate((constraint == 1).float(), size, mode="area") > 0
        found |= wanted[0, 0].cpu().numpy()
    if not found.any():
        return None
    box = _grown(ndimage.find_objects(found.astype(np.uint8))[0], size, (height, width))
    share = (box.rows.stop - box.rows.start) * (box.columns.stop - box.columns.start)
    return box if share < WORTH * height * width else None


def _difference(
    image: Tensor, clean: Tensor, size: tuple[int, int], linear: bool
) -> tuple[Tensor | None, Tensor | None]:
    """Where the plates differ at ``size``, and where beyond any grain; None if everywhere."""
    image, clean = (functional.interpolate(x, size, mode="area") for x in (image, clean))
    encode = Encoding.of_pair(image, clean, linear).encode
    image, clean = encode(image), encode(clean)
    if nothing_in_common(image, clean):
        return None, None
    distance = (image - clean).square().mean(1, keepdim=True).sqrt()
    strong = distance > STRONG * Noise.of_pair(image, clean).tolerance()
    return ~known_background(image, clean), strong


def whole(box: Box, solving: Generator[Step, None, Solution]) -> Generator[Step, None, Solution]:
    """The steps and the solution of a part as those of the whole plate."""

    def pasted(step: Step) -> Step:
        part = step.layers
        if part is None:
            return step

        def layers() -> tuple[Tensor, Tensor]:
            alpha, foreground = part()
            return box.paste(alpha, 0.0), box.paste(foreground, None)

        return replace(step, layers=layers)

    solution = yield from mapped(solving, pasted)
    return Solution(
        box.paste(solution.alpha, 0.0),
        box.paste(solution.foreground, None),
        box.paste(solution.trimap, 0.0),
        box.paste(solution.confidence, 1.0),
        None if solution.premultiplied is None else box.paste(solution.premultiplied, 0.0),
        None if solution.variance is None else box.paste(solution.variance, 0.0),
    )


def _grown(found: tuple[slice, slice], looked_at: tuple[int, int], size: tuple[int, int]) -> Box:
    """The box in the plate's pixels, with its margin."""
    longest = max(side.stop - side.start for side in found)
    margin = max(LEAST_MARGIN, round(MARGIN * longest))
    grown = []
    for side, small, large in zip(found, looked_at, size, strict=True):
        start = max(0, side.start - margin) * large // small
        stop = min(large, -(-min(small, side.stop + margin) * large // small))
        grown.append(slice(start, stop))
    return Box(grown[0], grown[1], *size)
