"""How long an artist looks at nothing: the first previews of a 512x512 pair on a warm engine, CPU.

    python benchmarks/first_preview.py [--repeats 3] [--data FOLDER] [-o FILE.json]

Seconds from the request to the PNG on the host's disk of (a) the first preview, where the plates
differ, and (b) the first that is the solver's own alpha. The pair is the lemur, scaled up and cut
square; with --data also one composite of the benchmark. Preset draft, all threads; every repeat has
a seed of its own, so that nothing comes from the cache. An engine of the benchmark's own is started
in a temporary folder and ended again. Then the pair is solved once more in this process, on one
thread and by the CPU's own seconds, which a busy machine hardly changes, with a clock at every call
up to (b): where the time goes.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import shutil
import statistics
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import OpenImageIO as oiio

ROOT = Path(__file__).resolve().parent.parent
sys.path[:0] = [str(ROOT / "plugin"), str(ROOT / "engine")]

from dmp_engine.dmp.solve import alpha_posterior, pair_solution  # noqa: E402
from dmp_engine.evaluation import benchmark  # noqa: E402
from dmp_engine.pipeline import frame as pipeline  # noqa: E402
from dmp_engine.pipeline import pair  # noqa: E402
from dmp_matting import Progress, preset  # noqa: E402
from dmp_matting.client.connection import Connection  # noqa: E402
from dmp_matting.client.job_client import Matting  # noqa: E402
from dmp_matting.client.launcher import start_engine, stop_engine  # noqa: E402
from dmp_matting.job import Frame, Job, Plate, Role, Stage  # noqa: E402

SIDE = 512
BAR = 5.0  # seconds, of issue 3
COMPOSITE = "GT13"  # of the benchmark: long hair
# Calls on the way to the solver's first alpha, in order: module, name.
CALLS = [
    (pipeline, "read_plates"), (pair, "fit_clean"), (pipeline, "_warnings"),
    (pair_solution, "_noise"), (pair_solution, "_strangers"),
    (alpha_posterior, "background_test"), (alpha_posterior, "_regions"),
    (alpha_posterior, "_holes"), (alpha_posterior, "GaussianSolve"), (pipeline, "_show"),
]  # fmt: skip


def lemur(folder: Path) -> Frame:
    """Scaled to cover the square, cut in its middle, PNG as the original."""
    return write_pair(
        folder, "lemur",
        [oiio.ImageBuf(str(ROOT / "tests/plates/lemur" / name)) for name in
         ("plate.png", "clean.png")],
    )  # fmt: skip


def composite(folder: Path, data: Path) -> Frame:
    pair = benchmark.composite(data, COMPOSITE, 800)
    plates = [oiio.ImageBuf(np.ascontiguousarray(x, np.float32)) for x in (pair.image, pair.clean)]
    return write_pair(folder, COMPOSITE, plates)


def write_pair(folder: Path, name: str, plates: list[oiio.ImageBuf]) -> Frame:
    paths = []
    for role, plate in zip(("plate", "clean"), plates, strict=True):
        scale = SIDE / min(plate.spec().width, plate.spec().height)
        wide, tall = (
            max(SIDE, round(n * scale)) for n in (plate.spec().width, plate.spec().height)
        )
        if scale != 1:
            plate = oiio.ImageBufAlgo.resize(plate, roi=oiio.ROI(0, wide, 0, tall, 0, 1, 0, 3))
        left, top = (wide - SIDE) // 2, (tall - SIDE) // 2
        roi = oiio.ROI(left, left + SIDE, top, top + SIDE, 0, 1, 0, 3)
        square = oiio.ImageBuf(oiio.ImageSpec(SIDE, SIDE, 3, "uint8"))
        square.set_pixels(oiio.ROI(0, SIDE, 0, SIDE, 0, 1, 0, 3), plate.get_pixels("float", roi))
        paths.append(folder / f"{name}-{role}.png")
        assert square.write(str(paths[-1])), square.geterror()
    return Frame(
        1, (Plate(str(paths[0]), Role.IMAGE, "raw"), Plate(str(paths[1]), Role.CLEAN, "raw"))
    )


def previews(connection: Connection, frame: Frame, folder: Path, seed: int) -> tuple[float, float]:
    """Seconds to the first preview, and to the first that is the solver's own alpha."""
    what = Job((frame,), preset("draft").changed(device="cpu", seed=seed))
    shown = folder / "preview.png"
    shown.unlink(missing_ok=True)
    first: float | None = None
    start = time.perf_counter()
    events = Matting(
        what, {1: str(folder / "out.exr")}, preview=str(shown), connect=lambda: connection
    ).events()
    for event in events:
        if not isinstance(event, Progress) or event.preview is None:
            continue
        now = time.perf_counter() - start
        assert shown.stat().st_size > 0
        first = now if first is None else first
        # Before its first step the picture is the plates' difference.
        if event.stage is not Stage.INITIALISE or event.step > 0:
            events.close()
            while connection.request("GET", "/v1/status")["devices"][0]["state"] == "busy":
                time.sleep(0.05)  # the next request is measured on an idle engine
            return first, now
    raise AssertionError("the frame was finished without a preview")


@contextmanager
def clocked(spent: list[tuple[str, float]]) -> Iterator[None]:
    """Every one of CALLS notes how long it took."""
    originals = [(place, name, getattr(place, name)) for place, name in CALLS]

    def clock(name: str, call: Callable[..., Any]) -> Callable[..., Any]:
        def timed(*arguments: Any, **named: Any) -> Any:
            used = time.process_time()
            try:
                return call(*arguments, **named)
            finally:
                spent.append((name.lstrip("_"), time.process_time() - used))

        return timed

    try:
        for place, name, call in originals:
            setattr(place, name, clock(name, call))
        yield
    finally:
        for place, name, call in originals:
            setattr(place, name, call)


def where_the_time_goes(frame: Frame, folder: Path) -> dict[str, Any]:
    """CPU seconds of one thread until the solver's first alpha is shown, in this process, warm.

    On an idle machine these are seconds of the clock, and more than two threads would take.
    """
    result: dict[str, Any] = {}
    for seed in (998, 999):  # the first only warms up
        spent: list[tuple[str, float]] = []
        first: float | None = None
        used = time.process_time()
        with clocked(spent):
            solving = pipeline.matte_frame(
                frame,
                preset("draft").changed(device="cpu", threads=1, seed=seed),
                folder / "direct.exr",
                preview=folder / "direct.png",
            )
            for progress in solving:
                if progress.preview is None:
                    continue
                now = time.process_time() - used
                first = now if first is None else first
                if progress.stage is not Stage.INITIALISE or progress.step > 0:
                    break
            solving.close()
        assert first is not None
        result = {
            "first_preview": round(first, 3),
            "solvers_own_alpha": round(now, 3),
            "calls": [[name, round(seconds, 3)] for name, seconds in spent],
        }
    return result


def spread(seconds: list[float]) -> dict[str, Any]:
    rounded = [round(each, 3) for each in seconds]
    return {"median": statistics.median(rounded), "all": rounded}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--data", type=Path, help="the composite benchmark's data")
    parser.add_argument("--output", "-o", type=Path)
    query = parser.parse_args()
    folder = Path(tempfile.mkdtemp(prefix="dmp-"))
    os.environ.update(
        DMP_RUN_DIR=str(folder / "run"),
        DMP_CACHE_DIR=str(folder / "cache"),
        DMP_CONFIG=str(folder / "config.json"),
    )
    frames = {"lemur": lemur(folder)}
    if query.data is not None:
        frames[COMPOSITE] = composite(folder, query.data)
    measured: dict[str, Any] = {}
    load = os.getloadavg()[0]
    connection = start_engine()
    try:
        previews(connection, frames["lemur"], folder, 0)  # warms up
        for name, frame in frames.items():
            both = [previews(connection, frame, folder, 1 + n) for n in range(query.repeats)]
            measured[name] = {
                "first_preview": spread([first for first, _ in both]),
                "solvers_own_alpha": spread([own for _, own in both]),
            }
        device = connection.request("GET", "/v1/status")["devices"][0]["label"]
    finally:
        stop_engine(force=True)
    for name, frame in frames.items():
        measured[name]["cpu_seconds_of_one_thread"] = where_the_time_goes(frame, folder)
    shutil.rmtree(folder)
    result = {
        "what": "seconds from the request to the first previews, warm engine, preset draft",
        "size": f"{SIDE}x{SIDE}",
        "bar": BAR,
        "pairs": measured,
        "repeats": query.repeats,
        "device": device,
        "cores": os.cpu_count(),
        "load_before": round(load, 2),
        "load_after": round(os.getloadavg()[0], 2),
        "python": platform.python_version(),
        "engine": connection.version,
    }
    text = json.dumps(result, indent=2)
    print(text)
    if query.output is not None:
        query.output.parent.mkdir(parents=True, exist_ok=True)
        query.output.write_text(text + "\n")


if __name__ == "__main__":
    main()
