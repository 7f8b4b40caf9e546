"""Does anything grow with the number of frames? A long shot of tiny plates through the engine.

    python benchmarks/many_frames.py --frames 1000 --output benchmarks/results/many_frames.json

Every 20th frame the memory (MB), open files (sockets among them) and threads of the three processes
are noted: this one, the engine's server and its worker; and what lies in the engine's job folders.
Uses a run and a cache folder of its own, so the artist's engine is not disturbed.
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

from dmp_matting import Settings, Shot, ShotFrame, run_shots, start_engine, stop_engine
from dmp_matting.paths import cache_folder

EVERY = 20
QUICK = Settings(
    rounds=1, fit_steps=1, joint_steps=1, projection_steps=1, refine_passes=1, device="cpu",
    threads=1, alpha_init="simple",
)  # fmt: skip


def main() -> None:
    options = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    options.add_argument("--frames", type=int, default=1000)
    options.add_argument("--output", type=Path, default=None)
    chosen = options.parse_args()
    root = Path(tempfile.mkdtemp(prefix="dmp-"))
    os.environ.update(DMP_RUN_DIR=str(root / "run"), DMP_CACHE_DIR=str(root / "cache"),
                      DMP_CONFIG=str(root / "config.json"))  # fmt: skip
    try:
        done = measure(root, chosen.frames)
    finally:
        stop_engine(force=True)
        shutil.rmtree(root, ignore_errors=True)
    if chosen.output:
        chosen.output.write_text(json.dumps(done, indent=1) + "\n", encoding="utf-8")
    json.dump(done, sys.stdout)
    print()


def measure(root: Path, count: int) -> dict[str, Any]:
    """Solve ``count`` frames and return the notes taken on the way."""
    numbers = range(1001, 1001 + count)
    random = np.random.default_rng(1)
    clean = np.kron(random.random((9, 13, 3)), np.ones((4, 4, 1)))[:32, :48]
    _write(root / "clean.exr", clean)
    y, x = np.mgrid[:32, :48]
    for number in numbers:
        away = np.hypot(x - 12 - number % 24, y - 16)
        alpha = np.clip((10 - away) / 3 + 0.5, 0, 1)[..., None]
        _write(root / f"plate.{number}.exr", alpha * (number / 5000) + (1 - alpha) * clean)
    (root / "out").mkdir()
    shot = Shot(
        "many", str(root / "plate.####.exr"), str(root / "clean.exr"),
        str(root / "out" / "m.####.exr"), numbers, settings=QUICK,
    )  # fmt: skip
    server = start_engine(more=["--cache-gb", "0.01"]).pid
    notes, begun, done = [], time.monotonic(), 0
    for event in run_shots([shot]):
        if not isinstance(event, ShotFrame):
            continue
        done += 1
        if done % EVERY == 0:
            notes.append({
                "frame": done, "seconds": round(time.monotonic() - begun, 2),
                "client": _process(os.getpid()), "server": _process(server),
                "worker": _process(_children(server)[0]), "engine_mb": _megabytes(cache_folder()),
            })  # fmt: skip
    jobs = [path.name for path in cache_folder().glob("jobs-*/*")]
    return {"frames": done, "seconds": round(time.monotonic() - begun, 1), "jobs_left": jobs,
            "outputs": len(list((root / "out").iterdir())), "notes": notes}  # fmt: skip


def _write(path: Path, pixels: np.ndarray) -> None:
    spec = oiio.ImageSpec(pixels.shape[1], pixels.shape[0], 3, "half")
    file = oiio.ImageOutput.create(str(path))
    assert file.open(str(path), spec) and file.write_image(pixels.astype(np.float32))
    file.close()


def _process(pid: int) -> dict[str, float]:
    place = Path(f"/proc/{pid}")
    status = dict(
        line.split(":", 1) for line in (place / "status").read_text().splitlines() if ":" in line
    )
    return {
        "mb": round(int(status["VmRSS"].split()[0]) / 1024, 1),
        "files": len(os.listdir(place / "fd")),
        "threads": int(status["Threads"]),
    }


def _children(pid: int) -> list[int]:
    return [int(child) for child in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]


def _megabytes(folder: Path) -> float:
    total = 0
    for place, _, names in os.walk(folder):  # pathlib's own walk fails where a folder goes away
        for name in names:
            try:
                total += os.stat(os.path.join(place, name)).st_size
            except OSError:
                continue  # removed meanwhile
    return round(total / 2**20, 2)


if __name__ == "__main__":
    main()
