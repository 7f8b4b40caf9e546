"""The straight foreground on the training ground: its error, and that of composites made with it.

    dmp eval GROUND -o REPORT --methods plate --preset draft,final --threads 1
    python benchmarks/training_ground_foreground.py GROUND REPORT
        [--before OLDER_REPORT] [-o benchmarks/results/training_ground.json]

F from each method's own layers, by exact inversion (P - (1 - a) B) / a, and by pymatting's
multi-level estimate; the latter two also with the true alpha, as yardsticks. Errors are means of
squares of display-encoded colours in [0, 1]:

    foreground   where the true alpha is above 0
    composite    over the clean plates of three other subjects, where the truth is mixed, grown by
                 10 px at 512 px

The file also holds the errors of alpha that `dmp eval` measured. ``--before`` adds `draft` of an
older version's report, under the name `before`.
"""

from __future__ import annotations

import argparse
import json
import sys
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

ROOT = Path(__file__).resolve().parent.parent
sys.path[:0] = [str(ROOT / "plugin"), str(ROOT / "engine")]

from pymatting import estimate_foreground_ml  # noqa: E402

from dmp_engine.evaluation.items import Item, displayed, folder_sources  # noqa: E402
from dmp_engine.evaluation.metrics import unknown_region  # noqa: E402
from dmp_engine.evaluation.run import layers_path, read_results  # noqa: E402

Array = NDArray[np.float64]

OTHER_PLATES = (5, 11, 17)  # subjects further on in the list
FAINT = 1e-3


def inverted(item: Item, alpha: Array) -> Array:
    """F of the compositing equation as it stands, no negative values."""
    a = alpha[..., None]
    exact = (item.image - (1 - a) * item.clean) / np.maximum(a, FAINT)
    return np.where(a > FAINT, np.maximum(exact, 0), item.image)


def estimated(item: Item, alpha: Array) -> Array:
    colours: Array = estimate_foreground_ml(item.image, alpha)
    return colours


def errors(item: Item, alpha: Array, foreground: Array, plates: list[Array]) -> dict[str, float]:
    """MSE of F, and of composites over the plates; display-encoded."""
    truth, true_colours = item.alpha, item.foreground
    assert truth is not None and true_colours is not None

    def difference(one: Array, other: Array, where: NDArray[np.bool_]) -> float:
        return float(np.square(displayed(one, True) - displayed(other, True))[where].mean())

    def over(a: Array, colours: Array, plate: Array) -> Array:
        composite: Array = a[..., None] * colours + (1 - a[..., None]) * plate
        return composite

    region = unknown_region(truth)
    composites = [
        difference(over(alpha, foreground, plate), over(truth, true_colours, plate), region)
        for plate in plates
        if region.any()
    ]
    return {
        "foreground": difference(foreground, true_colours, truth > 0),
        "composite": float(np.mean(composites)) if composites else 0.0,
    }


def measured(ground: Path, reports: dict[str, tuple[Path, str]]) -> dict[str, dict[str, Any]]:
    """Errors by item and by way to F; each name's report, and the method in it."""
    sources = folder_sources(ground)
    found: dict[str, dict[str, Any]] = {}
    for place, source in enumerate(sources):
        paths = {
            name: layers_path(report, source.name, method)
            for name, (report, method) in reports.items()
        }
        if not all(path.exists() for path in paths.values()):
            continue
        item = source.load()
        plates = [sources[(place + 2 * n) % len(sources)].load().clean for n in OTHER_PLATES]
        assert item.alpha is not None
        ways = {
            "truth, inversion": (item.alpha, inverted(item, item.alpha)),
            "truth, multi-level": (item.alpha, estimated(item, item.alpha)),
        }
        for method, path in paths.items():
            with np.load(path) as stored:
                alpha = stored["alpha"].astype(np.float64)
                ways[f"{method}, own"] = (alpha, stored["foreground"].astype(np.float64))
            ways[f"{method}, inversion"] = (alpha, inverted(item, alpha))
            ways[f"{method}, multi-level"] = (alpha, estimated(item, alpha))
        found[source.name] = {way: errors(item, *layers, plates) for way, layers in ways.items()}
    return found


def main() -> None:
    options = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    options.add_argument("ground", type=Path)
    options.add_argument("report", type=Path)
    options.add_argument(
        "-o", "--output", type=Path, default=ROOT / "benchmarks/results/training_ground.json"
    )
    options.add_argument("--before", type=Path, help="report of an older version")
    given = options.parse_args()
    results = read_results(given.report)
    methods = list(dict.fromkeys(r.method for r in results))
    reports = {method: (given.report, method) for method in methods}
    named = [(r.method, r) for r in results]
    if given.before is not None:
        reports["before"] = (given.before, "dmp-draft")
        named += [("before", r) for r in read_results(given.before) if r.method == "dmp-draft"]
    colours = {
        item: {way: {k: round(v, 7) for k, v in one.items()} for way, one in ways.items()}
        for item, ways in measured(given.ground, reports).items()
    }
    alpha: dict[str, Any] = {item: {} for item in colours}
    for name, r in named:
        if r.item in alpha:
            kept = ("sad", "mse", "gradient", "core", "outside")
            alpha[r.item][name] = {error: round(r.errors[error], 6) for error in kept}
    whole = {"version": results[0].version, "alpha": alpha, "foreground": colours}
    given.output.write_text(json.dumps(whole, indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
