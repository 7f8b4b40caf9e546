"""The pair before other backgrounds."""

from __future__ import annotations

from typing import Any

import torch

from dmp_engine.dmp.model.encoding import Encoding
from dmp_engine.dmp.recompositions.recompose import MOST, other_backgrounds, recomposed


def test_a_recomposition_is_the_subject_before_another_background(lemur: Any) -> None:
    encoding = Encoding.of_pair(lemur.image, lemur.clean, lemur.linear)
    background = lemur.clean.flip(-1)
    image = recomposed(lemur.image, lemur.clean, lemur.alpha, background, encoding)
    empty = (lemur.alpha == 0).expand_as(image)
    opaque = (lemur.alpha == 1).expand_as(image)
    assert torch.allclose(image[opaque], lemur.image[opaque], atol=1e-6)
    grain = lemur.image - lemur.clean
    assert torch.allclose(image[empty], (background + grain).clamp(0, 1)[empty], atol=1e-3)
    assert (image[empty] - background[empty]).abs().mean() < 0.01
    levels = image * 255
    assert (levels - levels.round()).abs().max() < 1e-3


def test_values_above_one_survive(furball: Any) -> None:
    truth = furball(1001)
    encoding = Encoding.of_pair(truth.image, truth.clean, True)
    image = recomposed(truth.image, truth.clean, truth.alpha, truth.clean.flip(-1), encoding)
    assert torch.isfinite(image).all()
    assert truth.image.max() > 5 and image.max() > 5


def test_backgrounds_differ_from_the_clean_plate_and_from_each_other(lemur: Any) -> None:
    backgrounds = [lemur.clean, *other_backgrounds(lemur.clean, MOST)]
    assert len(backgrounds) == MOST + 1
    for at, one in enumerate(backgrounds):
        assert one.shape == lemur.clean.shape
        for other in backgrounds[:at]:
            assert (one - other).abs().mean() > 0.01
    assert len(other_backgrounds(lemur.clean, 2)) == 2
