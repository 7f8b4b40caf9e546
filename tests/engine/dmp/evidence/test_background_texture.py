"""Alpha from texture that is seen through, on windows whose alpha is known."""

from __future__ import annotations

import pytest
import torch

from dmp_engine.dmp.evidence.background_texture import TextureWindows
from dmp_engine.dmp.model.encoding import Encoding
from dmp_engine.dmp.model.pair import Pair
from dmp_engine.dmp.model.parameters import PARAMETERS


def pair_of(image: torch.Tensor, clean: torch.Tensor) -> Pair:
    return Pair.of(image, clean, Encoding.of_pair(image, clean, False), PARAMETERS)


def textured() -> torch.Tensor:
    return torch.rand(1, 3, 40, 60, generator=torch.Generator().manual_seed(0))


@pytest.mark.parametrize("alpha", [0.2, 0.5, 0.9])
def test_the_slope_is_what_comes_through(alpha: float) -> None:
    clean = textured()
    image = alpha * 0.4 + (1 - alpha) * clean
    windows = TextureWindows.of_pair(pair_of(image, clean), PARAMETERS)
    assert windows is not None
    assert (1 - windows.slope - alpha).abs().max() < 0.01
    assert windows.variance.max() < 0.05**2


def test_a_flat_clean_plate_shows_nothing() -> None:
    clean = torch.full((1, 3, 40, 60), 0.3)
    windows = TextureWindows.of_pair(pair_of(textured(), clean), PARAMETERS)
    assert windows is not None
    pixels, _, _, _ = windows.observations(torch.ones(40, 60, dtype=torch.bool))
    assert len(pixels) == 0


def test_texture_opens_the_core_only_where_it_is_seen() -> None:
    clean = textured()
    image = torch.full_like(clean, 0.4)
    image[..., 30:] = 0.5 * 0.4 + 0.5 * clean[..., 30:]
    windows = TextureWindows.of_pair(pair_of(image, clean), PARAMETERS)
    assert windows is not None
    seen = windows.openings(PARAMETERS)
    assert seen[:35, 40:55].min() > 0.5 and seen[:, 5:20].max() < 0.05


def test_a_plate_smaller_than_a_window_has_none() -> None:
    small = torch.rand(1, 3, 8, 30)
    assert TextureWindows.of_pair(pair_of(small, small), PARAMETERS) is None
