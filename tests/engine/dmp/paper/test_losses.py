"""Eq. 9, 11, 12 and 13: what is minimised, by hand and by steps on a real crop."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor

from dmp_engine.dmp.model.encoding import Encoding
from dmp_engine.dmp.paper.initial_alpha import background_mask, initial_alpha, patch_similarity
from dmp_engine.dmp.paper.losses import Problem, Trainer
from dmp_matting import Settings

PAPER = Settings(device="cpu")
FAST = PAPER.changed(learning_rate=0.005)


def problem(truth: Any) -> Problem:
    """As Algorithm 1 starts: alpha^[0] of eq. 8."""
    encoding = Encoding.of_pair(truth.image, truth.clean, truth.linear)
    seen, behind = encoding.encode(truth.image), encoding.encode(truth.clean)
    alpha = initial_alpha(
        background_mask(seen, behind, 0.0), patch_similarity(seen, behind, 5), 0.9
    )
    return Problem(truth.image, truth.clean, alpha, encoding)


def trainer(truth: Any, settings: Settings = PAPER, seed: int = 5) -> Trainer:
    return Trainer(problem(truth), settings, torch.Generator().manual_seed(seed))


def on_core(network: Trainer) -> float:
    """Mean |F - I| inside Omega_F."""
    with torch.no_grad():
        foreground = network.predict()[1]
    core = network.problem.core.bool().expand_as(foreground)
    return float((foreground - network.I_enc).abs()[core].mean())


def on_alpha(network: Trainer) -> float:
    with torch.no_grad():
        return float((network.predict()[0] - network.problem.alpha).abs().mean())


# --- eq. 9 and 11 ------------------------------------------------------------------------------


def test_eq9_and_eq11_fit_the_first_alpha_and_the_plate(fur: Any) -> None:
    fitted = trainer(fur, FAST)
    before = on_alpha(fitted), on_core(fitted)
    for _ in range(150):
        fitted.fit_step()
    after = on_alpha(fitted), on_core(fitted)
    assert after[0] < 0.08 < before[0]
    assert after[1] < 0.08 < before[1]


def test_the_fits_loss_is_eq9_plus_eq11(fur: Any) -> None:
    fitted = trainer(fur)
    expected = on_alpha(fitted) + on_core(fitted)
    assert float(fitted.fit_step()) == pytest.approx(expected, rel=1e-5)


def test_eq11_leaves_f_alone_outside_the_known_foreground(fur: Any) -> None:
    fitted = trainer(fur)
    alpha, foreground = fitted.predict()
    foreground.retain_grad()
    fitted._core_misfit(foreground).backward()
    assert foreground.grad is not None
    touched = foreground.grad.abs().sum(1, keepdim=True) > 0
    assert not (touched & (fitted.problem.alpha != 1)).any()
    assert touched.sum() > 0.9 * fitted.problem.core.sum()


# --- eq. 12 ------------------------------------------------------------------------------------


def eq12(alpha: Tensor, foreground: Tensor, clean: Tensor, image: Tensor) -> float:
    """The printed l1 norm, as a mean."""
    a, f, b, i = (x.detach().double().numpy() for x in (alpha, foreground, clean, image))
    return float(np.abs(a * f + (1 - a) * b - i).mean())


def test_eq12_is_the_printed_norm(fur: Any) -> None:
    joint = trainer(fur)
    alpha, foreground = joint.predict()
    expected = eq12(alpha, foreground, fur.clean, fur.image)
    assert float(joint.joint_step(0, 1)) == pytest.approx(expected, rel=1e-5)


def test_eq12_of_scene_linear_plates_mixes_light(furball: Any) -> None:
    truth = furball(1001).cut(100, 120, 64, 64)
    joint = trainer(truth)
    alpha, foreground = (x.detach() for x in joint.predict())
    encoding = joint.problem.encoding
    mixed = alpha * encoding.decode(foreground) + (1 - alpha) * truth.clean
    expected = float((encoding.encode(mixed) - encoding.encode(truth.image)).abs().mean())
    assert float(joint.joint_step(0, 1)) == pytest.approx(expected, rel=1e-4)


def test_eq12_falls(fur: Any) -> None:
    joint = trainer(fur, FAST.changed(perturbation=False))
    losses = [float(joint.joint_step(step, 120)) for step in range(120)]
    assert np.mean(losses[-10:]) < 0.2 * losses[0]
    assert np.mean(losses[-10:]) < 0.03
    thirds = [np.mean(losses[start : start + 40]) for start in (0, 40, 80)]
    assert thirds[0] > thirds[1] > thirds[2]


# --- eq. 13 ------------------------------------------------------------------------------------


def test_eq13_projected_pixels_are_the_plate_and_get_no_gradient(fur: Any) -> None:
    joint = trainer(fur, PAPER.changed(perturbation=False))
    everywhere = torch.ones_like(joint.problem.alpha, dtype=torch.bool)
    before = [p.clone() for p in joint.foreground_net.parameters()]
    alpha = joint.predict()[0]
    # With F = I at every pixel eq. 12 becomes (1 - alpha) |B - I| ...
    expected = eq12(alpha, fur.image, fur.clean, fur.image)
    assert float(joint.joint_step(0, 10, everywhere)) == pytest.approx(expected, rel=1e-5)
    # ... and the foreground network has nothing to learn.
    gradients = [p.grad for p in joint.foreground_net.parameters()]
    assert all(g is None or not g.any() for g in gradients)
    unchanged = zip(before, joint.foreground_net.parameters(), strict=True)
    assert all(torch.equal(a, b) for a, b in unchanged)
    assert any(p.grad is not None and p.grad.any() for p in joint.alpha_net.parameters())


def test_eq13_leaves_the_other_pixels_to_the_network(fur: Any) -> None:
    joint = trainer(fur, PAPER.changed(perturbation=False))
    half = joint.problem.alpha == 1
    alpha, foreground = joint.predict()
    projected = torch.where(half, fur.image, foreground)
    expected = eq12(alpha, projected, fur.clean, fur.image)
    assert float(joint.joint_step(0, 10, half)) == pytest.approx(expected, rel=1e-5)
    assert any(p.grad.any() for p in joint.foreground_net.parameters() if p.grad is not None)


def test_eq13_schedule_of_the_learning_rates(tiny: Any) -> None:
    joint = trainer(tiny)
    mask = joint.problem.alpha == 1
    for step in (0, 99, 100, 250, 999, 1500, 1600, 2900):
        joint.joint_step(step, 3000, mask)
        alpha, foreground = (group["lr"] for group in joint.optimiser.param_groups)
        assert foreground == pytest.approx(0.001)
        assert alpha == pytest.approx(max(0.001, 0.005 * 0.9 ** (step // 100)))
    assert alpha == pytest.approx(0.001)  # 5 x 0.9^16 is below the original


# --- the inputs' perturbation ------------------------------------------------------------------


@pytest.mark.parametrize(
    ("step", "expected"),
    [(0, 0), (99, 0), (100, 0.001), (250, 0.002), (499, 0.004), (500, 0.001), (4499, 0.001),
     (4500, 0), (4999, 0)],
)  # fmt: skip
def test_the_perturbation_ramps_up_falls_and_ends(tiny: Any, step: int, expected: float) -> None:
    joint = trainer(tiny)
    assert joint._perturbation(step, 5000, False) == pytest.approx(expected)
    assert joint._perturbation(step, 5000, True) == 0
    assert trainer(tiny, PAPER.changed(perturbation=False))._perturbation(step, 5000, False) == 0


# --- going on ----------------------------------------------------------------------------------


def test_the_same_seed_learns_the_same_and_another_does_not(tiny: Any) -> None:
    def after(seed: int) -> Tensor:
        joint = trainer(tiny, seed=seed)
        for step in range(5):
            joint.joint_step(100 + step, 5000)  # perturbed
        return joint.predict()[0].detach()

    assert torch.equal(after(1), after(1))
    assert not torch.equal(after(1), after(2))
