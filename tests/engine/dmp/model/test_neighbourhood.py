"""Neighbourhoods of pixels, against scipy's."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from scipy import ndimage

from dmp_engine.dmp.model.neighbourhood import (
    box_mean,
    dilate,
    distance_to,
    erode,
    gaussian_blur,
    nearest,
)


def scattered(height: int, width: int, share: float) -> torch.Tensor:
    generator = torch.Generator().manual_seed(1)
    return torch.rand(height, width, generator=generator) < share


def test_distances_are_euclidean() -> None:
    mask = scattered(90, 130, 0.002)
    exact = ndimage.distance_transform_edt(~mask.numpy())
    found = distance_to(mask).numpy()
    assert np.abs(found - exact).max() < 1
    assert (np.abs(found - exact) < 1e-4).mean() > 0.99


def test_the_nearest_pixel_is_marked() -> None:
    mask = scattered(60, 50, 0.01)
    y, x = nearest(mask)
    assert mask[y.long(), x.long()].all()


def test_large_maps_are_right_to_a_block() -> None:
    mask = scattered(500, 1000, 0.0005)
    exact = ndimage.distance_transform_edt(~mask.numpy())
    assert np.abs(distance_to(mask).numpy() - exact).max() < 6


def test_without_a_marked_pixel_all_is_far() -> None:
    assert distance_to(torch.zeros(20, 30, dtype=torch.bool)).min() > 1000


@pytest.mark.parametrize("sigma", [1.5, 9.0])
def test_blur_is_gaussian(sigma: float) -> None:
    x = torch.zeros(1, 81, 120)
    x[0, 40, 60] = 1
    exact = ndimage.gaussian_filter(x[0].numpy(), sigma)
    found = gaussian_blur(x, sigma)[0].numpy()
    assert abs(found.sum() - 1) < 0.01
    assert np.abs(found - exact).max() < 0.2 * exact.max()


def test_boxes_and_masks() -> None:
    mask = torch.zeros(9, 9, dtype=torch.bool)
    mask[4, 4] = True
    grown = dilate(mask, 2)
    assert grown.sum() == 25 and torch.equal(erode(grown, 2), mask)
    assert erode(torch.ones(5, 5, dtype=torch.bool), 1).all()  # outside counts in
    assert torch.allclose(box_mean(torch.full((1, 6, 7), 0.3), 5), torch.tensor(0.3))
