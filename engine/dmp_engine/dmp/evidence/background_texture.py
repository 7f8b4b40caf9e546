"""Alpha of a window from the texture of B that is seen through the subject.

In a window of 9 x 9 pixels grad I = (1 - alpha) grad B + e, where e is the subject's own texture.
The generalised least-squares slope s is computed with the covariance R of e over the channels,
which the window itself gives (M are second moments, N the noise's):

    R = M_II - s (M_IB + M_IB') + s^2 M_BB + N,    s = tr(R^-1 M_IB) / tr(R^-1 (M_BB - N))

It is a linear Gaussian observation of the window's weighted mean of alpha, with weights
proportional to |grad B|^2. Where B is flat its variance is large and it has no effect.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn import functional

from ..model.matrix3 import inverse, trace_of_product
from ..model.neighbourhood import dilate
from ..model.pair import Pair
from ..model.parameters import Parameters

REFINEMENTS = 3  # of the slope
RIDGE = 1e-6  # encoded^2, of R
LARGEST = 0.2  # standard deviation above which a window is dropped


@dataclass(frozen=True)
class TextureWindows:
    """M windows; pixel numbers are rows of the flattened plate."""

    centre: Tensor  # (M,)
    slope: Tensor  # (M,), s
    variance: Tensor  # (M,), of s
    power: Tensor  # (H, W), |grad B|^2
    width: int  # of the plate
    half: int
    stride: int

    @classmethod
    def of_pair(cls, pair: Pair, parameters: Parameters) -> TextureWindows | None:
        """All windows of the plate; None where it is smaller than one."""
        half, stride = parameters.texture_half, parameters.texture_stride
        side = 2 * half + 1
        height, width = pair.size
        if min(height, width) < side:
            return None
        image_gradients = gradients(pair.image / pair.unit)
        clean_gradients = gradients(pair.clean / pair.unit)

        def moments(one: Tensor, other: Tensor) -> Tensor:
            """(M, 3, 3): means over windows and over both directions."""
            products = (one[:, :, None] * other[:, None]).mean(0).flatten(0, 1)
            means = functional.avg_pool2d(products[None], side, stride)[0]
            return means.flatten(1).T.reshape(-1, 3, 3)

        of_image, joint, of_clean = (
            moments(image_gradients, image_gradients),
            moments(image_gradients, clean_gradients),
            moments(clean_gradients, clean_gradients),
        )
        variance = functional.avg_pool2d(pair.sigma.square()[None, None], side, stride).flatten()
        noise = variance[:, None, None] * torch.eye(3, device=variance.device)
        slope, information, _ = regression(of_image, joint, of_clean, noise)
        count = 2 * side * side
        spread = parameters.texture_inflation / (count * information)
        spread = spread + parameters.texture_floor**2
        rows = torch.arange(half, height - half, stride, device=slope.device)
        columns = torch.arange(half, width - half, stride, device=slope.device)
        centre = (rows[:, None] * width + columns).flatten()
        power = clean_gradients.square().sum((0, 1)) + 1e-9
        return cls(centre, slope, spread, power, width, half, stride)

    def openings(self, parameters: Parameters) -> Tensor:
        """Probability (H, W) that B is seen through the core there."""
        prior = parameters.texture_prior**2
        s, v = self.slope, self.variance
        odds = 0.5 * torch.log(v / (v + prior)) + s * s / 2 * (1 / v - 1 / (v + prior))
        odds = torch.where(s > 0, odds, -5.0) + torch.log(s.new_tensor(parameters.mass_floor))
        at = torch.zeros_like(self.power).flatten()
        at[self.centre] = torch.sigmoid(odds.clamp(-40, 40))
        side = 2 * self.half + 1
        return functional.max_pool2d(at.view(1, 1, *self.power.shape), side, 1, self.half)[0, 0]

    def observations(self, undecided: Tensor) -> tuple[Tensor, Tensor, Tensor, Tensor]:
        """Windows that touch ``undecided`` (H, W) and say something.

        Returns their pixels (M, side^2), weights of the same shape whose rows add up to 1, the
        observed alpha (M,) and its precision (M,), which windows that overlap share.
        """
        touched = dilate(undecided, self.half).flatten()[self.centre]
        use = touched & (self.variance < LARGEST**2)
        reach = torch.arange(-self.half, self.half + 1, device=self.centre.device)
        offsets = (reach[:, None] * self.width + reach).flatten()
        pixels = self.centre[use][:, None] + offsets
        weight = self.power.flatten()[pixels]
        weight = weight / weight.sum(1, keepdim=True)
        overlap = ((2 * self.half + 1) / self.stride) ** 2
        precision = 1 / (self.variance[use] * overlap)
        return pixels, weight, 1 - self.slope[use].clamp(0, 1), precision


def regression(
    of_image: Tensor, joint: Tensor, of_clean: Tensor, noise: Tensor
) -> tuple[Tensor, Tensor, Tensor]:
    """s (M,), its information for one pair of differences (M,), and R^-1 (M, 3, 3).

    Of the second moments M_II, M_IB, M_BB and N, (M, 3, 3) each.
    """
    ridge = RIDGE * torch.eye(3, device=joint.device)
    slope = torch.zeros(len(joint), device=joint.device)
    information, precision = slope, joint
    for _ in range(REFINEMENTS):
        s = slope[:, None, None]
        residual = of_image - s * (joint + joint.mT) + s * s * of_clean + noise
        precision = inverse(residual + ridge)
        information = trace_of_product(precision, of_clean - noise).clamp_min(1e-9)
        slope = (trace_of_product(precision, joint) / information).clamp(-0.5, 1.5)
    return slope, information, precision


def gradients(x: Tensor) -> Tensor:
    """Differences to the left and to the upper neighbour, (2, 3, H, W); 0 at the border."""
    across = functional.pad(x[:, :, 1:] - x[:, :, :-1], [1, 0])
    down = functional.pad(x[:, 1:] - x[:, :-1], [0, 0, 1, 0])
    return torch.stack([across, down])
