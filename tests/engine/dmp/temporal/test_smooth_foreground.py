"""The smooth foreground against the truth and against pymatting's, which does not know B."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor

from dmp_engine.dmp.temporal.smooth_foreground import smooth_foreground

estimate_foreground_ml = pytest.importorskip("pymatting").estimate_foreground_ml


def array(image: Tensor) -> np.ndarray:
    return image[0].permute(1, 2, 0).double().numpy()


def soft_error(foreground: Tensor, truth: Any) -> float:
    """Mean |F - F*| over the soft pixels, weighed by alpha."""
    weight = truth.alpha * ((truth.alpha > 0.02) & (truth.alpha < 0.98))
    away = (foreground - truth.foreground).abs().mean(1, keepdim=True)
    return float((weight * away).sum() / weight.sum())


def test_on_the_lemur_it_is_near_the_truth_and_not_worse_than_pymattings(lemur: Any) -> None:
    ours = smooth_foreground(lemur.image, lemur.clean, lemur.alpha)
    theirs = estimate_foreground_ml(array(lemur.image), array(lemur.alpha)[..., 0])
    theirs = torch.from_numpy(theirs).permute(2, 0, 1)[None].float()
    error, peer = soft_error(ours, lemur), soft_error(theirs, lemur)
    assert error < 0.006
    assert error < 0.5 * peer


def test_on_the_furball_too(furball: Callable[[int], Any]) -> None:
    truth = furball(1001)
    ours = smooth_foreground(truth.image, truth.clean, truth.alpha)
    theirs = estimate_foreground_ml(array(truth.image), array(truth.alpha)[..., 0])
    theirs = torch.from_numpy(theirs).permute(2, 0, 1)[None].float()
    assert soft_error(ours, truth) < 0.125  # of values to 41, noisy where hardly covered
    assert soft_error(ours, truth) < 0.6 * soft_error(theirs, truth)


def test_the_plate_comes_back(lemur: Any) -> None:
    ours = smooth_foreground(lemur.image, lemur.clean, lemur.alpha)
    built = lemur.alpha * ours + (1 - lemur.alpha) * lemur.clean
    assert (built - lemur.image).abs().mean() < 4e-4
    assert (built - lemur.image).abs().max() < 0.05


def test_where_alpha_is_one_it_is_the_plate(lemur: Any) -> None:
    ours = smooth_foreground(lemur.image, lemur.clean, lemur.alpha)
    solid = (lemur.alpha == 1).expand_as(ours)
    assert (ours - lemur.image).abs()[solid].max() < 0.02


@pytest.mark.parametrize("size", [(1, 1), (7, 5), (3, 64)])
def test_any_size(lemur: Any, size: tuple[int, int]) -> None:
    cut = lemur.cut(60, 150, *size)
    ours = smooth_foreground(cut.image, cut.clean, cut.alpha)
    assert ours.shape == cut.image.shape and torch.isfinite(ours).all()
    assert (ours - cut.foreground).abs().mean() < 0.05


def test_an_empty_alpha_is_no_division_by_nothing(tiny: Any) -> None:
    ours = smooth_foreground(tiny.image, tiny.clean, torch.zeros_like(tiny.alpha))
    assert torch.isfinite(ours).all()
