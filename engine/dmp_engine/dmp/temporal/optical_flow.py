"""How the subject moves from one frame to another, and pictures fetched along that motion.

Flow is found between pictures of the *subject alone*, its estimated layer over flat
grey: in the plates themselves the clean plate stands still behind moving hair, and
its edges would hold the flow back exactly where it is needed. Dense inverse search,
Kroeger et al., "Fast Optical Flow using Dense Inverse Search" (2016).
"""

from __future__ import annotations

import cv2
import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn import functional

from ..model.encoding import Encoding
from ..paper.initial_alpha import LUMA
from .parameters import SHOT


def layer_picture(alpha: Tensor, foreground: Tensor, encoding: Encoding) -> NDArray[np.uint8]:
    """(H, W) luma of the layer over grey, as displayed, for :func:`flow`."""
    grey = encoding.decode(torch.full_like(alpha, SHOT.grey))
    over_grey = encoding.encode(alpha * foreground + (1 - alpha) * grey)
    luma = (over_grey * over_grey.new_tensor(LUMA).view(1, 3, 1, 1)).sum(1)[0].clamp(0, 1)
    picture: NDArray[np.uint8] = (luma * 255).round().byte().cpu().numpy()
    return picture


def flow(
    here: NDArray[np.uint8],
    there: NDArray[np.uint8],
    device: torch.device,
    start: Tensor | None = None,
) -> Tensor:
    """(H, W, 2): where each pixel of ``here`` is found in ``there``, in pixels from itself.

    ``start`` is a first guess of the same shape; far apart, the search fails without one.
    """
    search = cv2.DISOpticalFlow_create(cv2.DISOPTICAL_FLOW_PRESET_MEDIUM)
    search.setFinestScale(0)
    threads = cv2.getNumThreads()
    cv2.setNumThreads(1)  # its result depends on how many strips the picture is cut into
    try:
        moved = search.calc(here, there, None if start is None else start.cpu().numpy())
    finally:
        cv2.setNumThreads(threads)
    return torch.from_numpy(moved).to(device)


def chained(first: Tensor, then: Tensor) -> Tensor:
    """The motion ``first`` and, from where it leads, the motion ``then``; all (H, W, 2)."""
    return first + fetched(then.permute(2, 0, 1)[None], first)[0].permute(1, 2, 0)


def fetched(picture: Tensor, motion: Tensor) -> Tensor:
    """``picture`` (1, C, H, W) at the places that ``motion`` points to; borders repeated."""
    return functional.grid_sample(
        picture, _places(motion)[0], mode="bilinear", padding_mode="border", align_corners=True
    )


def within_frame(motion: Tensor) -> Tensor:
    """(1, 1, H, W) of 0 and 1: whether ``motion`` points into the frame."""
    inside = (_places(motion).abs() <= 1).all(-1)
    return inside.float()


def _places(motion: Tensor) -> Tensor:
    """(1, 1, H, W, 2) in [-1, 1] as ``grid_sample`` wants them."""
    height, width = motion.shape[:2]
    y, x = torch.meshgrid(
        torch.arange(height, device=motion.device),
        torch.arange(width, device=motion.device),
        indexing="ij",
    )
    across = (x + motion[..., 0]) / (width - 1) * 2 - 1
    down = (y + motion[..., 1]) / (height - 1) * 2 - 1
    return torch.stack([across, down], -1)[None, None]
