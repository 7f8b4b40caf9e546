"""Alpha from the clean plate's texture: exact where F is smooth, silent where it knows nothing."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
import torch
from torch import Tensor

from dmp_engine.dmp.evidence import trimap as first_trimap
from dmp_engine.dmp.evidence.confidence import confidence_of
from dmp_engine.dmp.evidence.foreground_samples import sample_alpha
from dmp_engine.dmp.evidence.texture import (
    opened_where_seen_through,
    seen_through,
    variance_of,
    with_texture,
)
from dmp_engine.dmp.evidence.trimap import second_look
from dmp_engine.dmp.evidence.types import Sampled, SeenThrough
from dmp_engine.dmp.model.encoding import Encoding


def bricks(height: int = 48, width: int = 64) -> Tensor:
    coarse = torch.rand(1, 3, height // 4, width // 4, generator=torch.Generator().manual_seed(3))
    return torch.nn.functional.interpolate(coarse, (height, width))


@pytest.mark.parametrize("alpha", [0.0, 0.25, 0.6, 1.0])
def test_a_smooth_foreground_shows_how_much_comes_through(alpha: float) -> None:
    clean = bricks()
    smooth = torch.tensor([0.5, 0.3, 0.2])[None, :, None, None]
    found = seen_through(alpha * smooth + (1 - alpha) * clean, clean)
    textured = clean.var((2, 3)).mean() > 0.01
    assert textured
    where = found.variance < 0.01
    assert where.float().mean() > 0.3
    assert (found.alpha - alpha).abs()[where].max() < 0.02


def test_a_flat_clean_plate_shows_nothing() -> None:
    image = bricks()
    found = seen_through(image, torch.full_like(image, 0.4))
    assert (found.variance > 1).all()
    sampled = Sampled(torch.full_like(image[:, :1], 0.3), torch.full_like(image[:, :1], 90.0))
    both = with_texture(sampled, found, torch.ones_like(image[:, :1], dtype=torch.bool))
    assert (both.alpha - 0.3).abs().max() < 0.02


def test_a_foreground_of_its_own_texture_is_not_taken_for_seen_through() -> None:
    clean = bricks()
    found = seen_through(clean.flip(3), clean)
    assert (found.variance.median() > 0.02) and (found.alpha.median() > 0.5)


def test_brightness_in_stops_changes_nothing() -> None:
    clean = bricks()
    image = 0.5 * clean + 0.2
    usual, dark = seen_through(image, clean), seen_through(image / 8, clean / 8)
    assert torch.allclose(usual.alpha, dark.alpha, atol=1e-3)


def test_what_was_no_query_stays_empty_and_a_variance_survives_both_ways() -> None:
    confidence = torch.tensor([0.0, 20.0, 100.0])
    assert torch.allclose(variance_of(confidence), torch.tensor([0.103, 0.083, 0.003]))
    one = torch.ones(1, 1, 4, 4)
    query = one > 2
    both = with_texture(Sampled(one, one * 50), SeenThrough(one * 0, one), query)
    assert not both.alpha.any() and not both.confidence.any()


@pytest.mark.parametrize("frame", [1001, 1004, 1007])
def test_under_motion_blur_texture_takes_a_third_of_the_error(
    furball: Callable[[int], Any], frame: int
) -> None:
    truth = furball(frame)
    encoding = Encoding.of_pair(truth.image, truth.clean, truth.linear)
    generator = torch.Generator().manual_seed(0)
    seen, behind = encoding.encode(truth.image), encoding.encode(truth.clean)
    trimap = first_trimap.tested_trimap(seen, behind, generator)
    trimap = second_look(truth.image, truth.clean, trimap, encoding, generator)
    through = seen_through(truth.image, truth.clean)
    opened = opened_where_seen_through(trimap, through)
    changed = trimap != opened
    assert (trimap[changed] == 1).all() and (opened[changed] == 0.5).all()
    if frame != 1001:  # where the ball moves, most of what is opened is truly not opaque
        assert changed.sum() > 100 and (truth.alpha[changed] < 0.95).float().mean() > 0.5
    query = opened == 0.5
    colours = sample_alpha(truth.image, truth.clean, query, opened == 1, encoding, generator)
    both = with_texture(colours, through, query)
    errors = [(x.alpha - truth.alpha).abs()[query].mean() for x in (colours, both)]
    assert errors[1] < 0.75 * errors[0]


def test_confidence_is_one_where_decided_and_low_where_evidence_and_alpha_disagree() -> None:
    trimap = torch.tensor([0.0, 1.0, 0.5, 0.5, 0.5])[None, None, None]
    alpha = torch.tensor([0.0, 1.0, 0.5, 0.5, 1.0])[None, None, None]
    sampled = torch.tensor([0.0, 0.0, 0.5, 0.0, 1.0])[None, None, None]
    sure = torch.tensor([0.0, 0.0, 100.0, 100.0, 100.0])[None, None, None]
    found = confidence_of(alpha, trimap, Sampled(sampled, sure)).flatten()
    assert found[0] == found[1] == 1
    assert 0.8 < found[2] < 0.95 and found[3] < 0.05 and found[4] > 0.95
