"""Errors of `draft` and `final` on the plates that come with the tests: the bars of CI.

    python benchmarks/bundled.py -o benchmarks/results/bundled.json

tests/engine/dmp/test_quality.py measures the same again and fails where an error is more than
1.1 times the committed one. A change that lowers the errors commits new results.
"""

from __future__ import annotations

import argparse
import json
import platform
import sys
from collections.abc import Mapping
from pathlib import Path

import numpy as np

ROOT = Path(__file__).resolve().parent.parent
sys.path[:0] = [str(ROOT / "plugin"), str(ROOT / "engine")]

from dmp_engine.evaluation import metrics  # noqa: E402
from dmp_engine.evaluation.items import Item, folder_sources  # noqa: E402
from dmp_engine.evaluation.peers import methods  # noqa: E402
from dmp_matting.presets import preset  # noqa: E402

ITEMS = ("lemur", "furball.1001")
PRESETS = ("draft", "final")


def items() -> dict[str, Item]:
    """The bundled items by name."""
    sources = folder_sources(ROOT / "tests" / "plates")
    return {source.name: source.load() for source in sources if source.name in ITEMS}


def errors(item: Item, name: str) -> Mapping[str, float]:
    """What preset ``name`` gets wrong: less is better for each, 0 is right."""
    assert item.alpha is not None and item.foreground is not None
    chosen = preset(name).changed(device="cpu", threads=1)
    matte = methods({name: chosen})[f"dmp-{name}"].run(item)
    assert matte.foreground is not None
    away = np.abs(matte.foreground - item.foreground).mean(2)
    return {
        "sad": metrics.sad(matte.alpha, item.alpha),
        "mse": metrics.mse(matte.alpha, item.alpha),
        "core": 1 - metrics.core_solidity(matte.alpha, item.alpha),
        "outside": 1 - metrics.outside_cleanliness(matte.alpha, item.alpha),
        # of the straight foreground, weighed by the true alpha
        "foreground": float((item.alpha * away).sum() / item.alpha.sum()),
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("-o", "--output", type=Path, required=True)
    output = parser.parse_args().output
    found = {
        name: {key: {k: round(v, 6) for k, v in errors(item, key).items()} for key in PRESETS}
        for name, item in items().items()
    }
    written = {
        "command": "python benchmarks/bundled.py -o benchmarks/results/bundled.json",
        "machine": f"{platform.machine()}, 1 thread",
        "errors": found,
    }
    output.write_text(json.dumps(written, indent=1) + "\n", encoding="utf-8")
    print(json.dumps(found, indent=1))


if __name__ == "__main__":
    main()
