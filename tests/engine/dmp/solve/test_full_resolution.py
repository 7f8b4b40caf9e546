"""From the solve size to the plate's own pixels: eq. 18 there, for the paper and for shots."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from torch import Tensor
from torch.nn import functional

from dmp_engine.dmp.paper.refine import Variances, colour_bounds, refine
from dmp_engine.dmp.solve import full_resolution
from dmp_engine.dmp.solve.frame import solve
from dmp_engine.dmp.solve.full_resolution import enlarged_trimap, refined_at_full_resolution
from dmp_engine.dmp.steps import Solution, Step
from dmp_matting.generators import finish
from dmp_matting.job import Stage
from dmp_matting.presets import preset

SMALL = (110, 170)  # half the lemur
QUICK = preset("paper").changed(
    joint_steps=2, projection_steps=1, fit_steps=2, rounds=1, solve_size=170, threads=1,
    background_tolerance=0.02,
)  # fmt: skip


def smaller(x: Tensor) -> Tensor:
    return functional.interpolate(x, SMALL, mode="area")


def at_full_size(truth: Any, held: Tensor | None) -> tuple[tuple[Tensor, Tensor], list[Step]]:
    """The true layers of half the size, by eq. 18 at the plate's own pixels."""
    bounds, steps = colour_bounds(truth.image, truth.clean), []

    def eq_18(i: Tensor, b: Tensor, a: Tensor, f: Tensor, at: Tensor) -> tuple[Tensor, Tensor]:
        assert len(at) == i.shape[3] == a.shape[3]
        return refine(i, b, a, f, 20, Variances(), bounds)

    layers = smaller(truth.alpha), smaller(truth.foreground)
    working = refined_at_full_resolution(truth.image, truth.clean, *layers, held, eq_18)
    return finish(working, steps.append), steps


def sad(alpha: Tensor, truth: Any) -> float:
    return float((alpha - truth.alpha).abs().sum() / 1000)


def test_eq_18_puts_the_detail_back(lemur: Any) -> None:
    (alpha, foreground), steps = at_full_size(lemur, None)
    assert alpha.shape == lemur.alpha.shape and foreground.shape == lemur.image.shape
    assert steps and all(step.stage is Stage.UPSAMPLE for step in steps)
    size = lemur.image.shape[-2:]
    plain = functional.interpolate(smaller(lemur.alpha), size, mode="bilinear")
    assert sad(alpha, lemur) < 0.7 * sad(plain, lemur)


def test_what_is_held_stays_to_the_pixel(lemur: Any) -> None:
    held = torch.full_like(lemur.alpha, 0.5)
    held[..., :101] = 0  # no multiple of the scale
    held[..., 30:93, 201:222] = 1
    alpha = at_full_size(lemur, held)[0][0]
    assert not alpha[held == 0].any() and (alpha[held == 1] == 1).all()


def test_the_pixels_at_once_change_no_bit(lemur: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    whole = at_full_size(lemur, None)[0]
    monkeypatch.setattr(full_resolution, "CHUNK", 997)
    again, steps = at_full_size(lemur, None)
    assert len(steps) > 70
    assert all(torch.equal(a, b) for a, b in zip(whole, again, strict=True))


def test_a_larger_trimap_is_decided_where_all_around_is() -> None:
    trimap = torch.tensor([0.0, 0.0, 0.0, 0.5, 1.0, 1.0, 1.0]).expand(1, 1, 7, 7)
    large = enlarged_trimap(trimap, (14, 14))[0, 0, 7]
    assert large.tolist() == [0.0] * 5 + [0.5] * 4 + [1.0] * 5


def paper(truth: Any, **how: Any) -> Solution:
    return finish(solve(truth.image, truth.clean, QUICK, linear=truth.linear, **how))


def test_the_paper_above_its_solve_size(lemur: Any) -> None:
    constraint = torch.full_like(lemur.alpha, 0.5)
    constraint[..., :101] = 0
    constraint[..., 30:93, 201:222] = 1
    found = paper(lemur, constraint=constraint)
    assert found.alpha.shape == found.confidence.shape == found.trimap.shape == lemur.alpha.shape
    assert found.foreground.shape == lemur.image.shape
    assert not found.alpha[constraint == 0].any() and (found.alpha[constraint == 1] == 1).all()
    built = found.alpha * found.foreground + (1 - found.alpha) * lemur.clean
    carried = found.alpha > 0.3
    assert (built - lemur.image).abs().mean(1, keepdim=True)[carried].mean() < 0.005


def test_each_frame_of_the_video_mode_is_its_own(lemur: Any) -> None:
    """Two frames, larger than the solve size: the first one's pixels do not depend on the order."""
    frames = [torch.cat([x, x.flip(3)]) for x in (lemur.image, lemur.clean)]
    found = finish(solve(*frames, QUICK))
    assert found.foreground.shape == frames[0].shape
    built = found.alpha * found.foreground + (1 - found.alpha) * frames[1]
    misfit = (built - frames[0]).abs().mean(1, keepdim=True)
    for n in range(2):
        assert misfit[n][found.alpha[n] > 0.3].mean() < 0.005
