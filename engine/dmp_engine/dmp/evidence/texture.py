"""Alpha from the clean plate's texture that shows through the subject.

Our own evidence, possible only because B is known. At a blurred edge the
foreground is smoother than the clean plate, so what a small window of the plate
has of the clean plate's texture came through it: with I = alpha F + (1 - alpha) B
and the window's means taken away, the regression of I on B has the slope
1 - alpha. It shows nothing where B is flat, and little where F has a texture of
its own; the residual shows which. Motion blur and defocus, where colours mislead
most, is where it is best: the two kinds of evidence are weighed by their variances.

Colours are in the space they add up in; lengths in pixels at a long side of 320.
"""

from __future__ import annotations

import torch
from torch import Tensor

from ..model.box_filter import mean_around
from ..model.morphology import dilate
from .types import REFERENCE_SIDE, Sampled, SeenThrough

# Window in pixels, and the variance of alpha where as much is unexplained as B has texture. Both
# were fitted to what the errors really are on the benchmark, the lemur and the furball.
WINDOWS = ((3, 0.1), (7, 0.6))
LEAST_VARIANCE = 0.004
FLOOR = 1e-5  # of the picture's mean square: texture below it is rounding
GRAIN, TINY = 10.0, 1e-3  # of the floor: unexplained at least; texture at least, against 0 / 0

# The variance of a sampled alpha falls from SURE + 100 * PER_CONFIDENCE to SURE at confidence 100.
SURE, PER_CONFIDENCE = 0.003, 0.001

REACH, MARGIN = 14.0, 2.0  # pixels from the background that are looked at; opened around a find
SIGMAS, LEAST_SLOPE, CLUSTER = 2.0, 0.1, 3.9  # when a core pixel is seen through


def seen_through(image: Tensor, clean: Tensor, grain: Tensor | None = None) -> SeenThrough:
    """For ``image`` and ``clean`` (1, 3, H, W); ``grain`` as of :meth:`Noise.where_mixed`.

    Grain of the clean plate's own is no texture that could show through.
    """
    own = 0.0 if grain is None else grain.square().sum(1, keepdim=True) / 2
    floor = FLOOR * clean.square().mean().clamp(1e-4, 1.0)
    value = torch.zeros_like(image[:, :1])
    precision = torch.zeros_like(value)
    for window, share in WINDOWS:
        image_detail, clean_detail = (x - mean_around(x, window) for x in (image, clean))
        together = mean_around((image_detail * clean_detail).sum(1, keepdim=True), window)
        texture = mean_around(clean_detail.square().sum(1, keepdim=True), window) - own * (
            1 - 1 / window**2
        )
        texture = texture.clamp_min(TINY * floor)
        slope = together / (texture + floor)
        power = mean_around(image_detail.square().sum(1, keepdim=True), window)
        unexplained = (power - slope * together).clamp_min(0) + GRAIN * floor
        trust = 1 / (share * unexplained / texture + LEAST_VARIANCE)
        value += trust * (1 - slope.clamp(0, 1))
        precision += trust
    return SeenThrough(value / precision, 1 / precision)


def with_texture(sampled: Sampled, through: SeenThrough, query: Tensor) -> Sampled:
    """Sampled alphas and the texture's, weighed by their variances, at the pixels ``query``."""
    by_colour = torch.where(sampled.confidence > 0, 1 / variance_of(sampled.confidence), 0.0)
    by_texture = 1 / through.variance
    precision = by_colour + by_texture
    alpha = (by_colour * sampled.alpha + by_texture * through.alpha) / precision
    confidence = (100 - (1 / precision - SURE) / PER_CONFIDENCE).clamp(0, 100)
    return Sampled(torch.where(query, alpha, 0.0), torch.where(query, confidence, 0.0))


def variance_of(confidence: Tensor) -> Tensor:
    """The variance of an alpha's error that goes with a confidence of :class:`Sampled`."""
    return SURE + PER_CONFIDENCE * (100 - confidence.clamp(0, 100))


def opened_where_seen_through(trimap: Tensor, through: SeenThrough) -> Tensor:
    """The trimap with core near the background made undecided where the clean plate shows.

    The border of the undecided region thereby follows motion blur and defocus.
    """
    scale = max(trimap.shape[-2:]) / REFERENCE_SIDE
    core = trimap == 1
    slope = 1 - through.alpha
    found = core & dilate(trimap == 0, REACH * scale)
    found &= (slope > SIGMAS * through.variance.sqrt()) & (slope > LEAST_SLOPE)
    found &= mean_around(found.float(), 3) * 9 > CLUSTER
    return torch.where(core & dilate(found, MARGIN * scale), 0.5, trimap)
