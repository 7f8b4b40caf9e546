"""Dull spots inside a subject: grey where black turns white is none, a gap between hairs is one."""

from __future__ import annotations

import torch
from torch import Tensor

from dmp_engine.dmp.evidence.false_holes import fill_false_holes

SIDE = 64
GREY = 0.5
SPOT = slice(24, 40)


def scene() -> tuple[Tensor, Tensor, Tensor, Tensor]:
    """(image, clean, trimap, alpha): grey clean plate; a white subject right of column 8.

    The border of the undecided region reaches to the spot in its middle, through opaque pixels.
    """
    clean = torch.full((1, 3, SIDE, SIDE), GREY)
    image = torch.full((1, 3, SIDE, SIDE), 0.9)
    image[..., :8] = GREY
    trimap = torch.ones(1, 1, SIDE, SIDE)
    trimap[..., :8] = 0.0
    trimap[..., 8:12] = 0.5
    trimap[..., SPOT, 8:48] = 0.5
    alpha = torch.where(trimap == 0, 0.0, 1.0)
    return image, clean, trimap, alpha


def test_where_black_turns_white_there_is_no_hole() -> None:
    image, clean, trimap, alpha = scene()
    image[..., 36:] = 0.1
    image[..., 30:36] = torch.linspace(0.9, 0.1, 6)
    alpha[..., SPOT, 31:35] = 0.5
    decided = fill_false_holes(image, clean, trimap, alpha)
    assert bool((decided[..., SPOT, 31:35] == 1).all())
    assert torch.equal(decided[..., :20], trimap[..., :20])  # the border stays undecided


def test_a_gap_stays_open() -> None:
    """Both sides are white: I - B points to white everywhere around."""
    image, clean, trimap, alpha = scene()
    alpha[..., SPOT, 31:35] = torch.tensor([0.68, 0.3, 0.3, 0.68])
    image[..., SPOT, 31:35] = GREY + 0.4 * alpha[..., SPOT, 31:35]
    assert torch.equal(fill_false_holes(image, clean, trimap, alpha), trimap)


def test_what_is_hardly_open_is_closed() -> None:
    image, clean, trimap, alpha = scene()
    alpha[..., SPOT, 31:35] = 0.6
    image[..., SPOT, 31:35] = GREY + 0.4 * 0.6
    assert bool((fill_false_holes(image, clean, trimap, alpha)[..., SPOT, 31:35] == 1).all())


def test_a_large_hole_shows_the_clean_plate() -> None:
    image, clean, trimap, alpha = scene()
    alpha[..., SPOT, 20:44] = 0.48
    image[..., SPOT, 20:44] = GREY + 0.4 * 0.48
    closed = fill_false_holes(image, clean, trimap, alpha)
    assert bool((closed[..., SPOT, 20:44] == 1).all())
    image[..., 30:34, 30:34] = GREY  # there it is
    assert torch.equal(fill_false_holes(image, clean, trimap, alpha), trimap)


def test_the_soft_edge_of_the_subject_is_no_spot() -> None:
    image, clean, trimap, alpha = scene()
    alpha[..., 8:12] = 0.6
    alpha[..., SPOT, 12:44] = 0.6
    assert torch.equal(fill_false_holes(image, clean, trimap, alpha), trimap)
