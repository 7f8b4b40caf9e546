"""The network: what it learns, what it may touch, and its windows."""

from __future__ import annotations

from dataclasses import replace

import pytest
import torch

from dmp_engine.dmp.model.parameters import PARAMETERS
from dmp_engine.dmp.recompositions import features
from dmp_engine.dmp.recompositions.correction import CorrectionNetwork, Lesson, corrected, learn
from dmp_engine.dmp.recompositions.features import Estimate, windows_of
from dmp_matting.generators import finish

SIZE = (40, 50)


def an_estimate(seed: int) -> tuple[Estimate, torch.Tensor]:
    """An estimate whose alpha is too small by a quarter, and the truth."""
    generator = torch.Generator().manual_seed(seed)

    def drawn(*shape: int) -> torch.Tensor:
        return torch.rand(*shape, *SIZE, generator=generator)

    truth = 0.1 + 0.8 * drawn()
    clean, foreground = drawn(3), drawn(3)
    image = truth * foreground + (1 - truth) * clean
    zero = torch.zeros(SIZE)
    undecided = torch.ones(SIZE, dtype=torch.bool)
    undecided[:, :10] = False
    alpha = 0.75 * truth
    return Estimate(
        image, clean, foreground, torch.ones(SIZE), alpha, alpha, zero + 0.01, zero, zero, alpha,
        alpha, undecided,
    ), truth  # fmt: skip


def learned(seed: int) -> CorrectionNetwork:
    estimate, truth = an_estimate(1)
    generator = torch.Generator().manual_seed(seed)
    lesson = Lesson.of(estimate, truth, generator)
    network = finish(learn([lesson], generator, PARAMETERS))
    assert network is not None
    return network


def test_what_is_learned_on_one_pair_helps_another_of_its_kind() -> None:
    estimate, truth = an_estimate(2)
    exact = replace(PARAMETERS, correction_strength=1.0)
    alpha = corrected(estimate, learned(0), exact)
    before, after = ((x - truth)[estimate.undecided].abs().mean() for x in (estimate.alpha, alpha))
    assert after < 0.4 * before


def test_decided_pixels_are_not_touched() -> None:
    estimate, _ = an_estimate(2)
    one = estimate.one.clone()
    one[:, 20:25] = 0.995
    alpha = estimate.alpha.clone()
    alpha[:5] = 1.0
    estimate = replace(estimate, one=one, alpha=alpha)
    after = corrected(estimate, learned(0), PARAMETERS)
    kept = ~estimate.undecided | (one > 0.99) | (alpha == 1)
    assert torch.equal(after[kept], alpha[kept])
    assert (after[~kept] != alpha[~kept]).float().mean() > 0.99


def test_a_seed_is_a_network_of_eight_thousand_weights() -> None:
    first, again, other = learned(0), learned(0), learned(1)
    assert sum(x.numel() for x in first.weights) == 8033
    assert all(torch.equal(a, b) for a, b in zip(first.weights, again.weights, strict=True))
    assert not torch.equal(first.weights[0], other.weights[0])


def test_an_unfitted_network_changes_nothing() -> None:
    estimate, _ = an_estimate(2)
    network = CorrectionNetwork(torch.Generator().manual_seed(0), torch.device("cpu"))
    assert torch.allclose(corrected(estimate, network, PARAMETERS), estimate.alpha, atol=1e-5)


def test_too_little_to_learn_from_is_no_network() -> None:
    estimate, truth = an_estimate(1)
    undecided = torch.zeros_like(estimate.undecided)
    undecided[3:8, 20:30] = True
    generator = torch.Generator().manual_seed(0)
    lesson = Lesson.of(replace(estimate, undecided=undecided), truth, generator)
    assert len(lesson.alpha) == 50
    assert finish(learn([lesson], generator, PARAMETERS)) is None


def test_windows_do_not_depend_on_the_strips(monkeypatch: pytest.MonkeyPatch) -> None:
    estimate, _ = an_estimate(3)
    pixels = estimate.correctable()
    whole = windows_of(estimate, pixels)
    assert whole.shape == (len(pixels), 216)
    monkeypatch.setattr(features, "STRIP", 7 * SIZE[1])
    assert torch.allclose(windows_of(estimate, pixels), whole, atol=1e-5)
    middle = whole.view(-1, 9, 24)[:, 4]
    assert torch.allclose(middle[:, 1], estimate.alpha.flatten()[pixels])
