"""A plate larger than the solve size: solved small, upsampled to its own pixels."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
import torch
from torch import Tensor

from dmp_engine.dmp.solve import full_resolution
from dmp_engine.dmp.solve.full_resolution import shrunk_constraint, solve_size
from dmp_engine.dmp.solve.single_frame import solve
from dmp_engine.dmp.steps import Solution
from dmp_matting.generators import finish
from dmp_matting.job import Stage
from dmp_matting.presets import preset

SMALL = preset("draft").changed(
    alpha_init="proposed", background_tolerance=0.02, core_margin=4.0,
    joint_steps=2, working_size=0, solve_size=170, threads=1,
)  # fmt: skip


def solved(truth: Any, settings: Any = SMALL, **how: Any) -> Solution:
    steps = solve(truth.image, truth.clean, settings, linear=truth.linear, **how)
    stages = set()
    found = finish(steps, lambda step: stages.add(step.stage))
    assert Stage.UPSAMPLE in stages
    return found


def sad(alpha: Tensor, truth: Any) -> float:
    return float((alpha - truth.alpha).abs().sum() / 1000)


@pytest.fixture(scope="module")
def upsampled(lemur: Any) -> Solution:
    return solved(lemur)


def test_only_larger_plates_are_solved_smaller() -> None:
    settings = preset("draft")
    assert solve_size(480, 640, settings) is None
    assert solve_size(2160, 3840, settings) == (540, 960)
    assert solve_size(2160, 3840, preset("paper")) is None


def test_eq_18_puts_the_detail_back(lemur: Any, upsampled: Solution) -> None:
    whole = solved(lemur, SMALL.changed(solve_size=0))
    size = lemur.image.shape[-2:]
    assert upsampled.alpha.shape == upsampled.confidence.shape == (1, 1, *size)
    assert upsampled.foreground.shape == lemur.image.shape
    plain = replace(
        lemur,
        image=torch.nn.functional.interpolate(lemur.image, (110, 170), mode="area"),
        clean=torch.nn.functional.interpolate(lemur.clean, (110, 170), mode="area"),
    )
    small = solved(plain, SMALL.changed(solve_size=0)).alpha
    enlarged = torch.nn.functional.interpolate(small, size, mode="bilinear", align_corners=False)
    assert sad(upsampled.alpha, lemur) < 0.95 * sad(enlarged, lemur)
    assert sad(upsampled.alpha, lemur) < 1.3 * sad(whole.alpha, lemur)


def test_decided_pixels_stay_decided(lemur: Any, upsampled: Solution) -> None:
    background, core = upsampled.trimap == 0, upsampled.trimap == 1
    assert background.float().mean() > 0.3 and core.float().mean() > 0.1
    assert not upsampled.alpha[background].any() and (upsampled.alpha[core] == 1).all()
    assert (upsampled.confidence[background | core] == 1).all()
    assert (upsampled.confidence[~(background | core)] < 1).float().mean() > 0.9


def test_the_pixels_at_once_change_no_bit(
    lemur: Any, upsampled: Solution, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(full_resolution, "CHUNK", 997)
    again = solved(lemur)
    assert torch.equal(again.alpha, upsampled.alpha)
    assert torch.equal(again.foreground, upsampled.foreground)


def test_the_artists_mattes_hold_to_the_pixel(lemur: Any) -> None:
    constraint = torch.full_like(lemur.alpha, 0.5)
    constraint[..., :101] = 0  # no multiple of the scale
    constraint[..., 30:93, 201:222] = 1
    found = solved(lemur, constraint=constraint).alpha
    assert not found[constraint == 0].any() and (found[constraint == 1] == 1).all()


def test_a_hint_is_small_only_where_it_is_whole() -> None:
    constraint = torch.full((1, 1, 4, 8), 0.5)
    constraint[..., :5], constraint[..., 6:] = 0.0, 1.0
    assert shrunk_constraint(constraint, (2, 4)).unique().tolist() == [0.0, 0.5, 1.0]
    assert shrunk_constraint(constraint, (2, 4))[0, 0, 0].tolist() == [0.0, 0.0, 0.5, 1.0]


def test_the_paper_is_lifted_too(tiny: Any) -> None:
    settings = preset("paper").changed(
        joint_steps=1, projection_steps=1, fit_steps=1, rounds=1, solve_size=24, threads=1
    )
    found = solved(tiny, settings)
    assert found.alpha.shape == tiny.alpha.shape and torch.isfinite(found.foreground).all()
