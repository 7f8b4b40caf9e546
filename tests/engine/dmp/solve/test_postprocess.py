"""The neighbours choose the knee: dull spots of a core are filled, hair and holes are not."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor

from dmp_engine.dmp.solve.postprocess import with_solid_core
from dmp_matting import preset

DRAFT = preset("draft")
LITTLE = (100, 320)
LARGE = (200, 640)


def undecided(alpha: Tensor) -> Tensor:
    return torch.full_like(alpha, 0.5)


@pytest.mark.parametrize("size", [LITTLE, LARGE])
def test_a_dull_spot_of_the_core_is_filled(size: tuple[int, int]) -> None:
    alpha = torch.ones(1, 1, *size)
    alpha[..., 40:42, 100:102] = 0.8
    solid = with_solid_core(alpha, undecided(alpha), DRAFT)
    assert bool((solid == 1).all())


@pytest.mark.parametrize(("size", "wide"), [(LITTLE, 1), (LARGE, 2)])
def test_hair_stays_hair(size: tuple[int, int], wide: int) -> None:
    alpha = torch.zeros(1, 1, *size)
    alpha[..., 40 : 40 + wide, :] = 0.8
    assert torch.equal(with_solid_core(alpha, undecided(alpha), DRAFT), alpha)


@pytest.mark.parametrize("size", [LITTLE, LARGE])
def test_a_hole_stays_open(size: tuple[int, int]) -> None:
    alpha = torch.ones(1, 1, *size)
    alpha[..., 40:50, 100:110] = 0.3
    solid = with_solid_core(alpha, undecided(alpha), DRAFT)
    assert torch.allclose(solid[..., 43:47, 103:107], torch.tensor(0.3))


def test_a_glass_stays_transparent() -> None:
    """An even half-transparency has no opaque neighbours."""
    alpha = torch.full((1, 1, *LITTLE), 0.7)
    assert torch.equal(with_solid_core(alpha, undecided(alpha), DRAFT), alpha)


def test_what_is_held_stays() -> None:
    alpha = torch.ones(1, 1, *LITTLE)
    alpha[..., 40, 100] = 0.0
    held = undecided(alpha)
    held[..., 40, 100] = 0.0
    assert float(with_solid_core(alpha, held, DRAFT)[..., 40, 100]) == 0.0


def test_the_paper_knows_no_such_thing() -> None:
    alpha = torch.rand(1, 1, *LITTLE)
    assert torch.equal(with_solid_core(alpha, undecided(alpha), preset("paper")), alpha)
    assert torch.equal(with_solid_core(alpha, None, DRAFT.changed(solid=1.0)), alpha)


def test_alpha_never_falls(seed: int = 3) -> None:
    alpha = torch.rand(1, 1, *LITTLE, generator=torch.Generator().manual_seed(seed))
    solid = with_solid_core(alpha, None, DRAFT)
    assert bool((solid >= alpha).all()) and float(solid.max()) <= 1.0
