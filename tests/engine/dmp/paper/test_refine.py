"""Eq. 14 to 18: the block updates by hand, what they minimise, and what they do to real layers."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor

from dmp_engine.dmp.paper.refine import (
    Variances,
    colour_bounds,
    exact_foreground,
    refine,
    refined_alpha,
    refined_foreground,
)

PAPER = Variances()
UNEVEN = Variances(alpha=3.0, foreground=0.5, image=0.2)


def bounds(truth: Any) -> tuple[Tensor, Tensor]:
    return colour_bounds(truth.image, truth.clean)


def disturbed(truth: Any, seed: int = 1) -> tuple[Tensor, Tensor]:
    """The true layers, each off in its own smooth way, as two networks leave them."""
    generator = torch.Generator().manual_seed(seed)
    size = truth.alpha.shape[-2:]

    def wave(channels: int) -> Tensor:
        coarse = torch.randn(1, channels, 8, 12, generator=generator)
        return torch.nn.functional.interpolate(coarse, size, mode="bilinear")

    alpha = (truth.alpha + 0.1 * wave(1)).clamp(0, 1)
    return alpha, (truth.foreground + 0.05 * wave(3)).clamp(0, 1)


def naive_eq18(
    i: np.ndarray, b: np.ndarray, a: np.ndarray, f: np.ndarray, v: Variances
) -> tuple[np.ndarray, np.ndarray]:
    """One line of eq. 18 as printed, its products summed over the channels for alpha."""
    new_f, new_a = np.empty_like(f), np.empty_like(a)
    for y in range(a.shape[0]):
        for x in range(a.shape[1]):
            alpha, seen = a[y, x], i[y, x] - (1 - a[y, x]) * b[y, x]
            new_f[y, x] = (v.image * f[y, x] + v.foreground * alpha * seen) / (
                v.image + v.foreground * alpha * alpha
            )
            towards = f[y, x] - b[y, x]
            new_a[y, x] = (v.image * alpha + v.alpha * towards @ (i[y, x] - b[y, x])) / (
                v.image + v.alpha * towards @ towards
            )
    return new_f, new_a


def array(x: Tensor) -> np.ndarray:
    return x[0].double().permute(1, 2, 0).numpy()


@pytest.mark.parametrize("v", [PAPER, UNEVEN])
def test_eq18_is_the_printed_update(tiny: Any, v: Variances) -> None:
    alpha, foreground = disturbed(tiny)
    naive_f, naive_a = naive_eq18(
        array(tiny.image), array(tiny.clean), array(alpha)[..., 0], array(foreground), v
    )
    ours_f = refined_foreground(tiny.image, tiny.clean, alpha, foreground, v)
    ours_a = refined_alpha(tiny.image, tiny.clean, alpha, foreground, v)
    np.testing.assert_allclose(array(ours_f), naive_f, atol=1e-6)
    np.testing.assert_allclose(array(ours_a)[..., 0], naive_a, atol=2e-6)


def test_one_pass_is_eq18_then_clamped(tiny: Any) -> None:
    """Both updates of a pass look at the previous pass, as the printed indices say."""
    alpha, foreground = disturbed(tiny)
    alpha, naive = alpha.clamp(0.02, 0.98), {}
    naive["f"], naive["a"] = naive_eq18(
        array(tiny.image), array(tiny.clean), array(alpha)[..., 0], array(foreground), PAPER
    )
    found_a, found_f = refine(tiny.image, tiny.clean, alpha, foreground, 1, PAPER, bounds(tiny))
    expected = naive["a"].clip(0, 1)
    expected = np.where(expected > 0.99, 1.0, np.where(expected < 0.01, 0.0, expected))
    ours = array(found_a)[..., 0]
    assert (np.abs(ours - expected) > 1e-5).mean() < 1e-3  # a pixel may sit on a threshold
    np.testing.assert_allclose(array(found_f), naive["f"].clip(0, 1), atol=1e-6)


def energy(
    i: Tensor, b: Tensor, a: Tensor, f: Tensor, a0: Tensor, f0: Tensor, v: Variances
) -> Tensor:
    """-log of eq. 14, from eq. 15 to 17."""
    misfit = (i - a * f - (1 - a) * b).square().sum() / (2 * v.image)
    return (
        misfit
        + (a - a0).square().sum() / (2 * v.alpha)
        + (f - f0).square().sum() / (2 * v.foreground)
    )


@pytest.mark.parametrize("v", [PAPER, UNEVEN])
def test_each_block_minimises_eq14(tiny: Any, v: Variances) -> None:
    """At the block's update no direction lowers the energy: gradients by finite differences."""
    i, b = tiny.image.double(), tiny.clean.double()
    a0, f0 = (x.double() for x in disturbed(tiny))
    best_f = refined_foreground(i, b, a0, f0, v)
    best_a = refined_alpha(i, b, a0, f0, v)
    generator = torch.Generator().manual_seed(4)
    for which, best in (("f", best_f), ("a", best_a)):

        def at(x: Tensor, which: str = which) -> float:
            a, f = (a0, x) if which == "f" else (x, f0)
            return float(energy(i, b, a, f, a0, f0, v))

        lowest, begun = at(best), at(f0 if which == "f" else a0)
        assert lowest < begun
        for _ in range(10):
            direction = torch.randn(best.shape, generator=generator, dtype=torch.double)
            ahead, back = at(best + 1e-3 * direction), at(best - 1e-3 * direction)
            assert ahead > lowest and back > lowest
            assert abs(ahead - back) / 2e-3 < 1e-6 * max(1.0, begun)


def test_eq18_stands_still_on_the_truth(lemur: Any) -> None:
    """Exact layers are a fixed point; the photograph's are exact to half a code value."""
    i = lemur.alpha * lemur.foreground + (1 - lemur.alpha) * lemur.clean
    f = refined_foreground(i, lemur.clean, lemur.alpha, lemur.foreground, PAPER)
    a = refined_alpha(i, lemur.clean, lemur.alpha, lemur.foreground, PAPER)
    torch.testing.assert_close(f, lemur.foreground, rtol=0, atol=1e-6)
    torch.testing.assert_close(a, lemur.alpha, rtol=0, atol=1e-6)
    alpha, _ = refine(
        lemur.image, lemur.clean, lemur.alpha, lemur.foreground, 20, PAPER, bounds(lemur)
    )
    assert (alpha - lemur.alpha).abs().mean() < 2e-3


def test_refinement_brings_disturbed_layers_nearer_to_the_plate_and_the_truth(lemur: Any) -> None:
    alpha, foreground = disturbed(lemur)
    refined, colours = refine(lemur.image, lemur.clean, alpha, foreground, 20, PAPER, bounds(lemur))

    def misfit(a: Tensor, f: Tensor) -> Tensor:
        return (a * f + (1 - a) * lemur.clean - lemur.image).abs().mean()

    def error(a: Tensor) -> Tensor:
        return (a - lemur.alpha).abs().mean()

    assert misfit(refined, colours) < 0.2 * misfit(alpha, foreground)
    assert error(refined) < 0.6 * error(alpha)


def test_refined_layers_stay_in_range_and_snap(lemur: Any) -> None:
    alpha, foreground = disturbed(lemur)
    refined, colours = refine(lemur.image, lemur.clean, alpha, foreground, 20, PAPER, bounds(lemur))
    assert refined.min() == 0 and refined.max() == 1
    between = refined[(refined > 0) & (refined < 1)]
    assert between.min() >= 0.01 and between.max() <= 0.99
    assert colours.min() >= 0 and colours.max() <= 1


def test_no_pass_leaves_alpha_and_shows_the_plate_in_the_core(lemur: Any) -> None:
    alpha, foreground = disturbed(lemur)
    refined, colours = refine(lemur.image, lemur.clean, alpha, foreground, 0, PAPER, bounds(lemur))
    assert torch.equal(refined, alpha)
    core = (alpha > 0.99).expand_as(colours)
    assert torch.equal(colours[core], lemur.image[core])
    assert torch.equal(colours[~core], foreground[~core])


def test_the_exact_foreground_rebuilds_the_plate_where_alpha_carries_it(lemur: Any) -> None:
    alpha, foreground = disturbed(lemur)
    exact = exact_foreground(lemur.image, lemur.clean, alpha, foreground)

    def misfit(f: Tensor, where: Tensor) -> Tensor:
        apart = (alpha * f + (1 - alpha) * lemur.clean - lemur.image).abs()
        return apart[where.expand_as(apart)].max()

    assert misfit(exact, alpha > 0.3) < 0.005 < misfit(foreground, alpha > 0.3)
    empty = (alpha == 0).expand_as(exact)
    torch.testing.assert_close(exact[empty], foreground[empty])


def test_highlights_are_not_clipped_to_one(furball: Any) -> None:
    truth = furball(1001)
    refined, colours = refine(
        truth.image, truth.clean, truth.alpha, truth.foreground, 20, PAPER, bounds(truth)
    )
    bright = (truth.image > 5) & (truth.alpha > 0.99)
    assert bright.sum() > 10
    assert torch.equal(colours[bright], truth.image[bright])
