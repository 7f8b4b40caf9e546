"""Whether the GPU's mattes are those of the CPU, and what fewer bits cost."""

from __future__ import annotations

import contextlib
import warnings
from collections.abc import Callable, Iterator
from typing import Any

import torch
from parts import Place, Row, part
from pictures import Truth, furball, lemur
from torch import Tensor

from dmp_engine.dmp.model.encoding import Encoding
from dmp_engine.dmp.paper.cuda_graphs import Eager, repeat_on
from dmp_engine.dmp.paper.losses import Problem, Trainer
from dmp_engine.dmp.solve.frame import solve
from dmp_engine.dmp.steps import Solution
from dmp_matting.generators import finish
from dmp_matting.presets import preset
from dmp_matting.settings import Settings

ALLOWED = 0.02  # of the CPU's SAD: a GPU rounds otherwise
GRAPH_STEPS = 30


def pairs(place: Place) -> list[Truth]:
    """The bundled pairs; for a smoke run a corner of the first, half of it sky."""
    if place.smoke:
        return [lemur().cut(28, 150, 48, 64)]
    return [lemur(), furball()]


def presets(place: Place) -> dict[str, Settings]:
    names = ("draft",) if place.smoke else ("draft", "final")
    return {name: preset(name).changed(threads=0) for name in names}


def matte(truth: Truth, settings: Settings) -> Solution:
    """The solve alone: the clean plates fit, and no file is read."""
    return finish(solve(truth.image, truth.clean, settings, linear=truth.linear))


@part
def correctness(place: Place) -> Iterator[Row]:
    """SAD on both, twice on the device; then a recorded step against the same steps live."""
    for truth in pairs(place):
        there = truth.to(place.device)
        for name, settings in presets(place).items():
            first, cold = place.timed(matte, there, settings)
            second, warm = place.timed(matte, there, settings)
            row: Row = {"plate": truth.name, "preset": name, "cold_s": cold, "warm_s": warm}
            own = there.sad(first.alpha)
            row["sad"] = round(own, 5)
            row["finite"] = all(
                bool(layer.isfinite().all()) for layer in vars(first).values() if layer is not None
            )
            row["same_bits_twice"] = torch.equal(first.alpha, second.alpha)
            apart = (first.alpha - second.alpha).abs().max()
            row["largest_difference_twice"] = float(apart)
            yield {"stage": "device", **row}
            cpu, seconds = place.timed(matte, truth, settings)
            sad = truth.sad(cpu.alpha)
            differ = (first.alpha.cpu() - cpu.alpha).abs()
            row.update(cpu_s=seconds, cpu_sad=round(sad, 5), ratio=round(own / sad, 5))
            row["within"] = abs(own / sad - 1) <= ALLOWED
            row["mean_difference"], row["largest"] = float(differ.mean()), float(differ.max())
            yield {"stage": "against the CPU", **row}
    yield from _deterministic(place)
    yield from _graphs(place)


def _deterministic(place: Place) -> Iterator[Row]:
    """The same with torch's deterministic algorithms: seconds, and which operations have none."""
    truth = pairs(place)[0].to(place.device)
    for name, settings in presets(place).items():
        torch.use_deterministic_algorithms(True, warn_only=True)
        with warnings.catch_warnings(record=True) as seen:
            warnings.simplefilter("always")
            first = matte(truth, settings)
            second, seconds = place.timed(matte, truth, settings)
        torch.use_deterministic_algorithms(False)
        lacking = {str(each.message)[:120] for each in seen if "determinis" in str(each.message)}
        yield {
            "stage": "deterministic", "plate": truth.name, "preset": name, "warm_s": seconds,
            "same_bits_twice": torch.equal(first.alpha, second.alpha), "lacking": sorted(lacking),
        }  # fmt: skip


def _graphs(place: Place) -> Iterator[Row]:
    truth = pairs(place)[0].to(place.device)
    steps = 4 if place.smoke else GRAPH_STEPS
    losses: dict[str, list[float]] = {}
    recorded = repeat_on(torch.device(place.device))
    for name, repeat in (("live", Eager()), ("recorded", recorded)):
        trainer = trainer_of(truth, repeat)
        losses[name] = [float(trainer.joint_step(step, steps)) for step in range(steps)]
    away = [abs(a / b - 1) for a, b in zip(losses["recorded"], losses["live"], strict=True)]
    yield {
        "stage": "graphs", "steps": steps, "losses": losses, "largest_ratio": max(away),
        "kind": type(recorded).__name__, "refused": getattr(recorded, "_refused", None),
    }  # fmt: skip


def trainer_of(truth: Truth, repeat: Any) -> Trainer:
    """The paper's networks on a pair, with a trimap from the truth."""
    alpha = truth.alpha
    trimap = torch.where((alpha > 0.02) & (alpha < 0.98), 0.5, alpha.round())
    problem = Problem(
        truth.image, truth.clean, trimap, Encoding.of_pair(truth.image, truth.clean, truth.linear)
    )
    return Trainer(problem, Settings(), torch.Generator().manual_seed(0), repeat)


@part
def precision(place: Place) -> Iterator[Row]:
    """Seconds and SAD with TF32 off and on, and with bfloat16 where torch can choose it."""
    kind = place.device.partition(":")[0]

    def autocast() -> Any:
        return torch.autocast(kind, torch.bfloat16)

    ways: dict[str, tuple[bool, Callable[[], Any]]] = {
        "float32": (False, contextlib.nullcontext),
        "tf32": (True, contextlib.nullcontext),
        "bfloat16": (True, autocast),
    }
    chosen = {**presets(place), "paper": short_paper(place)}
    for truth in (each.to(place.device) for each in pairs(place)[: 1 if place.smoke else 2]):
        for name, settings in chosen.items():
            for way, (tf32, context) in ways.items():
                torch.backends.cuda.matmul.allow_tf32 = tf32
                torch.backends.cudnn.allow_tf32 = tf32
                row: Row = {"plate": truth.name, "preset": name, "way": way}
                try:
                    with context():
                        made, seconds = place.timed(matte, truth, settings)
                except Exception as refused:  # an operation that has no kernel of that precision
                    yield {**row, "refused": f"{type(refused).__name__}: {refused}"[:300]}
                    continue
                alpha: Tensor = made.alpha
                yield {**row, "seconds": seconds, "sad": round(truth.sad(alpha.float()), 5)}


def short_paper(place: Place) -> Settings:
    steps = 2 if place.smoke else 300
    return preset("paper").changed(
        rounds=1, fit_steps=steps, joint_steps=steps, projection_steps=steps, threads=0
    )
