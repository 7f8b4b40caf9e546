"""What follows eq. 18 in a shot: grain's print is emptied, the knee, the bound of alpha."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor

from dmp_engine.dmp.temporal.postprocess import clip_black, clip_white, least_alpha

SIZE = (24, 32)
SIGMA = 0.02
UNDECIDED = torch.full((1, 1, *SIZE), 0.5)


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
    assert not clip_black(alpha, *layers(0.8)[:2], UNDECIDED, layers(0.8)[2]).any()


@pytest.mark.parametrize("alpha", [0.06, 0.3])
def test_what_is_more_than_grain_stays(alpha: float) -> None:
    foreground, clean, grain = layers(0.8)
    found = clip_black(one_pixel(alpha), foreground, clean, UNDECIDED, grain)
    assert torch.equal(found, one_pixel(alpha))


def test_a_core_of_the_clean_plates_colour_stays() -> None:
    """It adds nothing to the plate, but it is not alone."""
    foreground, clean, grain = layers(0.21)
    alpha = torch.ones(1, 1, *SIZE)
    assert torch.equal(clip_black(alpha, foreground, clean, UNDECIDED, grain), alpha)


def test_what_is_held_stays_and_nothing_is_clipped_of_no_grain() -> None:
    foreground, clean, grain = layers(0.8)
    alpha = one_pixel(0.04)
    held = torch.where(alpha > 0, 1.0, 0.5)
    assert torch.equal(clip_black(alpha, foreground, clean, held, grain), alpha)
    assert torch.equal(clip_black(alpha, foreground, clean, UNDECIDED, 0 * grain), alpha)


def test_the_knee_makes_nearly_opaque_opaque_and_leaves_the_thin() -> None:
    alpha = torch.linspace(0, 1, 1001)
    solid = clip_white(alpha, 0.92)
    assert torch.equal(solid[alpha <= 0.4], alpha[alpha <= 0.4])
    assert (solid[alpha >= 0.92] == 1).all()
    assert (solid.diff() >= 0).all() and (solid >= alpha).all()


def test_alpha_is_no_less_than_what_a_foreground_without_negative_light_needs() -> None:
    clean = torch.full((1, 3, *SIZE), 0.5)
    image = 0.3 * 0.0 + 0.7 * clean  # black over it
    least = least_alpha(image, clean)
    assert ((least > 0.27) & (least <= 0.3)).all()
    assert not least_alpha(clean + 0.1, clean).any()  # brighter than the clean plate: no bound
    assert (least_alpha(image, clean, torch.full_like(clean, SIGMA)) < least).all()
    dark = torch.full_like(clean, 0.01)
    assert not least_alpha(0 * dark, dark).any()
