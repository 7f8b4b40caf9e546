"""Figures over many items: means, medians, the comparison with a bar, flicker.

Only items on which every method gave a result are counted, so that the rows of
one table are about the same pictures.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from . import metrics
from .items import Source
from .run import Result, layers_path

BAR = "plate"  # the method that the others are compared with
WORSE = 1.1  # times the bar's SAD on one item


@dataclass(frozen=True)
class Column:
    """One figure of the table."""

    name: str
    label: str
    scale: float = 1.0
    digits: int = 3
    more_is_better: bool = False


COLUMNS = (
    Column("sad", "SAD"),
    Column("mse", "MSE ×10³", 1000, 2),
    Column("gradient", "Grad"),
    Column("connectivity", "Conn"),
    Column("sad_unknown", "SAD, unknown"),
    Column("mse_unknown", "MSE ×10³, unknown", 1000, 2),
    Column("gradient_unknown", "Grad, unknown"),
    Column("connectivity_unknown", "Conn, unknown"),
    Column("foreground_mse", "F MSE ×10³", 1000, 2),
    Column("core", "core %", 100, 2, True),
    Column("outside", "outside %", 100, 2, True),
)


def summarise(results: Sequence[Result], flicker: dict[str, dict[str, float]]) -> dict[str, Any]:
    """What summary.json holds. ``flicker`` is dtSSD by method and sequence."""
    methods = list(dict.fromkeys(r.method for r in results))
    table = {(r.item, r.method): r for r in results if r.errors}
    items = list(dict.fromkeys(r.item for r in results))
    tried = [m for m in methods if any((i, m) in table for i in items)]
    common = [i for i in items if tried and all((i, m) in table for m in tried)]
    rows = {}
    for method in tried:
        mine = [table[i, method] for i in common]
        rows[method] = _row(mine, [table.get((i, BAR)) for i in common])
        rows[method]["dtssd"] = flicker.get(method, {})
    failures = [
        {"item": r.item, "method": r.method, "reason": r.failure} for r in results if r.failure
    ]
    return {"items": common, "bar": BAR, "methods": rows, "failures": failures}


def _row(mine: list[Result], bar: list[Result | None]) -> dict[str, Any]:
    means, medians = {}, {}
    for column in COLUMNS:
        values = [r.errors[column.name] for r in mine if column.name in r.errors]
        if values and len(values) == len(mine):
            means[column.name] = float(np.mean(values))
            medians[column.name] = float(np.median(values))
    row: dict[str, Any] = {
        "label": mine[0].label if mine else "",
        "sees_truth": bool(mine and mine[0].sees_truth),
        "mean": means,
        "median": medians,
        "seconds": float(np.mean([r.seconds for r in mine])) if mine else 0.0,
        "memory_mb": max((r.memory_mb or 0.0 for r in mine), default=0.0),
        "sad": {r.item: r.errors["sad"] for r in mine},
    }
    others = [r for r in bar if r is not None]
    if mine and len(others) == len(mine):
        row["of_bar"] = means["sad"] / max(1e-9, float(np.mean([r.errors["sad"] for r in others])))
        row["worse_items"] = [
            r.item
            for r, other in zip(mine, others, strict=True)
            if r.errors["sad"] > WORSE * other.errors["sad"]
        ]
    return row


def flicker_of(
    sources: Sequence[Source], methods: Sequence[str], folder: Path
) -> dict[str, dict[str, float]]:
    """dtSSD by method and sequence, from the kept layers; only sequences that are complete."""
    found: dict[str, dict[str, float]] = {}
    for sequence in dict.fromkeys(s.sequence for s in sources if s.sequence):
        frames = [source for source in sources if source.sequence == sequence]
        truths = [source.load().alpha for source in frames] if len(frames) > 1 else []
        known = [truth for truth in truths if truth is not None]
        if not known or len(known) < len(frames):
            continue
        for method in methods:
            paths = [layers_path(folder, frame.name, method) for frame in frames]
            if all(path.exists() for path in paths):
                alphas = [np.load(path)["alpha"] for path in paths]
                found.setdefault(method, {})[sequence] = metrics.dtssd(alphas, known)
    return found
