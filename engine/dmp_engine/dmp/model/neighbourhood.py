"""Neighbourhoods of pixels: Gaussian and box means, dilation, the nearest marked pixel.

All maps are (C, H, W) or (H, W); borders are repeated. Torch only, no transfer to the host.
"""

from __future__ import annotations

import math

import torch
from torch import Tensor
from torch.nn import functional

COARSE = 4.0  # sigma in pixels above which a blur works on means of pixels
FAR = -1e4  # row and column of no pixel
SEARCH_SIDE = 400  # long side at which the nearest pixel is searched


def gaussian_blur(x: Tensor, sigma: float) -> Tensor:
    """(C, H, W) blurred by ``sigma`` pixels; a wide blur works on block means."""
    block = 1
    while sigma / block > COARSE and min(x.shape[-2:]) >= 8 * block:
        block *= 2
    if block == 1:
        return _blur(x, sigma)
    height, width = x.shape[-2:]
    bottom, right = -height % block, -width % block
    padded = functional.pad(x[None], [0, right, 0, bottom], mode="replicate")
    small = _blur(functional.avg_pool2d(padded, block)[0], sigma / block)
    large = functional.interpolate(
        small[None], padded.shape[-2:], mode="bilinear", align_corners=False
    )
    return large[0, :, :height, :width]


def _blur(x: Tensor, sigma: float) -> Tensor:
    radius = min(math.ceil(3 * sigma), min(x.shape[-2:]) - 1)
    at = torch.arange(-radius, radius + 1, dtype=x.dtype, device=x.device)
    kernel = torch.exp(-(at / sigma).square() / 2)
    kernel = kernel / kernel.sum()
    planes = functional.pad(x[:, None], [radius] * 4, mode="reflect")
    planes = functional.conv2d(planes, kernel[None, None, None])
    return functional.conv2d(planes, kernel[None, None, :, None])[:, 0]


def box_mean(x: Tensor, side: int) -> Tensor:
    """Mean of (C, H, W) over ``side`` x ``side`` pixels, ``side`` odd."""
    return functional.avg_pool2d(
        functional.pad(x[None], [side // 2] * 4, mode="replicate"), side, 1
    )[0]


def largest_around(x: Tensor, side: int) -> Tensor:
    """Maximum of (H, W) over ``side`` x ``side`` pixels, ``side`` odd."""
    rows = functional.max_pool2d(x[None, None], (side, 1), 1, (side // 2, 0))
    return functional.max_pool2d(rows, (1, side), 1, (0, side // 2))[0, 0]


def dilate(mask: Tensor, radius: int) -> Tensor:
    """A mask (H, W) grown by ``radius`` pixels in each direction."""
    return largest_around(mask.float(), 2 * radius + 1) > 0


def erode(mask: Tensor, radius: int) -> Tensor:
    """A mask (H, W) shrunk by ``radius`` pixels in each direction; outside the frame counts in."""
    return ~dilate(~mask, radius)


def nearest(mask: Tensor) -> tuple[Tensor, Tensor]:
    """Rows and columns (H, W), int, of the marked pixel nearest to each pixel.

    Jump flooding (Rong, Tan 2006): exact for almost all pixels. Large maps are searched in
    blocks of pixels, hence to within a block. Without a marked pixel the results are negative.
    """
    height, width = mask.shape
    block = max(1, math.ceil(max(height, width) / SEARCH_SIDE))
    if block > 1:
        down, across = -height % block, -width % block
        padded = functional.pad(mask[None].float(), [0, across, 0, down])[0]
        y, x = nearest(functional.max_pool2d(padded[None, None], block)[0, 0] > 0)
        grow = [z.repeat_interleave(block, 0).repeat_interleave(block, 1) for z in (y, x)]
        y, x = (z[:height, :width] * block + block // 2 for z in grow)
        return y.clamp(max=height - 1), x.clamp(max=width - 1)
    y, x = (torch.arange(n, device=mask.device, dtype=torch.float32) for n in (height, width))
    own = torch.stack(torch.meshgrid(y, x, indexing="ij"))  # (2, H, W)
    found = torch.where(mask, own, FAR)
    best = (found - own).square_().sum(0)
    step = 1 << max(0, math.ceil(math.log2(max(height, width))) - 1)
    steps = [1]
    while step >= 1:
        steps.append(step)
        step //= 2
    for s in steps:
        padded = functional.pad(found[None], [s] * 4, value=FAR)[0]
        for dy in (0, s, 2 * s):
            for dx in (0, s, 2 * s):
                if dy == s and dx == s:
                    continue
                other = padded[:, dy : dy + height, dx : dx + width]
                distance = (other - own).square_().sum(0)
                found = torch.where(distance < best, other, found)
                best = torch.minimum(distance, best)
    y, x = found.int()
    return y, x


def distance_to(mask: Tensor) -> Tensor:
    """Distance (H, W) in pixels of each pixel from the nearest marked one."""
    y, x = nearest(mask)
    rows = torch.arange(mask.shape[0], device=mask.device)[:, None]
    columns = torch.arange(mask.shape[1], device=mask.device)[None]
    distance = ((y - rows).float().square() + (x - columns).float().square()).sqrt()
    return torch.where(mask, 0.0, distance)
