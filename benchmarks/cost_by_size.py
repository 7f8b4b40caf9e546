"""What a larger plate costs: `draft` from 256x256 to 4096x2160, the same picture at every size.

    python benchmarks/cost_by_size.py [--preset draft] [--threads 2] [-o FILE.json]

The lemur of the tests, scaled up and cropped, as EXR; each size through the whole command
(`dmp matte --no-server`: start of Python, reading, fitting the clean plate, solving, upsampling,
writing) in a process of its own. Printed are the wall's seconds, the CPU's (which a busy machine
hardly changes), the peak memory, the SAD after scaling the alpha down to 512 (which compares within
a shape: 512x288, 1920x1080 and 3840x2160 show the same picture), and the exponent e of
seconds ~ pixels^e between 512x512 and each larger size. benchmarks/plot_cost.py draws it.
"""

from __future__ import annotations

import argparse
import json
import math
import os
import platform
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import numpy as np
import OpenImageIO as oiio
import torch
from torch.nn import functional

ROOT = Path(__file__).resolve().parent.parent
sys.path[:0] = [str(ROOT / "plugin"), str(ROOT / "engine")]
LEMUR = ROOT / "tests/plates/lemur"
REFERENCE = 512 * 512
SIZES = [
    (256, 256), (512, 288), (512, 512), (1024, 1024), (1920, 1080), (3840, 2160), (4096, 2160),
]  # fmt: skip


def main() -> None:
    options = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    options.add_argument("--preset", default="draft")
    options.add_argument("--threads", type=int, default=os.cpu_count())
    options.add_argument("-o", "--output", type=Path)
    given = options.parse_args()
    rows: list[dict[str, Any]] = []
    with tempfile.TemporaryDirectory() as folder:
        for width, height in SIZES:
            row = measured(Path(folder), width, height, given.preset, given.threads)
            first = next((each for each in rows if each["pixels"] == REFERENCE), row)
            for kind in ("wall", "cpu"):
                ratio = row["pixels"] / first["pixels"]
                if ratio > 1:
                    row[f"exponent_{kind}"] = math.log(row[kind] / first[kind]) / math.log(ratio)
            rows.append(row)
            print(json.dumps(row), flush=True)
    report = {
        "command": " ".join(["python", *sys.argv]),
        "machine": f"{platform.processor() or platform.machine()}, {os.cpu_count()} cores",
        "load": os.getloadavg(),
        "torch": torch.__version__,
        "preset": given.preset,
        "threads": given.threads,
        "rows": rows,
    }
    if given.output:
        given.output.write_text(json.dumps(report, indent=1) + "\n")


def measured(folder: Path, width: int, height: int, preset: str, threads: int) -> dict[str, Any]:
    paths = {}
    for name in ("plate", "clean", "alpha"):
        pixels = cover(picture(LEMUR / f"{name}.png"), width, height)
        paths[name] = folder / f"{name}.exr"
        write(paths[name], pixels if name == "alpha" else linear(pixels))
    output = folder / "out.exr"
    command = [
        sys.executable, "-m", "dmp_matting.cli", "matte", str(paths["plate"]), "--clean",
        str(paths["clean"]), "-o", str(output), "--preset", preset, "--no-server", "--json",
        "--threads", str(threads),
    ]  # fmt: skip
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path[:2])}
    start = time.monotonic()
    child = subprocess.Popen(command, env=environment, stdout=subprocess.PIPE, text=True)
    printed = child.stdout.read() if child.stdout else ""
    _, status, used = os.wait4(child.pid, 0)
    wall = time.monotonic() - start
    if status:
        raise SystemExit(f"dmp matte failed: {printed}")
    alpha = small(picture(output, channel=3), width, height)
    truth = small(picture(paths["alpha"])[..., :1], width, height)
    return {
        "width": width,
        "height": height,
        "pixels": width * height,
        "wall": round(wall, 2),
        "cpu": round(used.ru_utime + used.ru_stime, 2),
        "peak_gb": round(used.ru_maxrss / 2**20, 3),
        "sad_at_512": round(float(np.abs(alpha - truth).sum() / 1000), 4),
        "stages": json.loads(printed)["seconds"],
    }


def picture(path: Path, channel: int | None = None) -> np.ndarray:
    pixels = oiio.ImageBuf(str(path)).get_pixels("float")
    return pixels[..., :3] if channel is None else pixels[..., channel : channel + 1]


def cover(pixels: np.ndarray, width: int, height: int) -> np.ndarray:
    """Scaled to cover, and cut in the middle."""
    tall, wide = pixels.shape[:2]
    scale = max(width / wide, height / tall)
    size = math.ceil(tall * scale), math.ceil(wide * scale)
    image = torch.from_numpy(np.ascontiguousarray(pixels)).permute(2, 0, 1)[None]
    image = functional.interpolate(image, size, mode="bicubic", align_corners=False).clamp(0, 1)
    top, left = (size[0] - height) // 2, (size[1] - width) // 2
    cut = image[0, :, top : top + height, left : left + width].permute(1, 2, 0)
    return np.ascontiguousarray(cut.numpy())


def small(pixels: np.ndarray, width: int, height: int) -> np.ndarray:
    scale = 512 / max(width, height)
    size = round(height * scale), round(width * scale)
    image = torch.from_numpy(np.ascontiguousarray(pixels)).permute(2, 0, 1)[None]
    return functional.interpolate(image, size, mode="area")[0, 0].numpy()


def linear(pixels: np.ndarray) -> np.ndarray:
    return np.where(pixels <= 0.04045, pixels / 12.92, ((pixels + 0.055) / 1.055) ** 2.4)


def write(path: Path, pixels: np.ndarray) -> None:
    spec = oiio.ImageSpec(pixels.shape[1], pixels.shape[0], pixels.shape[2], "half")
    out = oiio.ImageOutput.create(str(path))
    assert out is not None and out.open(str(path), spec)
    assert out.write_image(np.ascontiguousarray(pixels, dtype=np.float32)) and out.close()


if __name__ == "__main__":
    main()
