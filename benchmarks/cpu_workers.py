"""Frames a minute with one and with two workers that share the CPU, one core each.

    python benchmarks/cpu_workers.py --output benchmarks/results/cpu_workers.json

The furball's eight frames, preset draft at a small working size, one thread a worker; each engine
has folders of its own and no cache to begin with. Its first frames, while torch is still loading,
are solved before the clock starts. The pixels of both runs are compared. Each frame is solved by
itself: of a shot with neighbours each worker makes its window's looks for itself, so there the work
is spread in chunks of consecutive frames, and no frame alone.
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import numpy as np
import OpenImageIO as oiio

from dmp_matting import Shot, ShotEnd, preset, run_shots, start_engine, stop_engine

ROOT = Path(__file__).resolve().parent.parent
FURBALL = ROOT / "tests" / "plates" / "furball"


def main() -> None:
    options = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    options.add_argument("--solve-size", type=int, default=160)
    options.add_argument("--output", type=Path, default=None)
    chosen = options.parse_args()
    root = Path(tempfile.mkdtemp(prefix="dmp-"))
    done: dict[str, Any] = {"cores": os.cpu_count(), "solve_size": chosen.solve_size}
    try:
        for workers in (1, 2):
            done[f"workers_{workers}"] = measure(root / str(workers), workers, chosen.solve_size)
    finally:
        done["same_pixels"] = _same(root / "1", root / "2")
        shutil.rmtree(root, ignore_errors=True)
    if chosen.output:
        chosen.output.write_text(json.dumps(done, indent=1) + "\n", encoding="utf-8")
    json.dump(done, sys.stdout)
    print()


def measure(folder: Path, workers: int, size: int) -> dict[str, float]:
    folder.mkdir()
    os.environ.update(DMP_RUN_DIR=str(folder / "run"), DMP_CACHE_DIR=str(folder / "cache"),
                      DMP_CONFIG=str(folder / "config.json"))  # fmt: skip
    settings = preset("draft").changed(device="cpu", threads=1, solve_size=size, temporal="off")
    start_engine(more=["--cpu-workers", str(workers)])
    try:
        for name, numbers in (("warm", (1001, 1002)), ("m", range(1001, 1009))):
            changed = settings.changed(seed=1) if name == "warm" else settings
            begun, load = time.monotonic(), os.getloadavg()[0]
            shot = Shot(name, str(FURBALL / "plate.####.exr"), str(FURBALL / "clean.exr"),
                        str(folder / f"{name}.####.exr"), numbers, settings=changed)  # fmt: skip
            ends = [event for event in run_shots([shot], chunk=1) if isinstance(event, ShotEnd)]
            assert not ends[0].report.failures
        seconds = time.monotonic() - begun
    finally:
        stop_engine(force=True)
    return {"seconds": round(seconds, 1), "frames_a_minute": round(480 / seconds, 1),
            "load_before": round(load, 1)}  # fmt: skip


def _same(one: Path, other: Path) -> bool:
    def pixels(folder: Path, number: int) -> np.ndarray:
        return oiio.ImageBuf(str(folder / f"m.{number}.exr")).get_pixels("half")

    return all(np.array_equal(pixels(one, n), pixels(other, n)) for n in range(1001, 1009))


if __name__ == "__main__":
    main()
