"""Frames that help each other: what triangulation knows, what it must not, and what that gains."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor
from torch.nn import functional

from dmp_engine.dmp.model.encoding import Encoding
from dmp_engine.dmp.temporal import neighbours
from dmp_engine.dmp.temporal.fusion import Layered, fused
from dmp_engine.dmp.temporal.neighbours import (
    PASSES,
    SOLVED,
    FrameState,
    initial_state,
    refine_state,
    solution_of,
)
from dmp_engine.dmp.temporal.optical_flow import (
    Flows,
    Wanted,
    chained,
    fetched,
    layer_picture,
    within_frame,
)
from dmp_engine.dmp.temporal.triangulation import View, triangulated
from dmp_engine.evaluation.metrics import dtssd, sad
from dmp_matting import preset
from dmp_matting.generators import finish

SETTINGS = preset("draft").changed(device="cpu", threads=1)
STEP = 3  # pixels to the right a frame


def noise(height: int, width: int, seed: int, rough: int = 2) -> Tensor:
    """(1, 3, H, W) in [0.1, 0.9]: blotches of ``rough`` pixels."""
    random = np.random.default_rng(seed).random((height // rough + 2, width // rough + 2, 3))
    blown = np.kron(random, np.ones((rough, rough, 1)))[:height, :width]
    return torch.from_numpy(0.1 + 0.8 * blown.transpose(2, 0, 1)).float()[None]


def scene(index: int) -> tuple[Tensor, Tensor, Tensor]:
    """Plate, clean plate and alpha of frame ``index``: a soft-edged dotted disc that walks."""
    clean = noise(64, 112, 1)
    y, x = torch.meshgrid(torch.arange(64.0), torch.arange(112.0), indexing="ij")
    x = x - STEP * index
    alpha = ((24 - (x - 44).hypot(y - 32)) / 12).clamp(0, 1)[None, None]
    dots = 0.55 + 0.3 * torch.sin(x / 2.5) * torch.cos(y / 3)
    foreground = torch.stack([dots, 0.8 * dots, 0.3 + 0 * dots])[None]
    return alpha * foreground + (1 - alpha) * clean, clean, alpha


def first_state(image: Tensor, clean: Tensor) -> FrameState:
    return finish(initial_state(image, clean, SETTINGS, linear=False))


def initial_states(count: int) -> list[FrameState]:
    return [first_state(*scene(n)[:2]) for n in range(count)]


def with_neighbours(first: list[FrameState], passes: int = PASSES) -> list[FrameState]:
    level = first
    for _ in range(passes):
        level = [
            refine_state(state, [(k - n, level[k]) for k in range(max(0, n - 2),
                     min(len(level), n + 3)) if k != n])
            for n, state in enumerate(level)
        ]  # fmt: skip
    return level


def moved_view(index: int, by: int, **more: Tensor) -> View:
    """Frame ``by`` frames on, followed along the true motion."""
    image, clean, alpha = scene(index + by)
    motion = torch.zeros(64, 112, 2)
    motion[..., 0] = STEP * by
    one = torch.ones_like(alpha)
    given = {"fit": one, "weight": within_frame(motion), **more}
    layer = image - (1 - alpha) * clean
    pictures = (fetched(x, motion) for x in (image, clean, alpha, layer))
    return View(*pictures, given["weight"], given["fit"], abs(by))


def test_one_subject_before_several_backgrounds_gives_its_alpha() -> None:
    image, clean, alpha = scene(0)
    known = triangulated(image, clean, [moved_view(0, 1), moved_view(0, 2)])
    edge = (alpha > 0.05) & (alpha < 0.95)
    apart = (known.alpha - alpha).abs()
    assert apart[edge].mean() < 0.02
    assert apart[edge & (known.variance < 0.002)].mean() < 0.01


def test_where_nothing_moves_it_claims_to_know_nothing() -> None:
    image, clean, alpha = scene(0)
    one = torch.ones_like(alpha)
    known = triangulated(image, clean, [View(image, clean, alpha, alpha * image, one, one, 1)])
    assert known.variance.min() > 0.1


def test_the_flow_follows_the_subject_and_not_the_wall_behind_it() -> None:
    encoding = Encoding(False, 0.0, 1.0)
    pictures = []
    for index in (0, 1):
        image, clean, alpha = scene(index)
        foreground = (image - (1 - alpha) * clean) / alpha.clamp_min(0.05)
        pictures.append(layer_picture(alpha, foreground.clamp(0, 1), encoding))
    (motion,) = Flows().between([Wanted(*pictures)], torch.device("cpu"))
    subject = scene(0)[2][0, 0] > 0.2
    away = (motion - torch.tensor([float(STEP), 0.0])).norm(dim=-1)[subject]
    assert away.median() < 0.3


def test_flows_are_the_same_to_the_bit_however_many_at_once(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    generator = np.random.default_rng(2)
    pictures = [(255 * generator.random((96, 128))).astype(np.uint8) for _ in range(4)]
    start = np.ones((96, 128, 2), np.float32)
    wanted = [Wanted(pictures[n], pictures[n + 1]) for n in range(3)]
    wanted.append(Wanted(pictures[0], pictures[2], start))
    cpu = torch.device("cpu")
    monkeypatch.setattr(torch, "get_num_threads", lambda: 1)
    alone = [Flows().between([each], cpu)[0] for each in wanted]
    monkeypatch.setattr(torch, "get_num_threads", lambda: 3)
    kept = Flows(kept=2)
    for _ in range(2):  # the second time some are known
        for one, other in zip(alone, kept.between(wanted, cpu), strict=True):
            assert torch.equal(one, other)
    assert len(kept._found) == 2


def test_neighbours_of_one_side_or_none_have_their_motions() -> None:
    state, other = first_state(*scene(0)[:2]), first_state(*scene(1)[:2])
    assert neighbours._views(state, [], Flows()) == []
    for offsets in ((1,), (-1,), (1, 2), (-2, -1), (-2, -1, 1), (-1, 1, 2)):
        views = neighbours._views(state, [(at, other) for at in offsets], Flows())
        wanted = [-at for at in (1, 2) if -at in offsets] + [at for at in (1, 2) if at in offsets]
        assert [view.distance for view in views] == [abs(at) for at in wanted]


def test_a_shot_asks_for_each_flow_once(monkeypatch: pytest.MonkeyPatch) -> None:
    searched: list[Wanted] = []
    search = Wanted.searched

    def counted(wanted: Wanted) -> Any:
        searched.append(wanted)
        return search(wanted)

    monkeypatch.setattr(Wanted, "searched", counted)
    states = [first_state(*scene(n)[:2]) for n in range(5)]
    flows = Flows()
    for at in (2, 3):
        near = [n for n in range(at - 2, at + 3) if n != at and n < 5]
        neighbours._views(states[at], [(n - at, states[n]) for n in near], flows)
    # Two nearest, two links and two farther ones of the first; of the second, which has one
    # neighbour on its right, the nearest on the left is new and one is farther.
    assert len(searched) == 6 + 2


def test_neighbours_make_it_better_and_calmer_than_frames_by_themselves() -> None:
    first = initial_states(6)
    last = with_neighbours(first)
    truths = [scene(n)[2][0, 0].numpy() for n in range(6)]
    alone = [state.seen_alpha[0, 0].numpy() for state in first]
    together = [solution_of(state)[0].alpha[0, 0].numpy() for state in last]
    before, after = (
        np.mean([sad(a, t) for a, t in zip(alphas, truths, strict=True)])
        for alphas in (alone, together)
    )
    assert after < 0.6 * before
    assert dtssd(together, truths) < 0.6 * dtssd(alone, truths)


def test_hair_in_motion_is_better_than_single_frames(furball: Callable[[int], Any]) -> None:
    """Four frames at half their size; bounds at 1.1 x measured."""
    truths, first = [], []
    for number in range(1003, 1007):
        image, clean, alpha = (
            functional.avg_pool2d(x, 2)
            for x in (furball(number).image, furball(number).clean, furball(number).alpha)
        )
        truths.append(alpha[0, 0].numpy())
        first.append(finish(initial_state(image, clean, SETTINGS, linear=True)))
    last = [solution_of(state)[0] for state in with_neighbours(first)]
    together = [solution.alpha[0, 0].numpy() for solution in last]
    single = [sad(s.seen_alpha[0, 0].numpy(), t) for s, t in zip(first, truths, strict=True)]
    errors = [sad(alpha, t) for alpha, t in zip(together, truths, strict=True)]
    assert max(error / alone for error, alone in zip(errors, single, strict=True)) < 0.81
    assert np.mean(errors) < 0.146
    assert dtssd(together, truths) < 4.1
    solved = last[1].trimap == 0.5
    apart = (last[1].alpha[0, 0] - torch.from_numpy(truths[1])).abs()[solved[0, 0]]
    nine_of_ten = (1 - last[1].confidence[solved]) / 2
    assert (apart <= nine_of_ten).float().mean() > 0.9


def test_errors_of_their_own_average_out() -> None:
    """Layers that are wrong here and there, each elsewhere, beside a plate of a wild foreground."""
    _, clean, alpha = scene(0)
    foreground = noise(64, 112, 5)
    image = alpha * foreground + (1 - alpha) * clean
    generator = torch.Generator().manual_seed(0)
    one = torch.ones_like(alpha)
    layers = []
    for _ in range(5):
        off = (alpha + 0.1 * torch.randn(alpha.shape, generator=generator)).clamp(0, 1)
        layers.append(Layered(off, alpha * foreground, one))
    edge = (alpha > 0.1) & (alpha < 0.9)
    single = (fused(image, clean, layers[:1], edge)[0] - alpha)[edge].square().mean()
    together = (fused(image, clean, layers, edge)[0] - alpha)[edge].square().mean()
    assert together < 0.4 * single


def test_a_ghost_in_the_neighbours_is_not_taken_over() -> None:
    """They show a block where this plate shows none: fusing leaves alpha as it is there."""
    level = with_neighbours(initial_states(5), SOLVED)
    calm = with_neighbours(level, 1)[2].seen_alpha
    here = (slice(None), slice(None), slice(26, 38), slice(70, 76))
    haunted = []
    for state in level:
        alpha, foreground = state.seen_alpha.clone(), state.seen_foreground.clone()
        alpha[here], foreground[here] = 1.0, 0.9
        haunted.append(replace(state, seen_alpha=alpha, seen_foreground=foreground))
    haunted[2] = replace(level[2], undecided=torch.full_like(level[2].undecided, 0.5))
    others = [(n - 2, haunted[n]) for n in (0, 1, 3, 4)]
    fused_here = refine_state(haunted[2], others).seen_alpha
    away = scene(2)[2] == 0
    assert fused_here[away].mean() < calm[away].mean() + 0.01


def test_the_plate_corrects_what_the_neighbours_expect() -> None:
    """Layers of a wrong alpha, but the right colours: the plate's own pixels decide."""
    image, clean, alpha = scene(0)
    foreground = ((image - (1 - alpha) * clean) / alpha.clamp_min(0.05)).clamp(0, 1)
    wrong = (alpha + 0.1).clamp(0, 1)
    one = torch.ones_like(alpha)
    layer = Layered(wrong, wrong * foreground, one)
    edge = (alpha > 0.1) & (alpha < 0.85)
    result, _ = fused(image, clean, [layer, layer], edge)
    assert (result - alpha)[edge].abs().mean() < 0.3 * (wrong - alpha)[edge].abs().mean()
    assert torch.equal(result[~edge], wrong[~edge])


def test_motion_goes_on_from_where_it_led() -> None:
    first, then = torch.zeros(20, 30, 2), torch.zeros(20, 30, 2)
    first[..., 0] = 4.0
    then[..., 0] = torch.arange(30.0)  # known by its place
    assert torch.equal(chained(first, then)[:, :20, 0], 4 + torch.arange(4.0, 24.0).expand(20, 20))


def test_a_subject_that_has_left_leaves_no_ghost() -> None:
    clean = scene(0)[1]
    gone = first_state(clean + 1e-4, clean)
    before = [first_state(*scene(n)[:2]) for n in (0, 1)]
    once = refine_state(gone, [(-2, before[0]), (-1, before[1])])
    before = [replace(state, passes=1) for state in before]
    twice = refine_state(once, [(-2, before[0]), (-1, before[1])])
    assert solution_of(twice)[0].alpha.max() == 0


def test_a_neighbour_that_does_not_fit_has_no_weight() -> None:
    """Another subject in the next frame: the alpha stays what the frame itself says."""
    image, clean, alpha = scene(0)
    state = replace(first_state(image, clean), passes=1)
    opaque = torch.ones_like(state.alpha)
    stranger = replace(
        state, image=1 - state.image, seen_alpha=opaque, seen_foreground=1 - state.image
    )
    alone = refine_state(state, []).alpha
    apart = (refine_state(state, [(1, stranger)]).alpha - alone).abs()
    outside = state.trimap == 0
    assert apart[outside].max() == 0
    assert apart.mean() < 0.01


def test_frames_that_are_alike_have_alphas_that_are_alike() -> None:
    still = [first_state(*scene(0)[:2]) for _ in range(5)]
    last = with_neighbours(still)
    assert (last[1].alpha - last[2].alpha).abs().max() < 1e-4
