"""A large plate is cut to what differs from the clean plate: better there, nothing outside."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from torch import Tensor
from torch.nn import functional

from dmp_engine.dmp.solve import frame as solver
from dmp_engine.dmp.solve.crop import Box, changed_box
from dmp_engine.dmp.steps import Solution, Step
from dmp_matting import preset
from dmp_matting.generators import finish

SIDE = 320
SETTINGS = preset("draft").changed(solve_size=SIDE)
HEIGHT, WIDTH = 540, 960
TOP, LEFT = 250, 500


def scene(lemur: Any) -> tuple[Tensor, Tensor, Tensor]:
    """(image, clean, alpha): the lemur at its own size on a plate three times as wide."""
    size = (HEIGHT, WIDTH)
    clean = functional.interpolate(lemur.clean, size, mode="bicubic").clamp(0, 1)
    alpha, colour = torch.zeros(1, 1, *size), torch.zeros(1, 3, *size)
    high, wide = lemur.alpha.shape[-2:]
    rows, columns = slice(TOP, TOP + high), slice(LEFT, LEFT + wide)
    alpha[..., rows, columns] = lemur.alpha
    colour[..., rows, columns] = lemur.foreground
    image = alpha * colour + (1 - alpha) * clean
    return tuple((x * 255).round() / 255 for x in (image, clean)) + (alpha,)  # type: ignore


def solved(image: Tensor, clean: Tensor, **mattes: Tensor) -> tuple[list[Step], Solution]:
    solving = solver.solve(image, clean, SETTINGS, **mattes)
    steps: list[Step] = []
    solution = finish(solving, steps.append)
    return steps, solution


def test_the_subject_gets_all_the_pixels(lemur: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    image, clean, truth = scene(lemur)
    steps, cut = solved(image, clean)
    box = changed_box(image, clean, SIDE, False)
    assert box is not None
    outside = torch.ones_like(truth, dtype=torch.bool)
    outside[:, :, box.rows, box.columns] = False
    assert truth[outside].max() == 0
    assert cut.alpha.shape == truth.shape and cut.foreground.shape == image.shape
    assert cut.alpha[outside].max() == 0 and cut.confidence[outside].min() == 1
    shown = [step.layers() for step in steps if step.layers is not None]
    assert shown and all(  # the whole plate is shown, at whatever scale
        abs(alpha.shape[-1] / alpha.shape[-2] - WIDTH / HEIGHT) < 0.02 for alpha, _ in shown
    )

    monkeypatch.setattr(solver, "changed_box", lambda *_: None)
    whole = solved(image, clean)[1]
    assert whole.alpha[outside].max() == 0  # the same to the bit
    errors = [(x.alpha - truth).abs().sum() for x in (cut, whole)]
    assert errors[0] < 0.9 * errors[1]


def test_a_part_is_pasted_where_it_was_cut() -> None:
    image = torch.arange(2 * 30 * 40, dtype=torch.float32).reshape(1, 2, 30, 40)
    box = Box(slice(10, 20), slice(8, 28), 30, 40)
    pasted = box.paste(box.cut(image), -1.0)
    inside = torch.zeros(30, 40, dtype=torch.bool)
    inside[10:20, 8:28] = True
    assert torch.equal(pasted[..., inside], image[..., inside])
    assert bool((pasted[..., ~inside] == -1).all())
    half = box.paste(torch.ones(1, 1, 5, 10), 0.0)
    assert half.shape == (1, 1, 15, 20) and half.sum() == 50 and half[0, 0, 5, 4] == 1
    edges = box.paste(box.cut(image), None)
    assert bool((edges[0, 0, 10, :8] == image[0, 0, 10, 8]).all())


def test_what_is_not_cut(lemur: Any) -> None:
    image, clean, _ = scene(lemur)
    assert changed_box(image, clean, WIDTH, False) is None  # small enough as it is
    filled = [
        functional.interpolate(x[..., 60:280], scale_factor=2.0) for x in (lemur.image, lemur.clean)
    ]
    assert changed_box(filled[0], filled[1], SIDE, False) is None
    assert changed_box(clean, clean, SIDE, False) is None
    assert changed_box(image, clean.flip(3).roll(77, 2) * 0.3, SIDE, False) is None


def test_grain_does_not_widen_the_box(lemur: Any) -> None:
    image, clean, _ = scene(lemur)
    expected = changed_box(image, clean, SIDE, False)
    generator = torch.Generator().manual_seed(0)
    grain = [0.01 * torch.randn(image.shape, generator=generator) for _ in range(2)]
    box = changed_box(image + grain[0], clean + grain[1], SIDE, False)
    assert box is not None and expected is not None
    assert abs(box.rows.start - expected.rows.start) < 20
    assert abs(box.columns.start - expected.columns.start) < 20


def test_the_artists_mattes_are_kept(lemur: Any) -> None:
    image, clean, truth = scene(lemur)
    constraint = torch.full_like(truth, 0.5)
    constraint[..., 300:310, 200:210] = 1  # left of the subject
    constraint[..., TOP + 100 :, :] = 0
    box = changed_box(image, clean, SIDE, False, constraint)
    assert box is not None and box.columns.start < 200
    assert box.rows.stop < TOP + lemur.alpha.shape[-2]
    alpha = solved(image, clean, constraint=constraint)[1].alpha
    assert alpha[constraint == 1].min() == 1
    assert alpha[constraint == 0].max() == 0


def test_small_things_far_away_are_subjects_too(lemur: Any) -> None:
    image, clean, _ = scene(lemur)
    image[..., 20:32, 20:32] = 1 - clean[..., 20:32, 20:32]
    box = changed_box(image, clean, SIDE, False)
    assert box is None or (box.rows.start <= 20 and box.columns.start <= 20)
