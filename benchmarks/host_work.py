"""What NumPy, SciPy, OpenCV and OpenImageIO still do for every frame, in CPU seconds.

    python benchmarks/host_work.py -o benchmarks/results/host_work.json

The lemur, enlarged and cropped as in cost_by_size.py, as EXR; `draft`, one thread, in a process
that has solved a frame before, without a cache. Two clean plates: one that fits, and one that is
moved by (1.3, -0.8) px and 6 % brighter, which takes the whole fit. Seconds are the processor's,
by cProfile: those of a function with all that it calls. The optical flow is that of one call, at
the size at which a shot is solved, and how often a later frame of a shot calls it.
"""

from __future__ import annotations

import argparse
import cProfile
import json
import os
import platform
import sys
import tempfile
import time
from pathlib import Path
from typing import Any
from unittest import mock

os.environ.setdefault("OMP_NUM_THREADS", "1")

import numpy as np
import torch
from torch.nn import functional

sys.path.insert(0, str(Path(__file__).resolve().parent))
import work
from cost_by_size import LEMUR, cover, linear, picture, write

from dmp_engine.dmp.temporal import optical_flow
from dmp_engine.pipeline.frame import matte_frame
from dmp_engine.pipeline.shot_frame import LookCache
from dmp_matting.generators import finish
from dmp_matting.job import Frame, Plate, Role

SIZES = {"512x512": (512, 512), "1920x1080": (1920, 1080)}
MOVED, BRIGHTER = (1.3, -0.8), 1.06
# What the table names: file and function. Those that begin with "fit: " are parts of the fit.
ROWS = {
    "read": ("plates/io/read.py", "read_plate"),
    "digest": ("plates/io/pixel_digest.py", "content_digest"),
    "unit": ("plates/exposure_unit.py", "unit_of"),
    "fit": ("plates/clean_plate/fit.py", "fit_clean"),
    "fit: registration": ("plates/clean_plate/registration.py", "register"),
    "fit: warp and light": ("plates/clean_plate/fit.py", "_tried"),
    "fit: focus": ("plates/clean_plate/focus.py", "fit_focus"),
    "fit: residual": ("plates/clean_plate/residual.py", "within_residual"),
    "fit: filled borders": ("plates/clean_plate/warp.py", "filled"),
    "fit: JPEG": ("plates/clean_plate/jpeg.py", "compression_of"),
    "fit: checks of the pair": ("plates/clean_plate/pair_checks.py", "pair_warnings"),
    "labels of the crop": ("dmp/solve/crop.py", "changed_box"),
    "labels of islands": ("dmp/evidence/known_background.py", "_without_islands"),
    "emission": ("plates/emission.py", "premultiplied"),
    "to arrays": ("tensors.py", "array_of"),
    "write": ("plates/io/write.py", "write_layers"),
}


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("-o", "--output", type=Path, required=True)
    output = parser.parse_args().output
    torch.set_num_threads(1)
    report: dict[str, Any] = {
        "command": "python benchmarks/host_work.py -o benchmarks/results/host_work.json",
        "machine": f"{platform.machine()}, 1 thread",
        "torch": torch.__version__,
        "frames": {},
    }
    with tempfile.TemporaryDirectory() as folder:
        report["flows_of_a_later_frame"] = flows(Path(folder))
        for size, (width, height) in SIZES.items():
            for clean in ("fits", "moved and brighter"):
                frame = made(Path(folder), width, height, clean != "fits")
                report["frames"][f"{size}, {clean}"] = seconds(frame, Path(folder))
        report["flow"] = {
            size: flow_seconds(*shape) for size, shape in
            {"512x512": (512, 512), "1920x1080": (540, 960)}.items()
        }  # fmt: skip
    output.write_text(json.dumps(report, indent=1) + "\n", encoding="utf-8")
    print(json.dumps(report, indent=1))


def made(folder: Path, width: int, height: int, moved: bool) -> Frame:
    plates = []
    for role, name in ((Role.IMAGE, "plate"), (Role.CLEAN, "clean")):
        pixels = linear(cover(picture(LEMUR / f"{name}.png"), width, height))
        if moved and role is Role.CLEAN:
            pixels = shifted(pixels) * BRIGHTER
        path = folder / f"{name}.{width}.{moved}.exr"
        write(path, pixels)
        plates.append(Plate(str(path), role))
    return Frame(1, tuple(plates))


def shifted(pixels: np.ndarray) -> np.ndarray:
    """Moved by MOVED, bilinear; what came in at the borders is repeated."""
    height, width = pixels.shape[:2]
    y, x = torch.meshgrid(torch.arange(height), torch.arange(width), indexing="ij")
    across, down = x + MOVED[0], y + MOVED[1]
    grid = torch.stack([(2 * across + 1) / width - 1, (2 * down + 1) / height - 1], -1)[None]
    image = torch.from_numpy(np.ascontiguousarray(pixels, np.float32)).permute(2, 0, 1)[None]
    found = functional.grid_sample(image, grid.float(), padding_mode="border", align_corners=False)
    return np.ascontiguousarray(found[0].permute(1, 2, 0).numpy())


def seconds(frame: Frame, folder: Path) -> dict[str, float]:
    """CPU seconds of each of ROWS, and of the frame."""
    profile = cProfile.Profile(time.process_time)
    start = time.process_time()
    profile.enable()
    finish(matte_frame(frame, work.SETTINGS, folder / "matte.exr"))
    profile.disable()
    found = {"the whole frame": round(time.process_time() - start, 3)}
    profile.create_stats()
    times: dict[tuple[str, str], float] = {}
    for (file, _, name), (_, _, _, spent, _) in profile.stats.items():  # type: ignore[attr-defined]
        times[(file.rpartition("dmp_engine/")[2], name)] = spent
    for row, place in ROWS.items():
        found[row] = round(times.get(place, 0.0), 3)
    return found


def flow_seconds(height: int, width: int) -> float:
    """CPU seconds of one optical flow, the median of three."""
    generator = np.random.default_rng(1)
    rough = torch.from_numpy(generator.random((1, 1, height // 8, width // 8), np.float32))
    grey = functional.interpolate(rough, (height, width), mode="bicubic").clamp(0, 1)
    one = (grey[0, 0].numpy() * 255).astype(np.uint8)
    pictures = one, np.roll(one, 3, 1)
    taken = []
    for _ in range(3):
        start = time.process_time()
        optical_flow.Wanted(*pictures).searched()
        taken.append(time.process_time() - start)
    return round(sorted(taken)[1], 3)


def flows(folder: Path) -> int:
    """How often a later frame of a shot calls the flow."""
    job, cache = work.made_shot(folder), LookCache()
    work.matte(job, 1, cache)
    search = optical_flow.Wanted.searched
    with mock.patch.object(
        optical_flow.Wanted, "searched", autospec=True, side_effect=search
    ) as it:
        work.matte(job, 2, cache)
    return it.call_count


if __name__ == "__main__":
    main()
