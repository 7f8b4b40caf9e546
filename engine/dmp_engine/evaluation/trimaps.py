"""Trimaps for the classical peers: cut from the pair by eq. 8, or from the truth.

Eq. 8 leaves open how equal is equal, how large an island of equality must be to
be believed, and by how much the known foreground is shrunk. Each
:class:`Recipe` is one answer; docs/experiments/peers.md has the figures of each.
Lengths are in pixels at a long side of 512, areas at 320; both scale with the image.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from scipy import ndimage

from ..dmp.model.morphology import dilate, erode
from ..dmp.paper.initial_alpha import patch_similarity

Array = NDArray[np.float64]
Mask = NDArray[np.bool_]

LENGTHS_AT, AREAS_AT = 512, 320
SIMILAR, PATCH = 0.9, 5  # tau and J of eq. 8
ROUNDING = 1.6 / 255  # two 8-bit roundings, RMS over the channels
# Noise of a real pair: RMS distance in the calmest 5 % of 5x5 windows, times 3.
CALMEST, NOISE_FACTOR, NOISE_LIMIT = 0.05, 3.0, 0.1
RANGE_SHARE = 0.05  # the released code: RMS distance up to min + 5 % of the range
EXACT = 1e-6
MIXED = 0.02  # the truth has noise of that size in its core


@dataclass(frozen=True)
class Recipe:
    """How eq. 8 is read. ``equality`` is exact, range or crowd."""

    equality: str
    smallest: float = 0.0  # area below which known background is not believed
    margin: float = 0.0  # the known foreground keeps this distance from known background
    island_margin: float = 0.0  # and this one from islands that were not believed
    similar_margin: float = 0.0  # similar patches inside, eroded by 1, are grown by this


LITERAL = Recipe("exact")
# The authors' released code for composites. Its islands stay known background.
RELEASED = Recipe("range", margin=10, similar_margin=15)
# The same without islands under 30 px.
RELEASED_CLEANED = Recipe("range", smallest=30, margin=10, similar_margin=15)
# The strongest found: equality up to rounding and noise, in company; islands are undecided.
STRONG = Recipe("crowd", smallest=10, margin=8, island_margin=6, similar_margin=15)


def eq8_trimap(image: Array, clean: Array, recipe: Recipe) -> Array:
    """Trimap (H, W) of 0, 0.5, 1 for images (H, W, 3)."""
    length = max(image.shape) / LENGTHS_AT
    area = (max(image.shape) / AREAS_AT) ** 2
    equal = _equal(image, clean, recipe.equality)
    background = _without_islands(equal, recipe.smallest * area)
    similar = _numpy(patch_similarity(_tensor(image), _tensor(clean), PATCH) > SIMILAR)
    similar &= ~background
    if recipe == LITERAL:
        undecided = similar
    else:
        known = erode(_mask(~background), recipe.margin * length)
        inside = _mask(similar) if recipe.equality == "crowd" else _mask(similar) & known
        alike = dilate(erode(inside, 1), recipe.similar_margin * length)
        undecided = _numpy(~known | alike)
        if recipe.island_margin:
            undecided |= _numpy(dilate(_mask(equal & ~background), recipe.island_margin * length))
    trimap: Array = np.where(background, 0.0, np.where(undecided, 0.5, 1.0))
    return trimap


def truth_trimap(truth: Array, radius: float) -> Array:
    """Trimap whose undecided part is the truly mixed pixels grown by ``radius`` (at 512)."""
    mixed = (truth > MIXED) & (truth < 1 - MIXED)
    trimap = np.where(truth > 0.5, 1.0, 0.0)
    if mixed.any():
        away = ndimage.distance_transform_edt(~mixed)
        trimap[away <= radius * max(truth.shape) / LENGTHS_AT] = 0.5
    return trimap


def _equal(image: Array, clean: Array, how: str) -> Mask:
    distance = np.sqrt(np.square(image - clean).mean(axis=2))
    low, high = float(distance.min()), float(distance.max())
    limit = {"exact": EXACT, "range": low + RANGE_SHARE * (high - low), "crowd": _noise(distance)}[
        how
    ]
    equal: Mask = distance <= limit
    if how != "crowd":
        return equal
    company = ndimage.uniform_filter(equal.astype(np.float64), 3, mode="nearest") * 9
    crowd: Mask = _numpy(dilate(_mask(equal & (company > 2.9)), 1)) & equal
    return crowd


def _noise(distance: Array) -> float:
    """How far apart pixels of the same background may be."""
    windows = ndimage.uniform_filter(np.square(distance), 5, mode="nearest")
    noise = NOISE_FACTOR * float(np.sqrt(np.quantile(windows, CALMEST).clip(0)))
    return max(ROUNDING, min(noise, NOISE_LIMIT))


def _without_islands(mask: Mask, smallest: float) -> Mask:
    labels, _ = ndimage.label(mask)
    sizes = np.bincount(labels.ravel())
    sizes[0] = 0
    large: Mask = sizes[labels] >= max(1.0, smallest)
    return large


def _tensor(image: Array) -> torch.Tensor:
    return torch.from_numpy(np.ascontiguousarray(image.transpose(2, 0, 1))).float()[None]


def _mask(mask: Mask) -> torch.Tensor:
    return torch.from_numpy(np.ascontiguousarray(mask))[None, None]


def _numpy(mask: torch.Tensor) -> Mask:
    found: Mask = mask[0, 0].numpy()
    return found
