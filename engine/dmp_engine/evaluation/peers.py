"""Every method that is measured, under the name `dmp eval --methods` knows it by.

A method gets an :class:`Item` and returns an alpha, and a foreground if it
makes one. Methods with ``sees_truth`` use the true alpha (for a trimap, for a
gain): they are yardsticks, not competitors.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from dmp_matting.errors import InputError
from dmp_matting.generators import finish
from dmp_matting.settings import Settings

from ..machine import device
from ..pipeline.checkpoint import Checkpoint
from ..pipeline.pair import make_pair, solve_pair
from ..pipeline.stage_cache import StageCache
from ..tensors import array_of
from . import closedform, doubledip, rvm
from .items import Item, displayed
from .trimaps import LITERAL, RELEASED, RELEASED_CLEANED, STRONG, Recipe, eq8_trimap, truth_trimap

Array = NDArray[np.float64]

FIXED_GAIN = 8.0  # opaque from an RMS colour distance of 1/8 on
GAINS = np.geomspace(0.5, 200, 60)
PLATE_WEIGHT, PLATE_PASSES = 30.0, 3
DMP = "dmp-"  # and a preset's name


@dataclass(frozen=True, eq=False)
class Matte:
    """Alpha (H, W) in [0, 1], straight foreground (H, W, 3) or None."""

    alpha: Array
    foreground: Array | None = None
    before: float = 0.0  # seconds that interrupted runs had spent on it


@dataclass(frozen=True)
class Method:
    """One way to make a matte."""

    name: str
    label: str
    run: Callable[..., Matte]  # of an Item; and of ``unfinished``, a Path, where it resumes
    sees_truth: bool = False
    quick: bool = True  # a second or so; worth a warm-up
    settings: str = ""  # what a result depends on besides the item; for resuming
    resumes: bool = False  # goes on where it was interrupted


def methods(settings: dict[str, Settings]) -> dict[str, Method]:
    """All of them; ``settings`` are those of the DMP presets to be measured, by name."""
    known = [
        Method("key-fixed", "difference key, fixed gain", partial(_key, gain=FIXED_GAIN)),
        Method("key-best", "difference key, best gain", _best_key, True),
        Method("eq8-cf", "eq. 8 + closed form", partial(_eq8, recipe=STRONG, weight=0, passes=0)),
        Method("plate", "plate variant", partial(_eq8, recipe=STRONG)),
        Method(
            "plate-once",
            "plate variant, one pass",
            partial(_eq8, recipe=STRONG, weight=1, passes=1),
        ),
        Method("plate-literal", "plate variant on literal eq. 8", partial(_eq8, recipe=LITERAL)),
        Method("plate-released", "plate variant, authors' Omega", partial(_eq8, recipe=RELEASED)),
        Method(
            "plate-cleaned",
            "plate variant, authors' Omega without islands",
            partial(_eq8, recipe=RELEASED_CLEANED),
        ),
        *(
            Method(
                f"{short}-truth{radius}",
                f"{label}, true trimap + {radius} px",
                partial(_on_truth, radius=radius, knn=short == "knn"),
                True,
            )
            for short, label in (("cf", "closed form"), ("knn", "KNN matting"))
            for radius in (10, 20)
        ),
        Method("double-dip", "Double-DIP, B known", _double_dip, False, False, doubledip.SETTINGS),
        Method("rvm", "RobustVideoMatting (people)", _rvm),
        *(
            Method(
                DMP + name,
                f"DMP {name}",
                partial(_dmp, settings=chosen),
                quick=False,
                settings=repr(chosen.changed(threads=0)),
                resumes=True,
            )
            for name, chosen in settings.items()
        ),
    ]
    return {method.name: method for method in known}


def chosen_methods(names: list[str], settings: dict[str, Settings]) -> list[Method]:
    """The methods of these names, in order. Raises InputError for one that does not exist."""
    known = methods(settings)
    for name in names:
        if name not in known:
            raise InputError(f"There is no method '{name}'; choose from {', '.join(known)}.")
    return [known[name] for name in dict.fromkeys(names)]


def _truth(item: Item) -> Array:
    if item.alpha is None:
        raise InputError(f"'{item.name}' has no true alpha, which this method needs.")
    return item.alpha


def _distance(item: Item) -> Array:
    distance: Array = np.sqrt(np.square(item.image - item.clean).mean(axis=2))
    return distance


def _key(item: Item, gain: float) -> Matte:
    return Matte(np.clip(gain * _distance(item), 0, 1))


def _best_key(item: Item) -> Matte:
    truth, distance = _truth(item), _distance(item)
    errors = [np.abs(np.clip(gain * distance, 0, 1) - truth).sum() for gain in GAINS]
    return _key(item, float(GAINS[int(np.argmin(errors))]))


def _eq8(
    item: Item, recipe: Recipe, weight: float = PLATE_WEIGHT, passes: int = PLATE_PASSES
) -> Matte:
    trimap = eq8_trimap(item.image, item.clean, recipe)
    return Matte(*closedform.plate_variant(item.image, item.clean, trimap, weight, passes))


def _on_truth(item: Item, radius: float, knn: bool) -> Matte:
    trimap = truth_trimap(_truth(item), radius)
    if knn:
        alpha = closedform.knn(item.image, trimap)
    else:
        alpha = closedform.closed_form_laplacian(item.image, trimap).solve()
    return Matte(alpha, closedform.foreground_for(item.image, alpha))


def _double_dip(item: Item) -> Matte:
    return Matte(*doubledip.solve(item.image, item.clean))


def _rvm(item: Item) -> Matte:
    return Matte(*rvm.solve(displayed(item.image, item.linear)))


def _dmp(item: Item, settings: Settings, unfinished: Path | None = None) -> Matte:
    """As the engine solves a frame: the same pair, the same solve."""
    where = device.resolve(settings.device)
    device.use_threads(settings.threads, where)
    plates = item.plates()
    checkpoint = Checkpoint(unfinished, settings, plates.digest())
    pair = make_pair(plates.in_unit(plates.common_unit()), settings, where, StageCache())
    solving = solve_pair(pair, settings, pair.memo, checkpoint.state())
    solution = finish(solving, checkpoint.follow)
    checkpoint.forget()
    alpha = array_of(solution.alpha, pair.size)[..., 0].astype(np.float64)
    foreground = array_of(solution.foreground, pair.size).astype(np.float64) / pair.unit
    return Matte(alpha, foreground, checkpoint.spent)
