"""The first alpha: known background, patch similarity, trimap (eq. 6-8), its update (eq. 19).

All tensors are float32. Images are (1, 3, H, W), maps (1, 1, H, W); masks are maps of bool.
"""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional

from dmp_matting.settings import Settings

LUMA = (0.299, 0.587, 0.114)  # the Y of YIQ


def first_alpha(image: Tensor, clean: Tensor, settings: Settings) -> Tensor:
    """alpha^[0] of eq. 8 for encoded images; or 0.5 everywhere, as in Table III."""
    if settings.alpha_init == "simple":
        return torch.full_like(image[:, :1], 0.5)
    background = background_mask(image, clean, settings.background_tolerance)
    similarity = patch_similarity(image, clean, settings.patch_size)
    return initial_alpha(background, similarity, settings.similarity)


def background_mask(image: Tensor, clean: Tensor, tolerance: float) -> Tensor:
    """Omega_B of eq. 6: where the plate equals the clean plate.

    The paper's equality is ``tolerance`` 0; otherwise the RMS colour distance
    may be up to ``tolerance`` (in units of the images).
    """
    distance = (image - clean).square().mean(1, keepdim=True).sqrt()
    return distance <= tolerance


def patch_similarity(image: Tensor, clean: Tensor, patch: int) -> Tensor:
    """S of eq. 7: normalised correlation of the Y patches, a map in [-1, 1].

    Where a patch has no texture at all the quotient is 0/0. Two flat patches
    of the same value are alike (1); any other such pair is not (0).
    """
    luma = image.new_tensor(LUMA).view(1, 3, 1, 1)
    y = (image * luma).sum(1, keepdim=True).double()
    yb = (clean * luma).sum(1, keepdim=True).double()

    def mean(x: Tensor) -> Tensor:
        padded = functional.pad(x, [patch // 2] * 4, mode="replicate")
        return functional.avg_pool2d(padded, patch, stride=1)

    covariance = mean(y * yb) - mean(y) * mean(yb)
    spread = (mean(y * y) - mean(y) ** 2).clamp_min(0) * (mean(yb * yb) - mean(yb) ** 2).clamp_min(
        0
    )
    flat = spread < 1e-14
    same = ((mean(y) - mean(yb)).abs() < 1e-3).double()
    s = torch.where(flat, same, covariance / spread.clamp_min(1e-14).sqrt())
    return s.clamp(-1, 1).float()


def initial_alpha(background: Tensor, similarity: Tensor, threshold: float) -> Tensor:
    """alpha^[0] of eq. 8: 0 in Omega_B, 0.5 where the patches are alike, else 1."""
    alpha = torch.where(similarity > threshold, 0.5, 1.0)
    return torch.where(background, 0.0, alpha)


def updated_alpha(previous: Tensor, solved: Tensor, how: str) -> Tensor:
    """The next round's alpha^[0] from this round's and its solution.

    ``proposed`` is eq. 19; ``simple`` is Table III's variant, which looks at
    the solution alone.
    """
    if how == "simple":
        alpha = torch.where(solved > 0.95, 1.0, 0.5)
        return torch.where(solved < 0.05, 0.0, alpha)
    alpha = torch.where((previous + solved) / 2 > 0.75, 1.0, 0.5)
    return torch.where(previous == 0, 0.0, alpha)
