"""The network that corrects alpha of one pair: untrained, and fitted to nothing but that pair.

    alpha = sigmoid(logit a + 4 d(x)),     min over weights of  mean |alpha - a*|

On a recomposition (recompose.py) a is the model's alpha of it and a* the alpha it was made with;
x are 24 features in a window of 3 x 3 (features.py); d is a network of some 8,000 weights that
starts as d = 0. What it learns, where and how the model errs on this subject, hair and noise, it
applies to the pair itself. L1, not L2: the mean of two explanations is haze.

Only pixels that the model leaves open are learned from and changed, so no core is holed.
"""

from __future__ import annotations

import math
from collections.abc import Generator
from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn import functional

from ..model.parameters import Parameters
from ..optimisers import AdamW
from .features import COUNT, SIDE, Estimate, windows_of

HIDDEN = 32
GAIN = 4.0  # of d in the logit
LEAST = 1e-3  # alpha is at least so far from 0 and 1 before it becomes a logit
KEPT = 60_000  # pixels of a recomposition that are learned from, at most
ENOUGH = 200  # pixels, below which nothing is learned
WARM_UP = 5  # steps
AT_ONCE = 1 << 15  # pixels that are corrected at once


@dataclass(frozen=True)
class Lesson:
    """Pixels of a recomposition: windows (N, 216), the model's alpha and the true one (N,)."""

    windows: Tensor
    alpha: Tensor
    truth: Tensor

    @classmethod
    def of(cls, estimate: Estimate, truth: Tensor, generator: torch.Generator) -> Lesson:
        """From the model's estimate of a recomposition made with alpha ``truth`` (H, W)."""
        pixels = estimate.correctable()
        if len(pixels) > KEPT:
            drawn = torch.randperm(len(pixels), generator=generator)[:KEPT].sort().values
            pixels = pixels[drawn.to(pixels.device)]
        windows = windows_of(estimate, pixels)
        return cls(windows, estimate.alpha.flatten()[pixels], truth.flatten()[pixels])


class CorrectionNetwork:
    """d: a 3 x 3 convolution, written as a product with windows, and two layers of 1 x 1."""

    def __init__(self, generator: torch.Generator, device: torch.device) -> None:
        sizes = (COUNT * SIDE**2, HIDDEN, HIDDEN, 1)
        self.weights: list[Tensor] = []
        for inputs, outputs in zip(sizes, sizes[1:], strict=False):
            bound = inputs**-0.5
            for shape in ((outputs, inputs), (outputs,)):
                drawn = (2 * torch.rand(shape, generator=generator) - 1) * bound
                self.weights.append((drawn if outputs > 1 else 0 * drawn).to(device))
        for weight in self.weights:
            weight.requires_grad_()

    def __call__(self, windows: Tensor) -> Tensor:
        """d (N,) of windows (N, 216)."""
        a, b, c, d, e, f = self.weights
        hidden = functional.silu(functional.linear(windows, a, b))
        hidden = functional.silu(functional.linear(hidden, c, d))
        return functional.linear(hidden, e, f)[:, 0]

    def alpha(self, windows: Tensor, alpha: Tensor, strength: float = 1.0) -> Tensor:
        """The corrected ``alpha`` (N,)."""
        return torch.sigmoid(torch.logit(alpha, LEAST) + strength * GAIN * self(windows))


def learn(
    lessons: list[Lesson], generator: torch.Generator, p: Parameters
) -> Generator[tuple[int, float], None, CorrectionNetwork | None]:
    """A network fitted to ``lessons``; None where there is too little to learn from.

    Yields the number of finished steps, of ``p.correction_steps``, and the loss. The CPU
    ``generator`` draws weights and pixels.
    """
    windows, alpha, truth = (
        torch.cat([getattr(lesson, name) for lesson in lessons])
        for name in ("windows", "alpha", "truth")
    )
    if len(alpha) < ENOUGH:
        return None
    network = CorrectionNetwork(generator, alpha.device)
    optimiser = AdamW(network.weights, lr=p.correction_rate)
    for step in range(p.correction_steps):
        fade = 0.5 + 0.5 * math.cos(math.pi * step / p.correction_steps)
        optimiser.param_groups[0]["lr"] = p.correction_rate * min((step + 1) / WARM_UP, fade)
        drawn = torch.randint(len(alpha), (p.correction_pixels,), generator=generator)
        drawn = drawn.to(alpha.device)
        with torch.enable_grad():
            loss = (network.alpha(windows[drawn], alpha[drawn]) - truth[drawn]).abs().mean()
            optimiser.zero_grad()
            loss.backward()  # type: ignore[no-untyped-call]
        optimiser.step()
        yield step + 1, float(loss.detach())
    return network


@torch.no_grad()
def corrected(estimate: Estimate, network: CorrectionNetwork, p: Parameters) -> Tensor:
    """Alpha (H, W) of ``estimate``, changed at its correctable pixels only."""
    alpha = estimate.alpha.flatten().clone()
    for pixels in torch.split(estimate.correctable(), AT_ONCE):
        windows = windows_of(estimate, pixels)
        alpha[pixels] = network.alpha(windows, alpha[pixels], p.correction_strength)
    return alpha.view(estimate.alpha.shape)
