"""Shadows and pools of light that the subject throws on the background: light, not subject.

I = alpha F + (1 - alpha) s B, with s below 1 in a shadow and above it in a reflected or moving
light. The result is s, the ratio by which the clean plate is to be multiplied, so that
the matte is cut against the background as it was lit. Where a shadow cannot be distinguished from
a subject, there is none.

    seeds   windows whose detail is the clean plate's (exposure drops out), in another
            light, and what is the clean plate as it is
    colour  the log ratios of the seeds lie about one line: the colour of the missing light
    grown   from the seeds over neighbours whose ratio has that colour and changes slowly, which
            is how a penumbra crosses plain ground; an outline of a subject is a jump
    ground  a shadow lies on the ground: it runs out into ground that is lit as before. What is
            walled in by the subject is a part of it that looks like dark background
    filled  smoothly under the subject, so that hair in front of a shadow has a background

A shadow with a hard edge on plain ground looks like a flat dark subject, and stays one.
"""

from __future__ import annotations

import cv2
import numpy as np
from scipy import ndimage

from .local_contrast import Floats, Mask, agreement, detail, encoded, shrunk

SIZE = 640  # long side at which shadows are looked for
ALIKE = 0.6  # correlation of detail of a seed
DARKEST, BRIGHTEST = 0.12, 3.0  # ratios that are still light
UNLIT = 0.03  # log ratio below which nothing changed
DARK = 0.004  # in the mix: added to both sides of a ratio, so that black has one
OFF = (0.05, 0.3, 0.2)  # logs off the light's colour: least, share of the level, most
TINTED = 0.5  # log of the light's colour; more is coloured glass
STEEP = 0.1  # log ratio per pixel at SIZE; more is an outline
LEAST = 0.001  # of the frame
RIM = 0.028  # of the long side; a narrower change is a fringe of hair
OUTWARD = 1 / 3  # of what surrounds a shadow is lit as before; the rest may be subject
NEAR, FAR = 1, 4  # pixels at SIZE beside a shadow: its penumbra's end, where it is looked at
SMOOTH = 1.2  # sigma of the ratio, pixels at SIZE
UNEXPLAINED = 0.035  # encoded; what may be left of the plate after relighting


def find_shadow(image: Floats, clean: Floats, known: Mask, linear: bool) -> Floats | None:
    """The ratio s (H, W, 3) for plates (H, W, 3) as they composite, or None where there is none.

    ``clean`` is fitted, ``known`` (H, W) where it has pixels.
    """
    height, width = known.shape
    plate, background = shrunk(image, SIZE), shrunk(clean, SIZE)
    valid = shrunk(known.astype(np.float32), SIZE) > 0.999
    log = _log_ratio(plate, background)
    level = log.mean(axis=2)
    light = (level > np.log(DARKEST)) & (level < np.log(BRIGHTEST)) & valid
    views = [detail(encoded(x, linear)) for x in (plate, background)]
    alike = (agreement(*views) > ALIKE) & light
    changed = alike & (np.abs(level) > UNLIT)
    if changed.mean() < LEAST:
        return None
    colour = _colour(log[changed])
    if np.abs(np.log(np.maximum(colour, 0.01))).max() > TINTED:
        return None  # coloured glass, not light
    off = np.abs(log - level[..., None] * colour).max(axis=2)
    relit = background * np.exp(log)
    apart = np.sqrt(np.square(encoded(plate, linear) - encoded(relit, linear)).mean(axis=2))
    steep = np.hypot(cv2.Sobel(level, cv2.CV_32F, 1, 0), cv2.Sobel(level, cv2.CV_32F, 0, 1)) / 8
    may = (
        light
        & (off < np.minimum(OFF[0] + OFF[1] * np.abs(level), OFF[2]))
        & (apart < UNEXPLAINED)
        & (steep < STEEP)
    )
    unchanged = valid & (np.abs(log).max(axis=2) < UNLIT)
    seeds = ndimage.binary_opening(alike & may, np.ones((3, 3)))
    ground = ndimage.binary_propagation(seeds, mask=may | unchanged) | unchanged
    ground = ndimage.binary_opening(ground, np.ones((3, 3))) & valid
    shadow = ground & (np.abs(level) > UNLIT)
    broad = np.ones((2 * round(RIM * max(shadow.shape) / 2) + 1,) * 2)
    wide = ndimage.binary_opening(shadow, broad)
    shadow &= ndimage.binary_dilation(wide, broad)
    shadow = _on_the_ground(shadow, unchanged)
    ground &= unchanged | shadow
    if shadow.mean() < LEAST:
        return None
    ratio = np.exp(_spread(log, ground))
    # Where nothing is lit otherwise the clean plate stays as it is, to the bit.
    near = cv2.GaussianBlur(_large(shadow).astype(np.float32), (0, 0), 4 * SMOOTH)
    share = np.clip(near * 4, 0, 1)[..., None]
    ratio = (1 + share * (ratio - 1)).astype(np.float32)
    result: Floats = cv2.resize(ratio, (width, height), interpolation=cv2.INTER_LINEAR)
    return result


def _log_ratio(plate: Floats, background: Floats) -> Floats:
    """log s (h, w, 3) of what both show, grain smoothed."""
    smooth = [
        cv2.GaussianBlur(np.maximum(x, 0), (0, 0), SMOOTH) + DARK for x in (plate, background)
    ]
    result: Floats = np.log(smooth[0] / smooth[1]).astype(np.float32)
    return result


def _colour(log: Floats) -> Floats:
    """The direction (3,) of log ratios (N, 3), of mean 1."""
    level = log.mean(axis=1)
    direction = np.array([np.median(log[:, c] / level) for c in range(3)], np.float32)
    result: Floats = direction / max(float(direction.mean()), 0.1)
    return result


def _on_the_ground(shadow: Mask, unchanged: Mask) -> Mask:
    """Without the parts that do not run out into ground that is lit as it was."""
    kept = np.zeros_like(shadow)
    labels, count = ndimage.label(shadow, np.ones((3, 3)))
    for number, place in enumerate(ndimage.find_objects(labels), 1):
        near = tuple(
            slice(max(0, side.start - FAR), min(size, side.stop + FAR))
            for side, size in zip(place, shadow.shape, strict=True)
        )
        part = labels[near] == number
        far = ndimage.binary_dilation(part, np.ones((3, 3)), FAR)
        beside = far & ~ndimage.binary_dilation(part, np.ones((3, 3)), NEAR) & ~shadow[near]
        if (beside & unchanged[near]).sum() >= OUTWARD * max(1, beside.sum()):
            kept[near] |= part
    return kept


def _large(shadow: Mask) -> Mask:
    """Without islands too small to be anybody's shadow."""
    labels, count = ndimage.label(shadow)
    sizes = np.bincount(labels.ravel(), minlength=count + 1)
    sizes[0] = 0
    result: Mask = (sizes >= LEAST * shadow.size)[labels]
    return result


def _spread(log: Floats, ground: Mask) -> Floats:
    """``log`` on the ground, and beyond it what lies around, nearer first."""
    result = np.where(ground[..., None], log, 0)
    missing = ~ground
    weight = ground.astype(np.float32)
    for sigma in (2.0, 6.0, 18.0, 54.0, 160.0):
        share = cv2.GaussianBlur(weight, (0, 0), sigma)
        around = cv2.GaussianBlur(log * weight[..., None], (0, 0), sigma)
        use = missing & (share > 0.02)
        result[use] = (around / np.maximum(share, 1e-6)[..., None])[use]
        missing &= ~use
    smooth: Floats = cv2.GaussianBlur(result.astype(np.float32), (0, 0), 1.0)
    return np.where(ground[..., None], result, smooth).astype(np.float32)
