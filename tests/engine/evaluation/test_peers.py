"""The peers on a real photograph: each as good as it is known to be, and honestly marked."""

from __future__ import annotations

from collections.abc import Callable, Generator
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from dmp_engine.dmp.solve.frame import solve
from dmp_engine.dmp.steps import Solution, Step
from dmp_engine.evaluation import metrics
from dmp_engine.evaluation.closedform import closed_form_laplacian
from dmp_engine.evaluation.items import Item, folder_sources
from dmp_engine.evaluation.peers import chosen_methods, methods
from dmp_engine.evaluation.trimaps import LITERAL, STRONG, eq8_trimap, truth_trimap
from dmp_matting.errors import InputError
from dmp_matting.generators import mapped
from dmp_matting.settings import Settings

LEMUR = Path(__file__).resolve().parents[2] / "plates" / "lemur"


@pytest.fixture(scope="module")
def lemur() -> Item:
    return folder_sources(LEMUR)[0].load()


@pytest.fixture(scope="module")
def matte_of(lemur: Item) -> Callable[[str], Any]:
    """A peer's matte of the lemur by the peer's name, made once."""
    return cache(lambda name: methods({})[name].run(lemur))


# Measured values with a little room; a peer that got weaker would flatter everyone else.
@pytest.mark.parametrize(
    ("name", "bound"),
    [("key-best", 1.5), ("eq8-cf", 0.56), ("plate-once", 0.53), ("plate", 0.51),
     ("cf-truth10", 0.50), ("cf-truth20", 1.4)],
)  # fmt: skip
def test_sad_on_the_lemur(
    name: str, bound: float, lemur: Item, matte_of: Callable[[str], Any]
) -> None:
    matte = matte_of(name)
    assert matte.alpha.shape == lemur.alpha.shape
    assert 0 <= matte.alpha.min() and matte.alpha.max() <= 1
    assert metrics.sad(matte.alpha, lemur.alpha) < bound


def test_the_plate_helps(lemur: Item, matte_of: Callable[[str], Any]) -> None:
    error = {
        name: metrics.sad(matte_of(name).alpha, lemur.alpha)
        for name in ("plate", "plate-once", "eq8-cf")
    }
    assert max(error["plate"], error["plate-once"]) < 0.95 * error["eq8-cf"]


def test_who_sees_the_truth_is_marked(lemur: Item) -> None:
    """Without a truth the marked ones refuse and the others work."""
    blind = Item("blind", lemur.image[60:160, 90:230], lemur.clean[60:160, 90:230])
    few = Settings(rounds=1, fit_steps=1, joint_steps=1, projection_steps=1, threads=1)
    for name, method in methods({"few": few}).items():
        if method.sees_truth:
            with pytest.raises(InputError, match="no true alpha"):
                method.run(blind)
        elif name not in ("double-dip", "rvm"):
            assert method.run(blind).alpha.shape == (100, 140)


def test_an_interrupted_dmp_goes_on(
    lemur: Item, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """To the same pixels, with the seconds of both runs."""
    monkeypatch.setattr("dmp_engine.pipeline.checkpoint.EVERY", 0.0)
    small = Item("small", lemur.image[60:160, 90:230], lemur.clean[60:160, 90:230])
    few = Settings(rounds=2, fit_steps=2, joint_steps=2, projection_steps=1, threads=1)
    method = methods({"few": few})["dmp-few"]
    whole = method.run(small)
    solved = []

    def counted(*arguments: Any, **named: Any) -> Generator[Step, None, Solution]:
        def count(step: Step) -> Step:
            if sum(solved) == 7:
                raise KeyboardInterrupt
            solved.append(step.loss is not None)
            return step

        return (yield from mapped(solve(*arguments, **named), count))

    monkeypatch.setattr("dmp_engine.pipeline.pair.solve", counted)
    unfinished = tmp_path / "small.unfinished"
    with pytest.raises(KeyboardInterrupt):
        method.run(small, unfinished=unfinished)
    assert unfinished.exists()
    solved.clear()
    matte = method.run(small, unfinished=unfinished)
    assert sum(solved) == 2 * 5 - 7  # nothing is done twice
    assert np.array_equal(matte.alpha, whole.alpha)
    assert matte.before > 0 == whole.before and not unfinished.exists()


def test_trimaps(lemur: Item) -> None:
    strong = eq8_trimap(lemur.image, lemur.clean, STRONG)
    assert set(np.unique(strong)) == {0.0, 0.5, 1.0}
    assert lemur.alpha[strong == 0].mean() < 0.002
    assert lemur.alpha[strong == 1].mean() > 0.98
    literal = eq8_trimap(lemur.image, lemur.clean, LITERAL)
    equal = (lemur.image == lemur.clean).all(axis=2)
    assert np.array_equal(literal == 0, equal)
    narrow, wide = (truth_trimap(lemur.alpha, r) == 0.5 for r in (10, 20))
    assert (wide & narrow).sum() == narrow.sum() < wide.sum()


def test_a_solve_keeps_what_is_decided_and_its_data(lemur: Item) -> None:
    trimap = truth_trimap(lemur.alpha, 10)
    laplacian = closed_form_laplacian(lemur.image, trimap)
    alpha = laplacian.solve()
    assert np.array_equal(alpha[trimap != 0.5], trimap[trimap != 0.5])
    target = np.full_like(trimap, 0.3)
    pulled = laplacian.solve(np.full_like(trimap, 1e6), target)
    assert np.abs(pulled[trimap == 0.5] - 0.3).max() < 1e-3


def test_an_unknown_method_is_a_sentence() -> None:
    with pytest.raises(InputError, match="no method 'magic'; choose from key-fixed"):
        chosen_methods(["magic"], {})
