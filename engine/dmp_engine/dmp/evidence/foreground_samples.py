"""Evidence from sampled foreground colours: alpha that explains a pixel as F over B."""

from __future__ import annotations

import numpy as np
import torch
from scipy import ndimage
from torch import Tensor

from ..model.encoding import Encoding
from ..model.noise import Noise
from .types import REFERENCE_SIDE, Sampled

CANDIDATES, SPREAD = 120, 14.0
MISFIT = 0.0075  # sigma of a candidate's misfit, encoded
SOLID_ABOVE, SOLID_GAIN = 0.93, 50.0  # most pixels of the world are opaque
ROUGH = 2.0  # two channels' worth of noise lie across the line from B to F
FULL_SUPPORT = 0.03
CHUNK = 1 << 15


def sample_alpha(
    image: Tensor,
    clean: Tensor,
    query: Tensor,
    sources: Tensor,
    encoding: Encoding,
    generator: torch.Generator,
    *,
    apart: float = 0.0,
    noise: Noise | None = None,
) -> Sampled:
    """Alphas of the pixels ``query`` from the colours of the nearby ``sources``, both masks.

    ``image`` and ``clean`` are (1, 3, H, W) in the space they add up in. Sources
    nearer than ``apart`` pixels to the pixel itself do not count. Without any
    source the most different quarter of these pixels stands in.
    """
    height, width = image.shape[-2:]
    alpha = torch.zeros_like(image[:, :1])
    confidence = torch.zeros_like(alpha)
    undecided, core = query[0, 0], sources[0, 0]
    if not undecided.any():
        return Sampled(alpha, confidence)
    if not core.any():
        distance = (encoding.encode(image) - encoding.encode(clean)).square().sum(1)[0]
        among = distance[undecided]
        core = undecided & (distance >= among.kthvalue(1 + 3 * len(among) // 4).values)
    nearest = ndimage.distance_transform_edt(
        ~core.cpu().numpy(), return_distances=False, return_indices=True
    )
    nearest = torch.from_numpy(nearest.astype(np.int64)).to(image.device)
    spread = SPREAD * max(height, width) / REFERENCE_SIDE
    colours, clean_colours = image[0].flatten(1).T, clean[0].flatten(1).T  # (H W, 3)
    core_flat = core.flatten()
    grain = torch.zeros_like(core_flat, dtype=image.dtype)  # variance of a channel of I - B
    if noise is not None:
        grain = noise.sigma.square().flatten()
    places = undecided.flatten().nonzero().squeeze(1)
    for chunk in torch.split(places, CHUNK):
        offset = torch.randn(2, len(chunk), CANDIDATES, generator=generator).to(image.device)
        start = nearest.flatten(1)[:, chunk]  # (2, U)
        y = (start[0, :, None] + (offset[0] * spread).round().long()).clamp(0, height - 1)
        x = (start[1, :, None] + (offset[1] * spread).round().long()).clamp(0, width - 1)
        y[:, 0], x[:, 0] = start[0], start[1]
        candidate = y * width + x
        usable = core_flat[candidate].float()
        if apart > 0:
            row, column = (chunk // width)[:, None], (chunk % width)[:, None]
            far = (y - row).square() + (x - column).square() > apart * apart
            usable = usable * far + 1e-12  # a pixel with no source left divides by nothing
        colour, back = colours[chunk][:, None], clean_colours[chunk][:, None]  # (U, 1, 3)
        towards = colours[candidate] - back
        raw = ((colour - back) * towards).sum(2) / towards.square().sum(2).clamp_min(1e-4)
        mixed = raw.clamp(0, 1)
        built = back + mixed[..., None] * towards
        misfit = (encoding.encode(built) - encoding.encode(colour)).square().sum(2)
        rough = grain[chunk][:, None]
        weight = usable * ((-misfit / (6 * MISFIT**2 + ROUGH * rough)).exp() + 1e-9)
        weight = weight * (1 + SOLID_GAIN * (raw > SOLID_ABOVE))
        total = weight.sum(1)
        mean = (weight * mixed).sum(1) / total
        variance = (weight * (mixed - mean[:, None]).square()).sum(1) / total
        support = (total / usable.sum(1) / FULL_SUPPORT).clamp(0.02, 1)
        alpha.view(-1)[chunk] = mean
        confidence.view(-1)[chunk] = support / (variance + 0.01)
    return Sampled(alpha, confidence)
