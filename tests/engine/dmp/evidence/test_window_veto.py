"""The test of pixels and windows against the clean plate."""

from __future__ import annotations

import torch

from dmp_engine.dmp.evidence.window_veto import background_test
from dmp_engine.dmp.model.encoding import Encoding
from dmp_engine.dmp.model.pair import Pair
from dmp_engine.dmp.model.parameters import PARAMETERS


def probability(image: torch.Tensor, clean: torch.Tensor) -> torch.Tensor:
    pair = Pair.of(image, clean, Encoding.of_pair(image, clean, False), PARAMETERS)
    return background_test(pair, PARAMETERS).probability


def test_background_is_background_and_an_offset_is_not() -> None:
    generator = torch.Generator().manual_seed(0)
    clean = torch.rand(1, 3, 40, 60, generator=generator)
    image = clean + 0.3 / 255 * torch.randn(clean.shape, generator=generator)
    image[..., 30:] += 0.05
    found = probability(image, clean)
    assert found[:, :26].min() > 0.99
    assert found[:, 34:].max() < 0.01


def test_a_pixel_that_is_alike_by_chance_is_not_background() -> None:
    clean = torch.full((1, 3, 40, 60), 0.5)
    image = clean + 0.08
    image[..., 20, 30] = clean[..., 20, 30]
    assert probability(image, clean)[20, 30] < 0.5
