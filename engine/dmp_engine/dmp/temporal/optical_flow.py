"""How the subject moves from one frame to another, and pictures fetched along that motion.

Flow is found between pictures of the *subject alone*, its estimated layer over flat
grey: in the plates themselves the clean plate stands still behind moving hair, and
its edges would hold the flow back exactly where it is needed. Dense inverse search,
Kroeger et al., "Fast Optical Flow using Dense Inverse Search" (2016).
"""

from __future__ import annotations

import hashlib
from collections import OrderedDict
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

import cv2
import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn import functional

from ..model.encoding import Encoding
from ..paper.initial_alpha import LUMA
from .parameters import SHOT

Picture = NDArray[np.uint8]  # (H, W)
Motion = NDArray[np.float32]  # (H, W, 2)


@dataclass(frozen=True, eq=False)
class Wanted:
    """A flow to be found: from one picture to another, perhaps from a first guess."""

    here: Picture
    there: Picture
    start: Motion | None = None

    def key(self) -> tuple[bytes, bytes]:
        here, there = (
            hashlib.blake2b(x.tobytes(), digest_size=16) for x in (self.here, self.there)
        )
        return here.digest(), there.digest()

    def searched(self) -> Motion:
        search = cv2.DISOpticalFlow_create(cv2.DISOPTICAL_FLOW_PRESET_MEDIUM)
        search.setFinestScale(0)
        motion: Motion = search.calc(self.here, self.there, self.start)
        return motion


def layer_picture(alpha: Tensor, foreground: Tensor, encoding: Encoding) -> Picture:
    """(H, W) luma of the layer over grey, as displayed, for :class:`Flows`."""
    grey = encoding.decode(torch.full_like(alpha, SHOT.grey))
    over_grey = encoding.encode(alpha * foreground + (1 - alpha) * grey)
    luma = (over_grey * over_grey.new_tensor(LUMA).view(1, 3, 1, 1)).sum(1)[0].clamp(0, 1)
    picture: Picture = (luma * 255).round().byte().cpu().numpy()
    return picture


class Flows:
    """Finds flows, as many at once as torch may use threads, and keeps those found last.

    A third of the flows of a frame are those that the frame before it has asked for. A flow depends
    on its arguments alone, to the bit: each is found by one thread.
    """

    def __init__(self, kept: int = 16) -> None:
        self.kept = kept  # flows without a start, of 8 bytes a pixel
        self._found: OrderedDict[tuple[bytes, bytes], Motion] = OrderedDict()

    def between(self, wanted: Sequence[Wanted], device: torch.device) -> list[Tensor]:
        """(H, W, 2) for each of ``wanted``: where each pixel of ``here`` is found in ``there``.

        In pixels from itself. ``start`` is a first guess of the same shape; far apart, the search
        fails without one.
        """
        keys = [None if each.start is not None else each.key() for each in wanted]
        open_ = [n for n, key in enumerate(keys) if key is None or key not in self._found]
        made = dict(zip(open_, _searched([wanted[n] for n in open_]), strict=True))
        motions = []
        for n, key in enumerate(keys):
            if key is None:
                motions.append(made[n])
                continue
            motions.append(self._found.setdefault(key, made.get(n)))  # type: ignore[arg-type]
            self._found.move_to_end(key)
        while len(self._found) > self.kept:
            self._found.popitem(last=False)
        return [torch.from_numpy(motion).to(device) for motion in motions]


def _searched(wanted: Sequence[Wanted]) -> list[Motion]:
    together = min(len(wanted), torch.get_num_threads())
    threads = cv2.getNumThreads()
    cv2.setNumThreads(1)  # a flow depends on how many strips the picture is cut into
    try:
        if together < 2:
            return [each.searched() for each in wanted]
        with ThreadPoolExecutor(together) as pool:
            return list(pool.map(Wanted.searched, wanted))
    finally:
        cv2.setNumThreads(threads)


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
