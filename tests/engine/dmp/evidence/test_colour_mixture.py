"""The likelihood of alpha of single pixels whose alpha is known."""

from __future__ import annotations

from dataclasses import replace

import pytest
import torch

from dmp_engine.dmp.evidence import colour_mixture as room
from dmp_engine.dmp.evidence.colour_mixture import Sources, colour_mixture, sample_sources
from dmp_engine.dmp.evidence.palette import Palette
from dmp_engine.dmp.model.encoding import Encoding
from dmp_engine.dmp.model.pair import Pair
from dmp_engine.dmp.model.parameters import PARAMETERS
from dmp_engine.dmp.model.white_noise import WhiteNoise

ORANGE, BLUE = torch.tensor([0.9, 0.5, 0.1]), torch.tensor([0.1, 0.2, 0.6])


def scene() -> tuple[Pair, torch.Tensor]:
    """32 x 32 of blue; the right half an orange subject, alpha 0.3 in column 15."""
    clean = BLUE.view(1, 3, 1, 1).expand(1, 3, 32, 32).clone()
    alpha = torch.zeros(32, 32)
    alpha[:, 16:], alpha[:, 15] = 1, 0.3
    image = alpha * ORANGE.view(1, 3, 1, 1) + (1 - alpha) * clean
    return Pair.of(image, clean, Encoding.of_pair(image, clean, False), PARAMETERS), alpha


def test_a_mixture_points_at_alpha() -> None:
    pair, alpha = scene()
    core = alpha == 1
    pixels = (alpha == 0.3).flatten().nonzero()[:, 0]
    sources = sample_sources(core, core.float(), pixels, 20, 4.0, WhiteNoise(0))
    assert core.flatten()[sources.pixels[sources.weights > 0].long()].all()
    palette = Palette(pair, core.float(), PARAMETERS)
    found = colour_mixture(pair, pixels, sources, palette, PARAMETERS)
    best = found.log_weight.argmax(1, keepdim=True)
    assert (found.alpha.gather(1, best) - 0.3).abs().max() < 0.01
    likeliest = torch.logsumexp(found.log_weight, 1)
    assert (likeliest > found.zero + 10).all() and (likeliest > found.one + 10).all()


def test_point_masses_win_where_they_hold() -> None:
    pair, alpha = scene()
    pixels = torch.tensor([5, 25])  # background, subject
    inside = (alpha == 1).flatten().nonzero()[:, 0]
    sources = Sources(inside[:8].expand(2, 8).int(), torch.ones(2, 8))
    palette = Palette(pair, (alpha == 1).float(), PARAMETERS)
    found = colour_mixture(pair, pixels, sources, palette, PARAMETERS)
    assert found.zero[0] > found.one[0] + 10
    assert found.one[1] > found.zero[1] + 10


def test_highlights_stay_finite() -> None:
    """Sources of 40 beside 0.1: squares and determinants of single precision would cancel."""
    pair, alpha = scene()
    image = pair.image.clone()
    image[:, 10:20, 20:] = 40.0
    pair = replace(pair, image=image, bounds=(torch.tensor(0.0), torch.tensor(40.0)))
    pixels = torch.arange(32 * 32)
    sources = sample_sources(alpha == 1, (alpha == 1).float(), pixels, 20, 8.0, WhiteNoise(0))
    palette = Palette(pair, (alpha == 1).float(), PARAMETERS)
    found = colour_mixture(pair, pixels, sources, palette, PARAMETERS)
    for name, value in vars(found).items():
        assert torch.isfinite(value).all(), name
    assert found.log_weight.max() < 100  # a misfit is never negative


def test_pixels_in_other_pieces_give_the_same(monkeypatch: pytest.MonkeyPatch) -> None:
    pair, alpha = scene()
    pixels = torch.arange(32 * 32)
    sources = sample_sources(alpha == 1, (alpha == 1).float(), pixels, 20, 8.0, WhiteNoise(0))
    palette = Palette(pair, (alpha == 1).float(), PARAMETERS)
    whole = colour_mixture(pair, pixels, sources, palette, PARAMETERS)
    monkeypatch.setattr(room, "CHUNK", 100)
    assert len(room.chunks(1024, torch.device("cpu"))) == 11
    assert len(room.chunks(1024, torch.device("cuda"))) == 1
    pieces = colour_mixture(pair, pixels, sources, palette, PARAMETERS)
    for name, value in vars(whole).items():
        assert torch.allclose(getattr(pieces, name), value, atol=1e-5), name
