"""The model as a whole: layers, constraints, sizes, sameness, cancel."""

from __future__ import annotations

from typing import Any

import pytest
import torch

from dmp_engine.dmp.model.constraints import SOLVE, UNKNOWN
from dmp_engine.dmp.solve.pair_solution import solve_pair
from dmp_engine.dmp.steps import Solution
from dmp_engine.evaluation.metrics import sad
from dmp_matting.generators import finish
from dmp_matting.job import Stage


def solved(truth: Any, **how: Any) -> Solution:
    return finish(solve_pair(truth.image, truth.clean, linear=truth.linear, **how))


def flat(x: torch.Tensor) -> Any:
    return x[0, 0].double().numpy()


@pytest.fixture(scope="module")
def lemur_solution(lemur: Any) -> Solution:
    return solved(lemur)


def test_premultiplied_layers_give_the_plate_back(lemur: Any, lemur_solution: Solution) -> None:
    solution = lemur_solution
    assert solution.premultiplied is not None
    built = solution.premultiplied + (1 - solution.alpha) * lemur.clean
    assert (built - lemur.image).abs().mean() < 5e-4
    core = solution.alpha == 1
    assert torch.allclose(
        solution.premultiplied[core.expand_as(lemur.image)],
        lemur.image[core.expand_as(lemur.image)],
        atol=1e-6,
    )


def test_confidence_is_certain_where_alpha_is(lemur_solution: Solution) -> None:
    decided = lemur_solution.trimap != 0.5
    assert 0.5 < decided.float().mean() < 1
    assert (lemur_solution.confidence[decided] == 1).all()
    assert lemur_solution.confidence.min() >= 0
    assert lemur_solution.confidence[~decided].mean() < 0.99


def test_nine_of_ten_errors_are_within_what_confidence_says(
    lemur: Any, lemur_solution: Solution
) -> None:
    undecided = lemur_solution.confidence < 0.998
    errors = (lemur_solution.alpha - lemur.alpha).abs()[undecided]
    said = (1 - lemur_solution.confidence[undecided]) / 2
    assert 0.87 < (errors <= said).float().mean() < 0.95


def test_constraints_are_exact(tiny: Any) -> None:
    constraint = torch.full_like(tiny.alpha, UNKNOWN)
    constraint[..., 40:, :] = 0
    constraint[..., 20:26, 28:38] = 0  # in the middle of the subject
    constraint[..., :6, :6] = 1  # sky
    alpha = solved(tiny, constraint=constraint).alpha
    assert (alpha[constraint == 0] == 0).all()
    assert (alpha[constraint == 1] == 1).all()


def test_grey_of_a_trimap_is_solved_even_in_the_core(lemur: Any) -> None:
    truth = lemur.cut(28, 130, 96, 128)
    free = solved(truth)
    core = (free.trimap == 1) & (truth.alpha == 1)
    assert core.sum() > 100
    constraint = torch.where(core, SOLVE, UNKNOWN)
    again = solved(truth, constraint=constraint)
    assert (again.trimap[core] == 0.5).all()
    assert again.alpha[core].mean() > 0.95  # and solved rightly


def test_the_joint_step_puts_the_detail_back(lemur: Any) -> None:
    """Solved at half size, then F and alpha at the plate's own: better than enlarged."""
    size = lemur.alpha.shape[-2:]
    small = [
        torch.nn.functional.interpolate(x, (110, 170), mode="area")
        for x in (lemur.image, lemur.clean)
    ]
    half = finish(solve_pair(*small)).alpha
    enlarged = torch.nn.functional.interpolate(half, size, mode="bilinear", align_corners=False)
    solution = solved(lemur, working_side=170)
    truth = flat(lemur.alpha)
    assert solution.alpha.shape == lemur.alpha.shape
    assert sad(flat(solution.alpha), truth) < 0.95 * sad(flat(enlarged), truth)
    assert sad(flat(solution.alpha), truth) < 0.45


def test_a_seed_is_a_matte(tiny: Any) -> None:
    first, again = solved(tiny), solved(tiny)
    for name, value in vars(first).items():
        assert torch.equal(value, getattr(again, name)), name
    assert not torch.equal(first.alpha, solved(tiny, seed=1).alpha)


def test_equal_plates_are_empty_and_strangers_opaque(tiny: Any) -> None:
    def alpha_of(image: torch.Tensor) -> torch.Tensor:
        return finish(solve_pair(image, tiny.clean)).alpha

    assert alpha_of(tiny.clean).max() == 0
    assert alpha_of(1 - tiny.clean).min() > 0.9


def test_it_ends_when_it_is_closed(tiny: Any) -> None:
    solving = solve_pair(tiny.image, tiny.clean)
    steps = [next(solving) for _ in range(3)]
    assert steps[0].fraction == 0 and steps[2].layers is not None
    solving.close()
    with pytest.raises(StopIteration):
        next(solving)


def test_recompositions_make_the_matte_better(lemur: Any, lemur_solution: Solution) -> None:
    """Measured: 0.352 without; with two 0.303, and 0.319 with another seed."""
    truth = flat(lemur.alpha)
    final = solved(lemur, recompositions=2)
    assert sad(flat(final.alpha), truth) < 0.94 * sad(flat(lemur_solution.alpha), truth)


def test_recompositions_keep_constraints_and_seed(fur: Any) -> None:
    constraint = torch.full_like(fur.alpha, UNKNOWN)
    constraint[..., 50:, :] = 0
    constraint[..., :6, :6] = 1
    first, again = (solved(fur, constraint=constraint, recompositions=1) for _ in range(2))
    assert (first.alpha[constraint == 0] == 0).all()
    assert (first.alpha[constraint == 1] == 1).all()
    for name, value in vars(first).items():
        assert torch.equal(value, getattr(again, name)), name
    assert not torch.equal(first.alpha, solved(fur, constraint=constraint).alpha)


def test_recompositions_are_reported_and_end_when_they_are_closed(fur: Any) -> None:
    steps = []
    solving = solve_pair(fur.image, fur.clean, recompositions=1)
    for step in solving:
        steps.append(step)
        if step.loss is not None and step.step == 20:  # of the network; the model has no loss
            break
    solving.close()
    with pytest.raises(StopIteration):
        next(solving)
    fractions = [step.fraction for step in steps]
    assert fractions == sorted(fractions) and 0 < fractions[-1] < 1
    assert any(step.stage is Stage.FIT for step in steps)
    losses = [step.loss for step in steps if step.loss is not None]
    assert len(losses) == 20 and losses[-1] < losses[0]
    assert steps[-1].layers is not None
    assert steps[-1].layers()[0].shape == fur.alpha.shape


@pytest.mark.parametrize("value", [1024.0, 65504.0])
def test_a_firefly_in_the_subject_costs_only_itself(fur: Any, value: float) -> None:
    core = (fur.alpha[0, 0] == 1).nonzero()
    y, x = map(int, core[len(core) // 2])
    image = fur.image.clone()
    image[..., y, x] = value
    found, as_it_was = (
        finish(solve_pair(plate, fur.clean, linear=True)) for plate in (image, fur.image)
    )
    assert found.alpha.isfinite().all() and found.foreground.isfinite().all()
    near = torch.zeros_like(found.alpha, dtype=torch.bool)
    near[..., y - 8 : y + 9, x - 8 : x + 9] = True
    # Another source is drawn for some pixels: measured 0.0055.
    assert float((found.alpha - as_it_was.alpha).abs()[~near].mean()) < 0.01
    assert found.alpha[0, 0, y, x] == 1 and (found.foreground[0, :, y, x] == value).all()
