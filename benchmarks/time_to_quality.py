"""How soon a preset reaches the matte that the authors' schedule ends with, in one run.

    python benchmarks/time_to_quality.py --data DATA [--items GT05,GT09,GT17] [--size 320]
        [--presets draft,final] [--scale 1.0] [-o FILE.json]

The authors' schedule is their released code's, as a plain eager loop of the same networks on the
same device: 10 steps of fitting and 2,000 joint ones, a new trimap (eq. 19), 10 and 4,000 more,
1,000 of projection, then eq. 18; known background within 5 % of the range, Omega_F eroded by 10 px
at 512. Seconds are the processor's on one thread, which a busy machine hardly changes; what is
measured on the way (the SAD every 250 steps, after eq. 18) is not counted. Printed are the SAD with
which the authors' schedule ends and its best on the way, the seconds until each preset shows an
alpha as good as that for the first time and at its end, and the closed-form peer (the plate
variant). ``--scale`` shortens the authors' schedule, for a first look: such a run says so.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import statistics
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

os.environ.setdefault("OMP_NUM_THREADS", "1")
os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")

import numpy as np
import torch
from torch import Tensor

ROOT = Path(__file__).resolve().parent.parent
sys.path[:0] = [str(ROOT / "plugin"), str(ROOT / "engine")]

from dmp_engine.dmp.model.encoding import Encoding  # noqa: E402
from dmp_engine.dmp.model.morphology import erode  # noqa: E402
from dmp_engine.dmp.paper.cuda_graphs import Eager  # noqa: E402
from dmp_engine.dmp.paper.initial_alpha import first_alpha, updated_alpha  # noqa: E402
from dmp_engine.dmp.paper.losses import Problem, Trainer  # noqa: E402
from dmp_engine.dmp.paper.refine import (  # noqa: E402
    NEARLY_ONE,
    Variances,
    colour_bounds,
    refine,
)
from dmp_engine.dmp.solve.frame import solve  # noqa: E402
from dmp_engine.dmp.steps import Step  # noqa: E402
from dmp_engine.evaluation import benchmark  # noqa: E402
from dmp_engine.evaluation.closedform import plate_variant  # noqa: E402
from dmp_engine.evaluation.metrics import sad  # noqa: E402
from dmp_engine.evaluation.peers import PLATE_PASSES, PLATE_WEIGHT  # noqa: E402
from dmp_engine.evaluation.trimaps import STRONG, eq8_trimap  # noqa: E402
from dmp_engine.version import engine_version  # noqa: E402
from dmp_matting import preset  # noqa: E402
from dmp_matting.generators import finish  # noqa: E402

LOOK_EVERY = 250  # steps
AUTHORS = preset("paper").changed(background_tolerance=0.05, fit_steps=10, projection=True)
CORE_MARGIN = 10.0 / 512  # of the long side: Omega_F is eroded
ROUNDS = ((10, 2000, 0), (10, 4000, 1000))  # steps of fitting, joint, projection


class Clock:
    """Processor seconds, stopped while we look."""

    def __init__(self) -> None:
        self._spent, self._since = 0.0, time.process_time()

    def stop(self) -> float:
        self._spent += time.process_time() - self._since
        return self._spent

    def go(self) -> None:
        self._since = time.process_time()


def authors(image: Tensor, clean: Tensor, scale: float) -> Iterator[tuple[int, Tensor]]:
    """(steps done, alpha after eq. 18) of the released schedule; the last is its result."""
    generator = torch.Generator().manual_seed(0)
    encoding = Encoding.of_pair(image, clean, False)
    bounds = colour_bounds(image, clean)
    seen, behind = encoding.encode(image), encoding.encode(clean)
    trimap = first_alpha(seen, behind, AUTHORS)
    inside = erode(trimap == 1, CORE_MARGIN * max(image.shape[-2:]))
    trimap = torch.where((trimap == 1) & ~inside, 0.5, trimap)
    trainer: Trainer | None = None
    done = 0
    for fit, joint, projection in ROUNDS:
        problem = Problem(image, clean, trimap, encoding)
        if trainer is None:
            trainer = Trainer(problem, AUTHORS, generator, Eager())
        trainer.problem = problem
        trainer.core = problem.core
        trainer.core_count = problem.core.sum().clamp_min(1)
        plan = [("fit", n) for n in range(fit)]
        plan += [("joint", n) for n in range(round(joint * scale))]
        plan += [("project", n) for n in range(round(projection * scale))]
        projected: Tensor | None = None
        for kind, step in plan:
            if kind == "fit":
                trainer.fit_step()
            else:
                if kind == "project" and projected is None:
                    with torch.no_grad():
                        projected = trainer.predict()[0] > NEARLY_ONE
                steps = round((projection if projected is not None else joint) * scale)
                trainer.joint_step(step, steps, projected)
            done += 1
            if done % LOOK_EVERY == 0:
                yield done, refined(trainer, image, clean, bounds)
        alpha = refined(trainer, image, clean, bounds)
        trimap = updated_alpha(trimap, alpha, AUTHORS.alpha_update)
    yield done, alpha


@torch.no_grad()
def refined(trainer: Trainer, image: Tensor, clean: Tensor, bounds: Any) -> Tensor:
    layers = trainer.layers()
    return refine(image, clean, *layers, AUTHORS.refine_passes, Variances(), bounds)[0]


def run_authors(pair: benchmark.Pair, scale: float) -> dict[str, Any]:
    image, clean = tensor(pair.image), tensor(pair.clean)
    curve = []
    clock = Clock()
    for steps, alpha in authors(image, clean, scale):
        seconds = clock.stop()
        curve.append((steps, round(seconds, 1), round(wrong(alpha, pair), 4)))
        clock.go()
    steps, seconds, ends_with = curve[-1]
    return {
        "steps": steps,
        "cpu_seconds": seconds,
        "sad": ends_with,
        "best_sad": min(x[2] for x in curve),
        "curve": curve,
    }


def run_preset(name: str, pair: benchmark.Pair, target: float) -> dict[str, Any]:
    """Seconds until an alpha as good as ``target`` is shown, and until the end."""
    image, clean = tensor(pair.image), tensor(pair.clean)
    settings = preset(name).changed(threads=1, align="off", illumination="off")
    reached: float | None = None
    clock = Clock()

    def look(step: Step) -> None:
        nonlocal reached
        seconds = clock.stop()
        if reached is None and step.layers is not None:
            alpha = torch.nn.functional.interpolate(
                step.layers()[0], image.shape[-2:], mode="bilinear", align_corners=False
            )
            if wrong(alpha, pair) <= target:
                reached = round(seconds, 2)
        clock.go()

    solution = finish(solve(image, clean, settings), look)
    seconds = clock.stop()
    ends_with = wrong(solution.alpha, pair)
    if reached is None and ends_with <= target:
        reached = round(seconds, 2)
    return {
        "cpu_seconds": round(seconds, 2),
        "sad": round(ends_with, 4),
        "reached_after": reached,
    }


def run_peer(pair: benchmark.Pair) -> dict[str, Any]:
    for _ in range(2):  # the first also compiles
        used = time.process_time()
        trimap = eq8_trimap(pair.image, pair.clean, STRONG)
        alpha, _ = plate_variant(pair.image, pair.clean, trimap, PLATE_WEIGHT, PLATE_PASSES)
        used = time.process_time() - used
    return {"cpu_seconds": round(used, 2), "sad": round(sad(alpha, pair.alpha), 4)}


def tensor(x: np.ndarray) -> Tensor:
    return torch.from_numpy(np.ascontiguousarray(x, np.float32)).permute(2, 0, 1)[None].contiguous()


def wrong(alpha: Tensor, pair: benchmark.Pair) -> float:
    return sad(alpha[0, 0].numpy(), pair.alpha)


def main() -> None:
    options = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    options.add_argument("--data", type=Path, required=True, help="the composite benchmark's data")
    options.add_argument("--items", default="GT05,GT09,GT17")
    options.add_argument("--size", type=int, default=320)
    options.add_argument("--presets", default="draft,final")
    options.add_argument("--scale", type=float, default=1.0)
    options.add_argument("-o", "--output", type=Path)
    given = options.parse_args()
    torch.set_num_threads(1)
    presets = given.presets.split(",")
    rows: list[dict[str, Any]] = []
    report: dict[str, Any] = {
        "command": " ".join(["python", *sys.argv]).replace(str(given.data), "DATA"),
        "seconds": "of the processor, one thread",
        "machine": f"{platform.processor() or platform.machine()}, {os.cpu_count()} cores",
        "torch": torch.__version__,
        "engine": engine_version(),
        "size": given.size,
        "scale_of_the_authors_schedule": given.scale,
    }
    for name in given.items.split(","):
        pair = benchmark.composite(given.data, name, given.size)
        row: dict[str, Any] = {"item": name, "peer": run_peer(pair)}
        row["authors"] = run_authors(pair, given.scale)
        for each in presets:
            row[each] = run_preset(each, pair, row["authors"]["sad"])
            if row[each]["reached_after"]:
                row[each]["times_sooner"] = round(
                    row["authors"]["cpu_seconds"] / row[each]["reached_after"], 1
                )
        rows.append(row)
        print(json.dumps({k: v for k, v in row.items() if k != "authors"}), flush=True)
        report["rows"] = rows
        report["mean_times_sooner"] = {
            each: round(statistics.mean(r[each].get("times_sooner", 0.0) for r in rows), 1)
            for each in presets
        }
        if given.output:
            given.output.write_text(json.dumps(report, indent=1) + "\n")
    print(json.dumps(report["mean_times_sooner"]))


if __name__ == "__main__":
    main()
