"""Where the plate shows the clean plate: a test of pixels, and of the windows around them.

A pixel of the subject may look like B by chance; a window of it does not. The log Bayes factor
of "I = B + noise" against "I differs by an offset of standard deviation tau" is for a window of
n pixels with the mean difference m, in units of sigma (3 channels):

    LLR_n = 3/2 log(1 + n t^2) - n |m|^2 / 2 * n t^2 / (1 + n t^2),     t = tau / sigma

A window can only veto: V = sum over windows of log(exp(min(0, best LLR around)) + rho).
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from ..model.neighbourhood import box_mean, gaussian_blur, largest_around
from ..model.pair import Pair
from ..model.parameters import Parameters

WINDOWS = (3, 5)  # sides in pixels
NEIGHBOURS, PASSES = 1.5, 4  # sigma in pixels of who votes; how often
BOUND = 40.0  # nat


@dataclass(frozen=True)
class BackgroundTest:
    """``probability`` of background and ``veto`` (H, W), nat, at most about 0."""

    probability: Tensor
    veto: Tensor


def background_test(pair: Pair, parameters: Parameters) -> BackgroundTest:
    """The probability that a pixel shows B, from itself, its windows and its neighbours."""
    p = parameters
    difference = pair.difference() / pair.sigma_tests  # (3, H, W), in standard deviations
    ratio = (p.offset / pair.sigma_tests).square()  # t^2
    by_pixel = _log_bayes_factor(difference, ratio, 1)
    veto = torch.zeros_like(by_pixel)
    for side in WINDOWS:
        by_window = _log_bayes_factor(box_mean(difference, side), ratio, side * side)
        best = largest_around(by_window, side).clamp_max(0)
        veto = veto + torch.log(best.exp() + p.veto_floor)
    odds = (by_pixel + veto).clamp(-BOUND, BOUND)
    probability = torch.sigmoid(odds)
    for _ in range(PASSES):
        near = gaussian_blur(probability[None], NEIGHBOURS)[0].clamp(1e-3, 1 - 1e-3)
        probability = torch.sigmoid(odds + p.neighbour_power * torch.logit(near))
    return BackgroundTest(probability, veto)


def _log_bayes_factor(mean: Tensor, ratio: Tensor, count: int) -> Tensor:
    """LLR_n of the module's docstring, (H, W)."""
    signal = count * ratio
    misfit = mean.square().sum(0) * count
    return 1.5 * torch.log1p(signal) - misfit / 2 * signal / (1 + signal)
