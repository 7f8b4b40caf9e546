"""From the size at which a large plate is solved to the plate's own pixels.

Cost must not grow with the plate: regions, evidence and networks work on the pair
scaled down, and only this runs at full size. Alpha and F are scaled up as smooth
starting points, and eq. 18 brings each undecided pixel into step with what the
plate and the clean plate show there, which puts hair and edges back. Decided
pixels cost nothing. (Guided and joint upsampling were tried in place of the plain
one and changed nothing: docs/experiments/hdr_and_size.md.)
"""

from __future__ import annotations

from collections.abc import Generator

import torch
from torch import Tensor
from torch.nn import functional

from dmp_matting.job import Stage
from dmp_matting.settings import Settings

from ..steps import Solution, Step
from .postprocess import colour_bounds, exact_foreground, finished, with_solid_core, without_grain

WHOLE = 0.999  # of the neighbours at the solved size have decided alike
CHUNK = 1 << 20  # pixels at once: bounds the memory, changes no result


def solve_size(height: int, width: int, settings: Settings) -> tuple[int, int] | None:
    """Height and width to solve at, or None where that is the plate's own size."""
    longest = max(height, width)
    if not 0 < settings.solve_size < longest:
        return None
    scale = settings.solve_size / longest
    return max(1, round(height * scale)), max(1, round(width * scale))


def shrunk_constraint(constraint: Tensor, size: tuple[int, int]) -> Tensor:
    """The artist's mattes at a smaller size: decided only where every pixel of theirs is."""
    all_out = functional.interpolate((constraint == 0).float(), size, mode="area") > WHOLE
    all_in = functional.interpolate((constraint == 1).float(), size, mode="area") > WHOLE
    return torch.where(all_out, 0.0, torch.where(all_in, 1.0, 0.5))


def upsample(
    image: Tensor,
    clean: Tensor,
    small: Solution,
    constraint: Tensor | None,
    settings: Settings,
    grain: Tensor | None = None,
    *,
    core_by_guess: bool = True,
) -> Generator[Step, None, Solution]:
    """The solution for ``image`` and ``clean`` (1, 3, H, W), which are larger than ``small``.

    ``small`` holds alpha and F as they were before eq. 18; ``constraint`` is the artist's
    mattes as a trimap at full size, ``grain`` the noise there (:meth:`.noise.Noise.where_mixed`).
    Without ``core_by_guess`` alpha is known better than by its neighbours (neighbours.py).
    """
    size = image.shape[-2:]
    out = _enlarged((small.trimap == 0).float(), size) > WHOLE
    core = _enlarged((small.trimap == 1).float(), size) > WHOLE
    trimap = torch.where(out, 0.0, torch.where(core, 1.0, 0.5))
    if constraint is not None:
        trimap = torch.where(constraint == 0.5, trimap, constraint)
    alpha = _enlarged(small.alpha, size)
    foreground = _enlarged(small.foreground, size)
    confidence = _enlarged(small.confidence, size)
    bounds = colour_bounds(image, clean)

    held = trimap if settings.hold > 0 else constraint
    open_ = torch.ones_like(alpha, dtype=torch.bool) if held is None else held == 0.5
    if held is not None:
        alpha = torch.where(open_, alpha, held)
    places = open_.flatten().nonzero().squeeze(1)
    # Flat views: what is written to them is written to the layers.
    flat_alpha, flat_f = alpha.view(-1), foreground.view(3, -1)
    pixels = [x.reshape(3, -1) for x in (image, clean)]
    rough = None if grain is None else grain.reshape(3, -1)
    for start in range(0, len(places), CHUNK):
        at = places[start : start + CHUNK]
        i, b, f = (x[:, at][None, :, None] for x in (*pixels, flat_f))
        a = flat_alpha[at][None, None, None]
        n = None if rough is None else rough[:, at][None, :, None]
        a, f = finished(i, b, a, f, None, settings, bounds, n)
        flat_alpha[at], flat_f[:, at] = a[0, 0, 0], f[0, :, 0]
        yield Step(Stage.UPSAMPLE, min(start + CHUNK, len(places)), len(places), 1.0)
    alpha = without_grain(alpha, foreground, clean, held, grain)
    if core_by_guess:
        alpha = with_solid_core(alpha, held, settings)
    for rows in range(0, size[0], max(1, CHUNK // size[1])):
        part = slice(rows, rows + max(1, CHUNK // size[1]))
        i, b, a, f = (x[:, :, part] for x in (image, clean, alpha, foreground))
        foreground[:, :, part] = exact_foreground(i, b, a, f, settings)
    confidence = torch.where(trimap == 0.5, confidence, 1.0)
    return Solution(alpha, foreground, trimap, confidence)


def _enlarged(x: Tensor, size: torch.Size) -> Tensor:
    return functional.interpolate(x, size, mode="bilinear", align_corners=False)
