"""What the server costs: a 1080p pair through the warm engine against the same solve in process.

    python benchmarks/server_overhead.py [--repeats 5] [--size 1920x1080] [-o FILE.json]

Both ways solve the same frames in a process that has torch loaded already and
that starts from files and ends with a written EXR. Seconds are taken around the
whole call; the overhead is the difference of the two medians. Also measured: the
second identical request, and the first preview of a 512x512 pair. An engine of
the benchmark's own is started in a temporary folder and ended again.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import numpy as np
import OpenImageIO as oiio

ROOT = Path(__file__).resolve().parent.parent
sys.path[:0] = [str(ROOT / "plugin"), str(ROOT / "engine")]

from dmp_matting import Layers, Progress, Settings, preset  # noqa: E402
from dmp_matting.client.connection import Connection  # noqa: E402
from dmp_matting.client.engine_python import engine_command  # noqa: E402
from dmp_matting.client.job_client import Matting  # noqa: E402
from dmp_matting.client.launcher import start_engine, stop_engine  # noqa: E402
from dmp_matting.job import Frame, Job, Plate, Role  # noqa: E402

# A solver that does as little as it can, so that the server's share is seen beside noise.
LITTLE = {
    "rounds": 1, "fit_steps": 1, "joint_steps": 2, "projection_steps": 1, "refine_passes": 1,
    "solve_size": 128, "device": "cpu",
}  # fmt: skip

IN_PROCESS = """
import json, sys, time
from pathlib import Path
from dmp_matting.job import Job
from dmp_engine.pipeline.frame import matte_frame
for line in sys.stdin:
    request = json.loads(line)
    job = Job.from_json(request["job"])
    start = time.perf_counter()
    for progress in matte_frame(job.frames[0], job.settings, Path(request["output"])):
        pass
    print(time.perf_counter() - start, flush=True)
"""


def write_pair(folder: Path, width: int, height: int) -> tuple[Path, Path]:
    """A subject before noise-like scenery: half EXR as a renderer writes it, with grain."""
    random = np.random.default_rng(0)
    coarse = random.random((height // 8 + 1, width // 8 + 1, 3))
    clean = np.kron(coarse, np.ones((8, 8, 1)))[:height, :width]
    clean += random.normal(0, 0.01, clean.shape)
    y, x = np.mgrid[:height, :width]
    away = np.hypot(x - width / 2, y - height / 2)[..., None]
    alpha = np.clip((height / 3 - away) / 12 + 0.5, 0, 1)
    image = alpha * np.array([0.9, 0.2, 0.1]) + (1 - alpha) * clean
    paths = folder / f"image{width}.exr", folder / f"clean{width}.exr"
    for path, pixels in zip(paths, (image, clean), strict=True):
        spec = oiio.ImageSpec(width, height, 3, "half")
        spec["compression"] = "zip"
        out = oiio.ImageOutput.create(str(path))
        assert out.open(str(path), spec) and out.write_image(pixels.astype(np.float32))
        assert out.close()
    return paths


def job(paths: tuple[Path, Path], settings: Settings) -> Job:
    plates = Plate(str(paths[0]), Role.IMAGE), Plate(str(paths[1]), Role.CLEAN)
    return Job((Frame(1, plates),), settings)


def through_engine(connection: Connection, what: Job, output: Path) -> tuple[float, float]:
    """Seconds of the whole call, and those that the engine spent on the frame itself."""
    start = time.perf_counter()
    spent = 0.0
    for event in Matting(what, {1: str(output)}, connect=lambda: connection).events():
        if isinstance(event, Layers):
            spent = event.seconds["total"]
    return time.perf_counter() - start, spent


def first_preview(connection: Connection, folder: Path) -> float:
    """Seconds from the request to a preview that lies on the host's disk."""
    settings = preset("draft").changed(device="cpu", seed=int(time.time()) % 100000)
    what = job(write_pair(folder, 512, 512), settings)
    shown = folder / "preview.png"
    start = time.perf_counter()
    events = Matting(
        what, {1: str(folder / "p.exr")}, preview=str(shown), connect=lambda: connection
    ).events()
    for event in events:
        if isinstance(event, Progress) and event.preview:
            break
    took = time.perf_counter() - start
    assert shown.stat().st_size > 0
    events.close()
    return took


def spread(seconds: list[float]) -> dict[str, Any]:
    rounded = [round(each, 4) for each in seconds]
    return {"median": statistics.median(rounded), "min": min(rounded), "max": max(rounded)}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--repeats", type=int, default=5)
    parser.add_argument("--size", default="1920x1080")
    parser.add_argument("--output", "-o", type=Path)
    query = parser.parse_args()
    width, height = map(int, query.size.split("x"))

    folder = Path(tempfile.mkdtemp(prefix="dmp-"))
    os.environ.update(
        DMP_RUN_DIR=str(folder / "run"),
        DMP_CACHE_DIR=str(folder / "cache"),
        DMP_CONFIG=str(folder / "config.json"),
    )
    pair = write_pair(folder, width, height)
    python = engine_command()[0]
    roots = os.pathsep.join([str(ROOT / "plugin"), str(ROOT / "engine")])
    direct_process = subprocess.Popen(
        [python, "-c", IN_PROCESS],
        env={**os.environ, "PYTHONPATH": roots},
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    assert direct_process.stdin is not None and direct_process.stdout is not None
    connection = start_engine()
    direct, served, inside = [], [], []
    try:
        # Turn about, so that both meet the same machine; the first of each only warms up.
        for number in range(query.repeats + 1):
            what = job(pair, Settings().changed(**LITTLE, seed=number))
            request = {"job": what.to_json(), "output": str(folder / "direct.exr")}
            direct_process.stdin.write(json.dumps(request) + "\n")
            direct_process.stdin.flush()
            direct.append(float(direct_process.stdout.readline()))
            whole, spent = through_engine(connection, what, folder / "served.exr")
            served.append(whole)
            inside.append(spent)
        again = [through_engine(connection, what, folder / "again.exr")[0] for _ in range(5)]
        preview = first_preview(connection, folder)
        device = connection.request("GET", "/v1/status")["devices"][0]
    finally:
        direct_process.stdin.close()
        direct_process.wait()
        stop_engine(force=True)
    direct, served, inside = direct[1:], served[1:], inside[1:]
    result = {
        "what": "1 pair through the warm server against the same solve in process, seconds",
        "size": query.size,
        "plates_bytes": [path.stat().st_size for path in pair],
        "layers_bytes": (folder / "served.exr").stat().st_size,
        "no_server": spread(direct),
        "server": spread(served),
        "server_inside_the_worker": spread(inside),
        "overhead": round(statistics.median(served) - statistics.median(direct), 4),
        "transport": spread([a - b for a, b in zip(served, inside, strict=True)]),
        "second_identical_request": spread(again),
        "first_preview_512": round(preview, 3),
        "repeats": query.repeats,
        "device": device,
        "cores": os.cpu_count(),
        "load_before": round(os.getloadavg()[0], 2),
        "python": platform.python_version(),
        "engine": connection.version,
    }
    shutil.rmtree(folder)
    text = json.dumps(result, indent=2)
    print(text)
    if query.output is not None:
        query.output.parent.mkdir(parents=True, exist_ok=True)
        query.output.write_text(text + "\n")


if __name__ == "__main__":
    main()
