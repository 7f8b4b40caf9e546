"""Light that no alpha carries: a flare's rim, a glow before a highlight.

Premultiplied layers add up as P + (1 - alpha) B, and P may be light without alpha: that is how
fire, flares and reflections are composited. Where the plate is brighter than white, a glow that
adds less than a hundredth of alpha to a highlight is still many stops of light, and F, bounded
by the plate's own extremes, cannot carry it at so small an alpha. So there P takes all that
(1 - alpha) B leaves of the plate. Below white P is alpha F, as ever: what is left there is grain.

Where the pair is known to show background, only what is smooth is light: the rest is grain. Without
any grain (a render, the composite of one) there is no such rest, and all of it is light.

The straight foreground is not changed.
"""

from __future__ import annotations

import cv2
import numpy as np

from .clean_plate.local_contrast import Floats, Mask

FROM, TO = 0.5, 1.0  # brightest channel of the plate from which P begins to take, and takes, all
SMOOTH, REFERENCE_SIDE = 1.5, 320  # sigma in pixels at that size: light falls off, grain does not
GRAINLESS = 0.001  # of the plate; the median difference on known background that is no grain
LEAST, WHOLE = 0.002, 0.004  # of the plate; smooth light below is none, above is all taken


def premultiplied(
    image: Floats,
    clean: Floats,
    alpha: Floats,
    carried: Floats,
    background: Mask,
    empty: Mask | None = None,
) -> Floats:
    """P (H, W, 3) for ``alpha`` (H, W) and the light that it carries; all colours scene-linear.

    ``background`` (H, W) is known to be so by the pair. ``empty`` is so by the artist's word,
    and stays without any light.
    """
    left = image - (1 - alpha[..., None]) * clean
    highest = image.max(axis=2)
    bright = np.clip((highest - FROM) / (TO - FROM), 0, 1)
    # never less than nothing, but where the plate itself is
    whole = np.maximum(left, np.minimum(0, np.minimum(carried, image)))
    shown = background & (highest > TO)
    off = np.abs(left).max(axis=2)[shown] / highest[shown]
    if off.size and np.median(off) < GRAINLESS:
        background = np.zeros_like(background)
    known = background.astype(np.float32)
    sigma = max(SMOOTH, SMOOTH * max(alpha.shape) / REFERENCE_SIDE)
    weight = np.maximum(cv2.GaussianBlur(known, (0, 0), sigma), 1e-6)
    light = cv2.GaussianBlur(left * known[..., None], (0, 0), sigma) / weight[..., None]
    light = np.maximum(light, 0)
    much = light.max(axis=2) / np.maximum(highest, 1e-6)
    taken = np.clip((much - LEAST) / (WHOLE - LEAST), 0, 1)
    light *= taken[..., None]
    result = carried + bright[..., None] * (np.where(background[..., None], light, whole) - carried)
    if empty is not None:
        result = np.where(empty[..., None], np.float32(0), result)
    return np.asarray(result, np.float32)
