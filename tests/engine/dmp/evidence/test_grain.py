"""Grain hides faint hair and prints itself into alpha: what is tested again, what is emptied."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from torch import Tensor

from dmp_engine.dmp.evidence import trimap as first_trimap
from dmp_engine.dmp.solve.postprocess import without_grain

SIZE = (24, 32)
SIGMA = 0.02


def seeded() -> torch.Generator:
    return torch.Generator().manual_seed(0)


def layers(foreground: float) -> tuple[Tensor, Tensor, Tensor]:
    """F, B and the grain of a flat pair, B being 0.2."""
    clean = torch.full((1, 3, *SIZE), 0.2)
    return torch.full_like(clean, foreground), clean, torch.full_like(clean, SIGMA)


def one_pixel(alpha: float) -> Tensor:
    found = torch.zeros(1, 1, *SIZE)
    found[..., 10, 10] = alpha
    return found


def test_what_grain_printed_is_emptied() -> None:
    alpha = one_pixel(0.04)  # adds 0.024 to the plate, 1.2 sigma
    assert not without_grain(alpha, *layers(0.8)[:2], None, layers(0.8)[2]).any()


@pytest.mark.parametrize("alpha", [0.06, 0.3])
def test_what_is_more_than_grain_stays(alpha: float) -> None:
    foreground, clean, grain = layers(0.8)
    found = without_grain(one_pixel(alpha), foreground, clean, None, grain)
    assert torch.equal(found, one_pixel(alpha))


def test_a_core_of_the_clean_plates_colour_stays() -> None:
    """It adds nothing to the plate, but it is not alone."""
    foreground, clean, grain = layers(0.21)
    alpha = torch.ones(1, 1, *SIZE)
    assert torch.equal(without_grain(alpha, foreground, clean, None, grain), alpha)


def test_what_is_held_stays_and_without_grain_everything() -> None:
    foreground, clean, grain = layers(0.8)
    alpha = one_pixel(0.04)
    held = torch.where(alpha > 0, 1.0, 0.5)
    assert torch.equal(without_grain(alpha, foreground, clean, held, grain), alpha)
    assert torch.equal(without_grain(alpha, foreground, clean, None, None), alpha)
    assert torch.equal(without_grain(alpha, foreground, clean, None, 0 * grain), alpha)


def noisy(truth: Any) -> tuple[Tensor, Tensor]:
    random = seeded()
    image, clean = (
        x + SIGMA * torch.randn(x.shape, generator=random) for x in (truth.image, truth.clean)
    )
    return image, clean


def test_the_rim_of_the_background_is_tested_again(
    lemur: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    image, clean = noisy(lemur)
    query = first_trimap.tested_trimap(image, clean, seeded())
    monkeypatch.setattr(first_trimap, "GRAINY_RIM", 0.0)
    once = first_trimap.tested_trimap(image, clean, seeded())
    rim = (once == 0) & (query != 0)
    assert (query[rim] == 0.5).all()
    assert torch.equal(query[~rim], once[~rim])
    lost, taken = (lemur.alpha[t == 0].sum() for t in (once, query))
    assert taken < 0.8 * lost


def test_without_grain_no_rim_is(lemur: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    query = first_trimap.tested_trimap(lemur.image, lemur.clean, seeded())
    monkeypatch.setattr(first_trimap, "GRAINY_RIM", 0.0)
    assert torch.equal(query, first_trimap.tested_trimap(lemur.image, lemur.clean, seeded()))
