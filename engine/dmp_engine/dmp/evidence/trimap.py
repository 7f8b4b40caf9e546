"""What the pair itself shows before any network runs: a tested trimap and sampled alphas.

Our own extension of eq. 6-8, used where Settings.alpha_init is ``tested``. Two
ideas, both possible only because B is known at every pixel:

1. *Coincidence test.* I close to B at a pixel means background only if it is
   not to be expected by chance. How often do displaced, non-background pixels
   of the neighbourhood have B's colour here? Often: it shows nothing (beige
   before beige). Hardly ever: it is a hole, and the pixel is undecided.
2. *Sampling.* For an undecided pixel every colour F_k of the nearby core gives
   an alpha_k = (I - B)(F_k - B) / |F_k - B|^2 and a misfit. Their weighted
   mean is an alpha, the narrowness of their spread a confidence. After the
   sampling methods of natural matting (e.g. Gastal & Oliveira, "Shared
   Sampling", 2010), with one unknown colour less.

Colour differences are judged in encoded values (see encoding.py), layers are
mixed in the space they add up in. Lengths are in pixels at a long side of 320
and scale with the image.
"""

from __future__ import annotations

import numpy as np
import torch
from scipy import ndimage
from torch import Tensor

from ..model.box_filter import mean_around
from ..model.encoding import Encoding
from ..model.morphology import dilate, erode
from ..model.noise import ROUNDING, Noise, same
from ..paper.initial_alpha import patch_similarity
from .foreground_samples import sample_alpha
from .types import GRAINY, REFERENCE_SIDE

COMMON_SHARE = 0.002  # of the frame; below it the clean plate is of something else
NEAR = 0.1  # encoded distance that may be a hole
CHANCE = 0.05  # a coincidence rarer than this is none
SMALLEST_BACKGROUND = 30.0  # pixels of connected background
BORDER, HOLE_BORDER, ALIKE_BORDER = 6.0, 5.0, 5.0
DENSE, FAINT_BORDER = 0.6, 2.0  # share of a window of 5 that passes pixel by pixel; pixels
GRAINY_RIM = 1.0  # pixels of the background that grain may have taken from the subject
SHIFTS, SHIFT_RADIUS = 64, 24.0

DOUBT_APART, DOUBT_ALPHA, DOUBT_CONFIDENCE = 6.0, 0.7, 40.0
DOUBT_CLUSTER, DOUBT_BORDER = 3.9, 3.0


def nothing_in_common(image: Tensor, clean: Tensor, noise: Noise | None = None) -> bool:
    """Whether the plate shows nothing of the clean plate, for encoded images (1, 3, H, W)."""
    _, equal = same(image, clean, noise or Noise.of_pair(image, clean))
    crowded = (mean_around(equal.float(), 5) > 0.9).float().mean()
    alike = (patch_similarity(image, clean, 5) > 0.9).float().mean()
    return float(crowded) < COMMON_SHARE and float(alike) < 5 * COMMON_SHARE


def tested_trimap(
    image: Tensor,
    clean: Tensor,
    generator: torch.Generator,
    *,
    noise: Noise | None = None,
    edge_loss_px: float = 0.0,
) -> Tensor:
    """Trimap (1, 1, H, W) of 0, 0.5, 1 for encoded images (1, 3, H, W).

    ``noise`` is the pair's own where none is given. ``seam`` is how many pixels of background
    beside the subject the fit of the clean plate lost.
    """
    noise = noise or Noise.of_pair(image, clean)
    if nothing_in_common(image, clean, noise):
        return torch.ones_like(image[:, :1])
    scale = max(image.shape[-2:]) / REFERENCE_SIDE
    tolerance = noise.tolerance()
    near = (2 * tolerance).clamp_min(NEAR)
    distance = (image - clean).square().mean(1, keepdim=True).sqrt()

    equal, agreed = same(image, clean, noise)
    background = _background(equal, agreed)

    close = distance <= near
    neighbours = mean_around(close.float(), 3) * 9
    hole = close & (neighbours > 1.9)
    hole &= _chance(image, clean, background, near, scale, generator) < CHANCE
    spot = equal & (neighbours > 2.9)
    spot &= _chance(image, clean, background, tolerance, scale, generator) < CHANCE
    holes = (hole | spot) & ~background

    # Pixel by pixel it passes for background, the windows deny it: hair fainter than the grain.
    faint = _beside(background, equal & (mean_around(equal.float(), 5) > DENSE))
    # What grain hides it hides from both tests: the outermost background is tested once more.
    grainy = tolerance > GRAINY * ROUNDING
    subject = dilate(erode(~background, 1), 1)
    rim = background & grainy & dilate(subject, GRAINY_RIM * scale)
    alike = erode(patch_similarity(image, clean, 5) > 0.9, 1) & ~background
    undecided = (
        dilate(background, BORDER * scale + edge_loss_px)
        | dilate(holes, HOLE_BORDER * scale)
        | dilate(alike, ALIKE_BORDER * scale)
        | dilate(faint, FAINT_BORDER * scale)
        | rim
    )
    trimap = torch.where(undecided, 0.5, 1.0)
    return torch.where(background & ~rim, 0.0, trimap)


def known_background(image: Tensor, clean: Tensor, noise: Noise | None = None) -> Tensor:
    """Where the encoded images (1, 3, H, W) surely show the same, a mask (1, 1, H, W)."""
    return _background(*same(image, clean, noise or Noise.of_pair(image, clean)))


def second_look(
    image: Tensor,
    clean: Tensor,
    trimap: Tensor,
    encoding: Encoding,
    generator: torch.Generator,
    noise: Noise | None = None,
) -> Tensor:
    """The trimap with core pixels made undecided that are surely seen through.

    Fine hair hides the clean plate's colours well enough to pass for core. But
    its colour is a mixture, rare in the core, that core colours and B explain
    narrowly: each core pixel is sampled from the core around it, and a cluster
    of confident low alphas is doubted.
    """
    scale = max(image.shape[-2:]) / REFERENCE_SIDE
    core = trimap == 1
    if not core.any() or not (trimap == 0).any():
        return trimap
    sampled = sample_alpha(
        image, clean, core, core, encoding, generator, apart=DOUBT_APART * scale, noise=noise
    )
    doubted = core & (sampled.alpha < DOUBT_ALPHA) & (sampled.confidence > DOUBT_CONFIDENCE)
    doubted &= mean_around(doubted.float(), 3) * 9 > DOUBT_CLUSTER
    return torch.where(core & dilate(doubted, DOUBT_BORDER * scale), 0.5, trimap)


def _background(equal: Tensor, agreed: Tensor) -> Tensor:
    """Pixels in company that pass their test, and whose windows do; no small islands."""
    scale = max(equal.shape[-2:]) / REFERENCE_SIDE
    crowded = agreed & (mean_around(equal.float(), 3) * 9 > 2.9)
    return _without_islands(dilate(crowded, 1) & equal, SMALLEST_BACKGROUND * scale * scale)


def _beside(background: Tensor, candidates: Tensor) -> Tensor:
    """The candidates that are connected with the background."""
    known = background[0, 0].cpu().numpy()
    among = known | candidates[0, 0].cpu().numpy()
    reached = ndimage.binary_propagation(known, mask=among) & ~known
    return torch.from_numpy(reached)[None, None].to(background.device)


def _without_islands(mask: Tensor, smallest: float) -> Tensor:
    labels, count = ndimage.label(mask[0, 0].cpu().numpy())
    if count == 0:
        return mask
    sizes = np.bincount(labels.ravel())
    sizes[0] = 0
    return torch.from_numpy(sizes[labels] >= smallest)[None, None].to(mask.device)


def _chance(
    image: Tensor,
    clean: Tensor,
    background: Tensor,
    near: Tensor,
    scale: float,
    generator: torch.Generator,
) -> Tensor:
    """Share of displaced non-background pixels whose colour is that of B here: a map in (0, 1)."""
    height, width = image.shape[-2:]
    hits = torch.zeros_like(background, dtype=torch.float32)
    tries = torch.zeros_like(hits)
    usable = ~background
    radius = max(3, round(SHIFT_RADIUS * scale))
    done = 0
    while done < SHIFTS:
        dy, dx = torch.randint(-radius, radius + 1, (2,), generator=generator).tolist()
        if dy * dy + dx * dx < 9:
            continue
        done += 1
        rows = (torch.arange(height, device=image.device) + dy).clamp(0, height - 1)
        columns = (torch.arange(width, device=image.device) + dx).clamp(0, width - 1)
        shifted = image[:, :, rows][..., columns]
        counts = usable[:, :, rows][..., columns]
        close = (shifted - clean).square().mean(1, keepdim=True).sqrt() <= near
        hits += counts & close
        tries += counts
    return (hits + 0.5) / (tries + 1)
