"""One part of run.py in this process: its rows go to standard output as JSON lines.

    python benchmarks/gpu/parts.py NAME --device cuda:0|cpu [--smoke] [--also FILE.py]

A part is a function of a Place that yields rows; `@part` makes it known by its name. What it
raises is the exit code 1 and the end of the error output. A library that is missing is the last
row, {"absent": why}.
"""

from __future__ import annotations

import argparse
import gc
import importlib.util
import json
import os
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[2]
sys.path[:0] = [str(ROOT / "plugin"), str(ROOT / "engine"), str(Path(__file__).parent)]
sys.modules.setdefault("parts", sys.modules[__name__])  # the others import it while it runs

from run import names_in  # noqa: E402

import dmp_engine  # noqa: E402, F401  before torch: it says how torch's threads wait

FILES = ("about", "quality", "speed", "trouble", "product")

Row = dict[str, Any]


@dataclass(frozen=True)
class Place:
    """Where a part runs, and how large."""

    device: str  # cpu or cuda:N
    smoke: bool

    @property
    def cuda(self) -> bool:
        return self.device != "cpu"

    def wait(self) -> None:
        """Until the device has done all that it was given."""
        if self.cuda:
            import torch

            torch.cuda.synchronize(self.device)

    def timed(self, work: Callable[..., Any], *given: Any, **how: Any) -> tuple[Any, float]:
        """What ``work`` of the rest returns, and its seconds to the device's end."""
        self.wait()
        start = time.perf_counter()
        made = work(*given, **how)
        self.wait()
        return made, round(time.perf_counter() - start, 4)

    def peak_memory(self) -> Any:
        """The engine's own count of peak memory, from now on."""
        from dmp_engine.machine.peak_memory import PeakMemory

        if self.cuda:
            import torch

            torch.cuda.empty_cache()
        return PeakMemory()

    def peak(self, memory: Any) -> Row:
        """MB since ``memory`` was made: allocated, and what torch has taken for it."""
        row: Row = {"peak_mb": memory.peak()}
        if self.cuda:
            import torch

            row["reserved_mb"] = round(torch.cuda.max_memory_reserved(self.device) / 1e6, 1)
        return row


PARTS: dict[str, Callable[[Place], Iterator[Row]]] = {}


def part(work: Callable[[Place], Iterator[Row]]) -> Callable[[Place], Iterator[Row]]:
    PARTS[work.__name__] = work
    return work


def load(path: Path) -> None:
    """Import a file for its parts."""
    spec = importlib.util.spec_from_file_location(path.stem, path)
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[path.stem] = module
    spec.loader.exec_module(module)


def files_of(name: str, also: Path | None) -> list[Path]:
    """The files that may hold the part: the others are not worth their imports."""
    own = [Path(__file__).with_name(f"{stem}.py") for stem in FILES]
    marked = [path for path in [*own, *([also] if also else [])] if name in names_in(path)]
    if not marked:
        raise SystemExit(f"There is no part {name}.")
    return marked


def main() -> None:
    options = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    options.add_argument("name")
    options.add_argument("--device", default="cuda:0")
    options.add_argument("--smoke", action="store_true")
    options.add_argument("--also", type=Path)
    given = options.parse_args()
    rows = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)  # whatever a library prints is no row
    gc.set_threshold(10_000)  # as the engine's command: torch is a million objects that stay
    try:
        for file in files_of(given.name, given.also):
            load(file)
        for row in PARTS[given.name](Place(given.device, given.smoke)):
            print(json.dumps(row), file=rows, flush=True)
    except ImportError as missing:
        if (missing.name or "dmp_").startswith("dmp_"):
            raise
        print(json.dumps({"absent": f"{missing.name} is not installed"}), file=rows, flush=True)
    sys.stderr.flush()
    os._exit(0)  # at once: torch takes half a second to take itself apart


if __name__ == "__main__":
    main()
