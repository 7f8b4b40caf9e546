"""A shot frame by frame and with its neighbours: errors, flicker, ghosts, seconds, memory.

    python tests/plates/make_moving_lemur.py WORK/lemur
    python benchmarks/shot.py WORK/lemur --work WORK/solved --output RESULT.json
    python benchmarks/shot.py tests/plates/furball --work WORK/ball --output ...

The folder holds plate.####.exr, truth.####.exr and clean.exr, or clean.####.exr. Each method
solves into a folder of its own under --work; what lies there is not solved again, so that a run may
be interrupted. One process, one thread, one frame after another. CPU seconds stand beside those
of the clock, which count whatever else the machine does. --by-themselves names the few frames to
solve so, which is dear; all methods are then compared on those.

    SAD        sum of |alpha - truth| in thousands, each frame
    dtSSD      RMS of the error's change from frame to frame, in hundredths (Erofeev et al. 2015)
    flicker    mean change of alpha in hundredths, where plate and truth stand still near it
    ghost      mean alpha in hundredths where the truth is 0 and was above 0.1 a frame ago
    memory     MB of the process after each frame
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import sys
import time
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import numpy as np
import OpenImageIO as oiio
import torch
from scipy import ndimage

from dmp_engine.evaluation.metrics import dtssd, sad
from dmp_engine.pipeline.frame import matte_frame
from dmp_engine.pipeline.shot_frame import LookCache
from dmp_matting import Settings, preset
from dmp_matting.frame_window import window_of
from dmp_matting.job import Frame, Job, Plate, Role

METHODS: dict[str, dict[str, Any]] = {
    "neighbours": {},
    "frame_by_frame": {"temporal": "off"},
    "without_networks": {"temporal": "off", "joint_steps": 0},
}
STILL, NEAR = 0.002, 12  # change of plate and truth; pixels from the subject


def main() -> None:
    options = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    options.add_argument("shot", type=Path)
    options.add_argument("--work", type=Path, required=True)
    options.add_argument("--methods", default="neighbours,frame_by_frame")
    options.add_argument("--preset", default="final")
    options.add_argument("--by-themselves", help="frames to solve so, as 1002-1004,1020; all")
    options.add_argument("--only-measure", action="store_true", help="solve nothing")
    options.add_argument("--output", type=Path)
    given = options.parse_args()
    numbers = sorted(int(path.name.split(".")[1]) for path in given.shot.glob("plate.*.exr"))
    done: dict[str, Any] = {"shot": given.shot.name, "preset": given.preset, "methods": {}}
    measured: dict[str, dict[int, np.ndarray]] = {}
    for method in given.methods.split(","):
        folder = given.work / method
        folder.mkdir(parents=True, exist_ok=True)
        settings = preset(given.preset).changed(device="cpu", threads=1, **METHODS[method])
        if not given.only_measure:
            few = given.by_themselves if settings.temporal == "off" else None
            solve(given.shot, numbers, folder, settings, few)
        measured[method] = {
            number: read(folder / f"matte.{number}.exr")[..., 3]
            for number in numbers
            if (folder / f"matte.{number}.exr").exists()
        }
    together = sorted(set.intersection(*(set(alphas) for alphas in measured.values())))
    for method, alphas in measured.items():
        times = times_of(given.work / method)
        done["methods"][method] = {
            "all": judged(given.shot, alphas, sorted(alphas)),
            "frames_that_all_methods_have": judged(given.shot, alphas, together),
            "seconds": summary(times, "seconds"),
            "cpu_seconds": summary(times, "cpu_seconds"),
            "memory_mb": [entry["memory_mb"] for entry in times if "memory_mb" in entry],
        }
    text = json.dumps(done, indent=1)
    if given.output:
        given.output.write_text(text + "\n", encoding="utf-8")
    for method, entry in done["methods"].items():
        both = entry["frames_that_all_methods_have"]
        shown = {k: v for k, v in both.items() if k not in ("sad", "dtssd_pairs", "frames")}
        print(method, shown, "cpu", entry["cpu_seconds"], "n", len(both["frames"]))


def solve(
    shot: Path, numbers: Iterable[int], folder: Path, settings: Settings, few: str | None = None
) -> None:
    frames = tuple(
        Frame(n, (Plate(str(shot / f"plate.{n}.exr"), Role.IMAGE),
                  Plate(str(clean_of(shot, n)), Role.CLEAN)))
        for n in numbers
    )  # fmt: skip
    wanted = set(numbers) if few is None else set(listed(few))
    job, look_cache = Job(frames, settings), LookCache()
    for frame in frames:
        output = folder / f"matte.{frame.number}.exr"
        if output.exists() or frame.number not in wanted:
            continue
        began, used = time.monotonic(), time.process_time()
        window = window_of(frame, job, settings)
        for _ in matte_frame(frame, settings, output, window=window, look_cache=look_cache):
            pass
        entry = {
            "frame": frame.number,
            "seconds": round(time.monotonic() - began, 2),
            "cpu_seconds": round(time.process_time() - used, 2),
            "memory_mb": memory(),
        }
        with open(folder / "times.jsonl", "a", encoding="utf-8") as file:
            file.write(json.dumps(entry) + "\n")
        print(folder.name, entry, file=sys.stderr, flush=True)


def clean_of(shot: Path, number: int) -> Path:
    own = shot / f"clean.{number}.exr"
    return own if own.exists() else shot / "clean.exr"


def listed(text: str) -> Iterable[int]:
    for part in text.split(","):
        first, _, last = part.partition("-")
        yield from range(int(first), int(last or first) + 1)


def judged(shot: Path, alphas: dict[int, np.ndarray], numbers: list[int]) -> dict[str, Any]:
    """Errors of these frames; what needs two looks at pairs of consecutive ones."""
    sads, pairs, flickers, ghosts = [], [], [], []
    before: tuple[int, np.ndarray, np.ndarray, np.ndarray] | None = None
    for number in numbers:
        alpha, truth = alphas[number], read(shot / f"truth.{number}.exr")[..., 3]
        plate = read(shot / f"plate.{number}.exr")[..., :3]
        sads.append(round(sad(alpha, truth), 4))
        if before is not None and before[0] == number - 1:
            _, last_alpha, last_truth, last_plate = before
            pairs.append(round(dtssd([last_alpha, alpha], [last_truth, truth]), 4))
            still = np.abs(plate - last_plate).max(2) < STILL
            still &= np.abs(truth - last_truth) < STILL
            still &= ndimage.binary_dilation((truth > 0) & (truth < 1), iterations=NEAR)
            if still.any():
                flickers.append(float(np.abs(alpha - last_alpha)[still].mean()))
            left = (truth == 0) & (last_truth > 0.1)
            if left.any():
                ghosts.append(float(alpha[left].mean()))
        before = (number, alpha, truth, plate)
    return {
        "frames": numbers,
        "sad": sads,
        "sad_mean": round(statistics.fmean(sads), 4) if sads else None,
        "dtssd_pairs": pairs,
        "dtssd": round(statistics.fmean(pairs), 3) if pairs else None,
        "flicker": round(100 * statistics.fmean(flickers), 4) if flickers else None,
        "ghost": round(100 * statistics.fmean(ghosts), 4) if ghosts else None,
    }


def summary(times: list[dict[str, Any]], name: str) -> dict[str, float] | None:
    """The first frame, and the median of those after it."""
    values = [entry[name] for entry in times if name in entry]
    if not values:
        return None
    return {"first": values[0], "median_after": round(statistics.median(values[1:] or values), 2)}


def times_of(folder: Path) -> list[dict[str, Any]]:
    place = folder / "times.jsonl"
    lines = place.read_text(encoding="utf-8").splitlines() if place.exists() else []
    return [json.loads(line) for line in lines]


def memory() -> float:
    """MB that this process holds."""
    pages = int(Path("/proc/self/statm").read_text().split()[1])
    return round(pages * os.sysconf("SC_PAGE_SIZE") / 1e6, 1)


def read(path: Path) -> np.ndarray:
    pixels: Any = oiio.ImageBuf(str(path)).get_pixels(oiio.FLOAT)
    return np.asarray(pixels)


if __name__ == "__main__":
    torch.set_num_threads(1)
    main()
