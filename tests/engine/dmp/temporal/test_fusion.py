"""The covariance that the fusion trusts, where the core has but one colour."""

from __future__ import annotations

import torch

from dmp_engine.dmp.temporal.fusion import Layered, fused, varied


def test_one_colour_does_not_vary() -> None:
    """Never below 0, which would turn the update round; rounding in single precision did."""
    image = torch.tensor([0.9, 0.15, 0.05]).view(1, 3, 1, 1).expand(1, 3, 40, 60).contiguous()
    covariance = varied(image, torch.ones(1, 1, 40, 60))
    least = torch.linalg.eigvalsh(covariance.double()).min()
    assert -1e-9 < least and covariance.abs().max() < 1e-9


def test_the_edge_of_a_subject_of_one_colour() -> None:
    """A neighbour expects less alpha than the plate shows, on a core of one colour."""
    height, width = 40, 60
    random = torch.Generator().manual_seed(3)
    clean = torch.rand(1, 3, height // 8, width // 6, generator=random)
    clean = 0.1 + 0.4 * clean.repeat_interleave(8, 2).repeat_interleave(6, 3)
    colour = torch.tensor([0.9, 0.15, 0.05]).view(1, 3, 1, 1)
    alpha = ((40 - torch.arange(width)) / 4).clamp(0, 1).expand(1, 1, height, width).contiguous()
    image = (alpha * colour + (1 - alpha) * clean).half().float()  # as in an EXR
    expected = (alpha + 0.08 * torch.randn(alpha.shape, generator=random)).clamp(0, 1)
    one = torch.ones_like(alpha)
    layers = [Layered(a, a * colour, one) for a in (alpha, expected)]
    query = (alpha > 0.2) & (alpha <= 1) & (torch.arange(width) > 30)
    found, foreground = fused(image, clean, layers, query)
    assert (found - alpha)[query].abs().max() < 0.02
    assert (foreground - colour).abs().amax(1, keepdim=True)[query].max() < 0.05
