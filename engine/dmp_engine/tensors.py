"""Plates as tensors and back, and at the sizes that the algorithm and the eye want."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor
from torch.nn import functional


def tensor_of(pixels: npt.NDArray[np.float32], where: str) -> Tensor:
    """(H, W, C) to (1, C, H, W) on the device."""
    return torch.from_numpy(np.ascontiguousarray(pixels.transpose(2, 0, 1)))[None].to(where)


def array_of(tensor: Tensor, size: tuple[int, int]) -> npt.NDArray[np.float32]:
    """(1, C, H, W) to (h, w, C), cut to ``size``."""
    array: npt.NDArray[np.float32] = (
        tensor[0, :, : size[0], : size[1]].permute(1, 2, 0).contiguous().cpu().numpy()
    )
    return array


def at_least(images: list[Tensor], side: int) -> tuple[list[Tensor], tuple[int, int]]:
    """Images extended to ``side`` by repeating their last row and column, and the old size."""
    height, width = images[0].shape[-2:]
    extra = [0, max(0, side - width), 0, max(0, side - height)]
    if any(extra):
        images = [functional.pad(x, extra, mode="replicate") for x in images]
    return images, (height, width)


def at_most(image: Tensor, side: int) -> Tensor:
    """The image, scaled down where it is larger than ``side`` pixels."""
    longest = max(image.shape[-2:])
    if longest <= side:
        return image
    size = [max(1, round(s * side / longest)) for s in image.shape[-2:]]
    return functional.interpolate(image, size, mode="area")
