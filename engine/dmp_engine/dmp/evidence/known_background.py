"""Where the pair surely shows the same: known background, and whether there is any.

Eq. 6 asks whether I equals B at a pixel. Here the pixel, the windows around it and its
neighbours must all pass a test that knows the pair's noise (model/noise.py). For what has to be
known before the model runs: which part of a large plate is solved, how a JPEG errs, whether the
two plates are of one scene. Lengths are in pixels at a long side of 320.
"""

from __future__ import annotations

import numpy as np
import torch
from scipy import ndimage
from torch import Tensor
from torch.nn import functional

from ..model.box_filter import mean_around
from ..model.morphology import dilate
from ..model.noise import Noise, same
from ..paper.initial_alpha import patch_similarity

REFERENCE_SIDE = 320
COMMON_SHARE = 0.002  # of the frame; below it the clean plate is of something else
# Edges in place: 5.5 for hair all over the frame, 15 to 80 for other pairs, at most 2.2 for
# pictures that have nothing in common (odd benchmark with foreign and mirrored clean plates).
IN_PLACE = 4.0  # standard deviations
SHIFT, SHIFTS = 12, 4  # pixels; to each side
SMALLEST_BACKGROUND = 30.0  # pixels of connected background


def nothing_in_common(image: Tensor, clean: Tensor) -> bool:
    """Whether the plate shows nothing of the clean plate, for encoded images (1, 3, H, W).

    Neither areas that are the same nor, where a subject such as hair covers all of the frame,
    edges of the clean plate that are seen between and through it.
    """
    _, agreed = same(image, clean, Noise.of_pair(image, clean))
    crowded = (mean_around(agreed.float(), 5) > 0.9).float().mean()
    alike = (patch_similarity(image, clean, 5) > 0.9).float().mean()
    if float(crowded) >= COMMON_SHARE or float(alike) >= 5 * COMMON_SHARE:
        return False
    return _edges_in_place(image, clean) < IN_PLACE


def _edges_in_place(image: Tensor, clean: Tensor) -> float:
    """How much better the edges of the two agree in place than shifted, in standard deviations."""
    scale = max(image.shape[-2:]) / REFERENCE_SIDE
    if scale > 1:
        size = [max(1, round(side / scale)) for side in image.shape[-2:]]
        image, clean = (functional.interpolate(x, size, mode="area") for x in (image, clean))
    I_edges, B_edges = (_edges(x[0].mean(0)) for x in (image, clean))

    def agreement(down: int, across: int) -> float:
        return float((I_edges * B_edges.roll((down, across), (1, 2))).mean())

    steps = range(-SHIFTS * SHIFT, SHIFTS * SHIFT + 1, SHIFT)
    shifted = [agreement(y, x) for y in steps for x in steps if (y, x) != (0, 0)]
    return (agreement(0, 0) - float(np.mean(shifted))) / (float(np.std(shifted)) + 1e-9)


def _edges(x: Tensor) -> Tensor:
    """Differences (2, h - 1, w - 1) to the neighbours of (h, w), strong ones bounded."""
    found = torch.stack([x[1:, 1:] - x[1:, :-1], x[1:, 1:] - x[:-1, 1:]])
    size = found.abs()
    return found / (size + size.mean() + 1e-9)


def known_background(image: Tensor, clean: Tensor, noise: Noise | None = None) -> Tensor:
    """Where the encoded images (1, 3, H, W) surely show the same, a mask (1, 1, H, W).

    Pixels in company that pass their test, and whose windows do; no small islands.
    """
    equal, agreed = same(image, clean, noise or Noise.of_pair(image, clean))
    scale = max(equal.shape[-2:]) / REFERENCE_SIDE
    crowded = agreed & (mean_around(equal.float(), 3) * 9 > 2.9)
    return _without_islands(dilate(crowded, 1) & equal, SMALLEST_BACKGROUND * scale * scale)


def _without_islands(mask: Tensor, smallest: float) -> Tensor:
    labels, count = ndimage.label(mask[0, 0].cpu().numpy())
    if count == 0:
        return mask
    sizes = np.bincount(labels.ravel())
    sizes[0] = 0
    return torch.from_numpy(sizes[labels] >= smallest)[None, None].to(mask.device)
