"""`python -m dmp_engine eval`: the engine's side of `dmp eval`.

Standard output has one JSON object a line: {"event": "result", ...} as results
come, and {"event": "report", ...} at the end, or {"error", "message"} for what
went wrong. Whatever libraries print goes to standard error.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import sys
from dataclasses import asdict
from pathlib import Path
from typing import Any

from dmp_matting.errors import EngineMissingError, InputError
from dmp_matting.settings import Settings

from ..machine.answer import Lines, answer

BENCHMARK = "benchmark"
BENCHMARK_SIZE = 512
DEFAULT = "key-best,eq8-cf,plate,cf-truth10,knn-truth10"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The options of `eval`."""
    parser.add_argument("what", help="a folder of items, or 'benchmark'")
    parser.add_argument("--output", type=Path, required=True)
    parser.add_argument("--data", type=Path, help="the folder of the benchmark's pictures")
    parser.add_argument("--size", type=int, default=-1)
    parser.add_argument("--items", default="", help="names, separated by commas")
    parser.add_argument("--methods", default="", help="names, separated by commas, or all")
    parser.add_argument(
        "--dmp", action="append", default=[], metavar="NAME=JSON", help="a preset to be measured"
    )


def run(chosen: argparse.Namespace) -> int:
    """Measure and report; returns the exit code."""
    out = sys.stdout
    with contextlib.redirect_stdout(sys.stderr):  # pymatting prints its progress
        return answer(lambda: _lines(chosen), out)


def _lines(chosen: argparse.Namespace) -> Lines:
    try:
        yield from _measured(chosen)
    except ImportError as reason:
        if (reason.name or "").startswith("dmp_"):
            raise
        raise EngineMissingError(
            f"Measuring needs more than the engine ({reason}); install it with "
            f"`{sys.executable} -m pip install pymatting pillow`."
        ) from None


def _measured(chosen: argparse.Namespace) -> Lines:
    if chosen.what == BENCHMARK and chosen.data is None:
        raise InputError(
            "The benchmark's pictures are not part of DMP; name the folder that holds them "
            "(alphamatting, real_pairs, lemur) with --data."
        )
    from . import items, peers, report
    from .run import measure

    settings = dict(_preset(text) for text in chosen.dmp)
    names = [name for name in (chosen.methods or DEFAULT).split(",") if name]
    if names == ["all"]:
        names = list(peers.methods(settings))
    names += [peers.DMP + name for name in settings]
    methods = peers.chosen_methods(names, settings)
    if chosen.what == BENCHMARK:
        size = chosen.size if chosen.size > 0 else BENCHMARK_SIZE
        sources = items.benchmark_sources(chosen.data, size)
        title = f"Composite benchmark, long side {size}"
    else:
        size = max(0, chosen.size)
        sources = items.folder_sources(Path(chosen.what), size)
        title = f"{Path(chosen.what).resolve().name}" + (f", long side {size}" if size else "")
    sources = _selected(sources, [name for name in chosen.items.split(",") if name])
    results = []
    total = len(sources) * len(methods)
    for result, new in measure(sources, methods, size, chosen.output):
        results.append(result)
        number = {"number": len(results), "of": total}
        yield {"event": "result", **number, "new": new, **asdict(result)}
    summary = report.write_report(title, sources, results, chosen.output)
    page = str(chosen.output / "report.html")
    yield {"event": "report", "ok": True, "path": page, "summary": summary}


def _preset(text: str) -> tuple[str, Settings]:
    name, _, values = text.partition("=")
    return name, Settings.from_json(json.loads(values))


def _selected(sources: list[Any], wanted: list[str]) -> list[Any]:
    """The sources of these names, or of these sequences; all where none is named."""
    known = {name for source in sources for name in (source.name, source.sequence)}
    for name in wanted:
        if name not in known:
            raise InputError(
                f"There is no item '{name}'; choose from {', '.join(s.name for s in sources)}."
            )
    return [s for s in sources if not wanted or s.name in wanted or s.sequence in wanted]
