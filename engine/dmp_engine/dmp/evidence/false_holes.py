"""Dull spots inside the subject that are no holes.

Where black fur turns white, some grey in between is the clean plate's colour, and the evidence
takes it for half a hole. The border of the undecided region may reach there, so that no test of
whole islands sees it (evidence.without_closed_holes). A spot is what a first solution leaves below
opaque and walled in by opaque pixels. Two things give a false one away:

- it is half open all over: gaps between hairs that are cut off from the background are open, and
  what one measures in them is mostly 0;
- around it the difference I - B changes sign. alpha (F - B) does so only where F passes through
  B's colour; at a hole both sides differ from B in the same direction, their own.

And a large hole shows the clean plate somewhere in its middle.
"""

from __future__ import annotations

import numpy as np
import torch
from scipy import ndimage
from torch import Tensor

from ..model.box_filter import mean_around
from ..model.morphology import dilate
from ..model.noise import ROUNDING, Noise
from .types import GRAINY, REFERENCE_SIDE, SeenThrough

OPAQUE = 0.7  # alpha from which a pixel walls a spot in
HALF_OPEN, ALMOST_CLOSED = 0.45, 0.55  # mean alpha of a spot that is doubted; that is none
WINDOW, ALIKE = 7.0, 0.5  # pixels; share of the difference around that has one direction
LARGE, SEEN = 80.0, 0.02  # pixels, at the reference size; share of them where I is B
RIM = 1.0  # pixels around a spot that are decided with it


def fill_false_holes(
    image: Tensor, clean: Tensor, trimap: Tensor, alpha: Tensor, noise: Noise | None = None
) -> Tensor:
    """The trimap (1, 1, H, W) with such spots decided as core.

    ``image`` and ``clean`` are encoded, ``alpha`` in [0, 1] is a first solution for
    ``trimap``; ``noise`` is the pair's own where none is given.
    """
    values = alpha[0, 0].cpu().numpy()
    labels, count = ndimage.label(values < OPAQUE, np.ones((3, 3)))
    if count == 0:
        return trimap
    scale = max(1.0, max(trimap.shape[-2:]) / REFERENCE_SIDE)
    numbers = np.arange(1, count + 1)
    background = (trimap == 0)[0, 0].cpu().numpy()
    area = ndimage.sum_labels(labels > 0, labels, numbers)
    walled = ndimage.maximum(background, labels, numbers) == 0
    if not walled.any():
        return trimap
    mean = ndimage.mean(values, labels, numbers)
    alike = _alike(image - clean, 2 * int(WINDOW * scale / 2) + 1)[0, 0].cpu().numpy()
    around = ndimage.median(alike, labels, numbers)
    tolerance = 2 * (noise or Noise.of_pair(image, clean)).tolerance()
    equal = (image - clean).square().mean(1, keepdim=True).sqrt() <= tolerance
    seen = ndimage.sum_labels(equal[0, 0].cpu().numpy(), labels, numbers)
    unseen = (area > LARGE * scale * scale) & (seen < SEEN * area)
    doubted = (mean > HALF_OPEN) & ((around < ALIKE) | unseen)
    dull = walled & ((mean > ALMOST_CLOSED) | doubted)
    spot = torch.from_numpy(np.concatenate([[False], dull])[labels])[None, None].to(trimap.device)
    decided = (dilate(spot, RIM * scale) & (alpha >= OPAQUE)) | spot
    return torch.where(decided & (trimap == 0.5), 1.0, trimap)


def _alike(difference: Tensor, window: int) -> Tensor:
    """|mean|^2 / mean of squares of the difference (1, 3, H, W) in a window, in [0, 1]."""
    mean = mean_around(difference, window).square().sum(1, keepdim=True)
    return mean / (mean_around(difference.square().sum(1, keepdim=True), window) + 1e-6)


OPEN = 0.3  # alpha below which a hole is one
SEEN_PIXELS = 3  # pixels of it that show the clean plate, at the reference size and below
CHANCE_SPREADS, CHANCE_COUNT = 1 / 3, 10  # share and number of pixels, see without_closed_holes
DENIED, DENIAL_VARIANCE = 0.8, 0.1  # alpha by texture that denies a hole, when as sure as that


def without_closed_holes(
    image: Tensor,
    clean: Tensor,
    trimap: Tensor,
    alpha: Tensor,
    through: SeenThrough,
    noise: Noise | None = None,
) -> Tensor:
    """The trimap with the undecided islands inside the core decided that turned out to be no holes.

    ``image`` and ``clean`` are encoded, ``alpha`` is a first solution for ``trimap``, ``noise``
    as for :func:`tested_trimap`. A hole opens: alpha falls below OPEN somewhere, the clean
    plate itself is seen at a few pixels, and its texture there does not deny it (two soft
    surfaces have one colour wherever their brightnesses cross). Nor may, under grain, what is
    taken for the clean plate be spread as chance spreads it: of the colours within twice the
    tolerance, half lie within once of it on a line, a quarter on a plane, an eighth in space;
    of the clean plate's own nearly all. An island of doubt in which it does not open was a
    coincidence, and is core.
    """
    labels, count = ndimage.label((trimap == 0.5)[0, 0].cpu().numpy())
    if count == 0:
        return trimap
    scale = max(trimap.shape[-2:]) / REFERENCE_SIDE
    numbers = np.arange(1, count + 1)
    lowest = ndimage.minimum(alpha[0, 0].cpu().numpy(), labels, numbers)
    beside_background = dilate(trimap == 0, 1)[0, 0].cpu().numpy()
    bordering = ndimage.maximum(beside_background, labels, numbers) > 0
    tolerance = (noise or Noise.of_pair(image, clean)).tolerance()
    distance = (image - clean).square().mean(1, keepdim=True).sqrt()
    equal = (distance <= 2 * tolerance)[0, 0].cpu().numpy()
    seen = ndimage.sum_labels(equal, labels, numbers)
    grainy = equal & (tolerance > GRAINY * ROUNDING)[0, 0].cpu().numpy()
    near = ndimage.sum_labels(grainy, labels, numbers)
    inner = grainy & (distance <= tolerance)[0, 0].cpu().numpy()
    chance = (near >= CHANCE_COUNT) & (
        ndimage.sum_labels(inner, labels, numbers) < CHANCE_SPREADS * near
    )
    precision = (equal / through.variance[0, 0].cpu().numpy()).astype(np.float64)
    known = ndimage.sum_labels(precision, labels, numbers)
    said = ndimage.sum_labels(precision * through.alpha[0, 0].cpu().numpy(), labels, numbers)
    denied = (known > seen / DENIAL_VARIANCE) & (said > DENIED * known)
    closed = (lowest > OPEN) | (seen < SEEN_PIXELS * max(1.0, scale * scale)) | denied | chance
    decided = np.concatenate([[False], ~bordering & closed])
    return torch.where(torch.from_numpy(decided[labels])[None, None].to(trimap.device), 1.0, trimap)
