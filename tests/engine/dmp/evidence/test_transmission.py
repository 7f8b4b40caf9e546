"""What is seen through an opaque region, on plates whose transmission is known."""

from __future__ import annotations

import pytest
import torch

from dmp_engine.dmp.evidence.transmission import Transmission, transmission
from dmp_engine.dmp.model.constraints import OPAQUE, UNKNOWN
from dmp_engine.dmp.model.encoding import Encoding
from dmp_engine.dmp.model.pair import Pair
from dmp_engine.dmp.model.parameters import PARAMETERS
from dmp_engine.dmp.solve.pair_solution import solve_pair

INSIDE = (slice(40, 120), slice(40, 120))  # of a subject that is 30 pixels larger on each side


def textured(seed: int) -> torch.Tensor:
    generator = torch.Generator().manual_seed(seed)
    return 0.2 + 0.6 * torch.rand(1, 3, 160, 160, generator=generator)


def found(image: torch.Tensor, clean: torch.Tensor, opaque: torch.Tensor) -> Transmission:
    pair = Pair.of(image, clean, Encoding.of_pair(image, clean, False), PARAMETERS)
    return transmission(pair, opaque, PARAMETERS)


@pytest.fixture
def opaque() -> torch.Tensor:
    mask = torch.zeros(160, 160)
    mask[10:150, 10:150] = 1
    return mask


@pytest.mark.parametrize("t", [0.07, 0.1, 0.2])
def test_a_sheer_region_lets_through_what_it_does(t: float, opaque: torch.Tensor) -> None:
    clean, foreground = textured(0), textured(1) / 10
    result = found((1 - t) * foreground + t * clean, clean, opaque)
    assert (result.share[INSIDE] - t).abs().max() < 0.02
    assert result.probability[INSIDE].min() > 0.9
    assert result.variance[INSIDE].max() < 0.02**2


def test_an_opaque_region_lets_nothing_through(opaque: torch.Tensor) -> None:
    assert found(textured(1), textured(0), opaque).probability.max() < 0.01


def test_a_pattern_that_both_plates_repeat_proves_nothing(opaque: torch.Tensor) -> None:
    """Stripes in step: independent residuals would make it certain."""
    stripes = 0.1 * (torch.arange(160) % 4 < 2).float().expand(1, 3, 160, 160)
    noise = 2e-3 * torch.randn(stripes.shape, generator=torch.Generator().manual_seed(2))
    result = found(0.5 + stripes / 8 + noise, 0.3 + 2 * stripes, opaque)
    assert result.probability.max() < 0.5


def test_a_clean_plate_that_holds_the_subject_proves_nothing(opaque: torch.Tensor) -> None:
    subject = textured(1)
    ghost = 0.5 * subject + 0.2
    assert found(subject, ghost, opaque).probability.max() == 0


def test_nothing_opaque_and_a_plate_smaller_than_a_block() -> None:
    clean = textured(0)
    assert found(clean, clean, torch.zeros(160, 160)).probability.max() == 0
    small = clean[..., :5, :7]
    result = found(0.5 * small, small, torch.ones(5, 7))
    assert result.share.shape == (5, 7) and result.share.isfinite().all()


def test_a_solve_makes_a_sheer_flag_sheer_but_for_the_artists_core() -> None:
    clean = textured(0)
    foreground = torch.full_like(clean, 0.1)
    foreground[:, 2] = 0.4
    foreground = foreground + textured(1) / 20
    alpha = torch.zeros(160, 160)
    alpha[:, 40:] = 0.93
    image = alpha * foreground + (1 - alpha) * clean
    image, clean = ((x * 255).round() / 255 for x in (image, clean))

    def solved(constraint: torch.Tensor | None = None) -> torch.Tensor:
        solving = solve_pair(image, clean, constraint=constraint)
        while True:
            try:
                next(solving)
            except StopIteration as end:
                solution = end.value
                held = solution.trimap[0, 0]
                assert ((held == 0.5) | (solution.alpha[0, 0] == held)).all()
                return solution.alpha[0, 0]

    middle = (slice(20, 140), slice(70, 150))
    assert (solved()[middle] - 0.93).abs().max() < 0.03
    core = torch.full((1, 1, 160, 160), UNKNOWN)
    core[..., 100:] = OPAQUE
    kept = solved(core)
    assert (kept[:, 100:] == 1).all(), "the artist's core stays"
    assert (kept[20:140, 70:95] - 0.93).abs().max() < 0.03
