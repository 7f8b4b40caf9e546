"""Seconds and memory: steps, whole frames, a shot, the published schedule, two processes."""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
import time
import warnings
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import torch
from parts import ROOT, Place, Row, part
from pictures import PLATES, Truth, furball
from quality import matte, pairs, presets, trainer_of

from dmp_engine.dmp.paper.cuda_graphs import Eager, repeat_on
from dmp_engine.dmp.solve.frame import solve
from dmp_engine.dmp.temporal.neighbours import (
    PASSES,
    REACH,
    initial_state,
    refine_state,
    solution_of,
)
from dmp_engine.machine.bench.measure import AUTHORS_STEPS, made_pair, measure
from dmp_matting.generators import finish
from dmp_matting.presets import preset

SIZES = {"512x512": (512, 512), "1920x1080": (1080, 1920), "3840x2160": (2160, 3840)}
SMOKE_SIZES = {"64x48": (48, 64)}


def sizes(place: Place) -> dict[str, tuple[int, int]]:
    return SMOKE_SIZES if place.smoke else SIZES


@part
def frames(place: Place) -> Iterator[Row]:
    """Whole solves of a made pair, cold and warm, with each stage's seconds and the peak memory."""
    for size, (height, width) in sizes(place).items():
        image, clean, alpha = made_pair(height, width, place.device)
        truth = Truth(size, image, clean, alpha, linear=False)
        for name, settings in presets(place).items():
            memory = place.peak_memory()
            _, cold = place.timed(matte, truth, settings)
            stages: Counter[str] = Counter()
            place.wait()
            begun = since = time.perf_counter()
            solving = solve(truth.image, truth.clean, settings)
            while True:
                try:
                    stage = next(solving).stage.value
                except StopIteration as end:
                    made = end.value
                    break
                place.wait()
                now = time.perf_counter()
                stages[stage] += now - since  # type: ignore[assignment]
                since = now
            place.wait()
            stages["the rest"] += time.perf_counter() - since  # type: ignore[assignment]
            yield {
                "size": size, "preset": name, "cold_s": cold,
                "warm_s": round(time.perf_counter() - begun, 4),
                "stages_s": {key: round(value, 4) for key, value in stages.items()},
                "sad": round(truth.sad(made.alpha), 4), **place.peak(memory),
            }  # fmt: skip


@part
def steps(place: Place) -> Iterator[Row]:
    """`dmp bench`: a step of the paper's networks, live and recorded, beside the memory floor."""
    repeats = 1 if place.smoke else 20
    for side in (64,) if place.smoke else (512, 1024):
        yield from measure([side], {}, place.device, 0, repeats)


@part
def shot(place: Place) -> Iterator[Row]:
    """The furball with its neighbours, on tensors: what the engine does between its files."""
    settings = preset("draft").changed(threads=0)
    truths = [furball(number) for number in range(1001, 1003 if place.smoke else 1009)]
    if place.smoke:
        truths = [truth.cut(80, 60, 48, 64) for truth in truths]
    truths = [truth.to(place.device) for truth in truths]
    states = []
    for truth in truths:
        solving = initial_state(truth.image, truth.clean, settings, linear=True)
        state, seconds = place.timed(finish, solving)
        states.append(state)
        yield {"frame": truth.name, "initial_s": seconds}
    for number in range(1, (2 if place.smoke else PASSES) + 1):
        before = list(states)

        for at in range(len(before)):
            states[at], seconds = place.timed(improved, at, before)
            yield {"frame": truths[at].name, "pass": number, "seconds": seconds}
    for truth, state in zip(truths, states, strict=True):
        yield {"frame": truth.name, "sad": round(truth.sad(solution_of(state)[0].alpha), 5)}


def improved(at: int, level: list[Any]) -> Any:
    """The state of frame ``at`` after one more pass."""
    near = range(max(0, at - REACH), min(len(level), at + REACH + 1))
    return refine_state(level[at], [(n - at, level[n]) for n in near if n != at])


@part
def schedule(place: Place) -> Iterator[Row]:
    """`paper` against the plain loop of the published schedule: a step of each, then all of it."""
    truth = pairs(place)[0].to(place.device)
    count = 4 if place.smoke else 200
    milliseconds = {}
    for name, repeat in (("loop", Eager()), ("paper", repeat_on(torch.device(place.device)))):
        trainer = trainer_of(truth, repeat)
        for step in range(4):  # kernels are chosen, a graph is recorded
            trainer.joint_step(step, count)

        def run(trainer: Any = trainer) -> None:
            for step in range(count):
                trainer.joint_step(step, count)

        _, seconds = place.timed(run)
        milliseconds[name] = round(1000 * seconds / count, 3)
        yield {"way": name, "steps": count, "step_ms": milliseconds[name]}
    settings = preset("paper")
    steps = settings.rounds * (
        settings.fit_steps + settings.joint_steps + settings.projection_steps
    )
    yield {
        "published_schedule_s": round(AUTHORS_STEPS * milliseconds["loop"] / 1000, 1),
        "paper_s": round(steps * milliseconds["paper"] / 1000, 1), "extrapolated": True,
    }  # fmt: skip
    if not place.smoke:
        settings = settings.changed(threads=0)
        made, seconds = place.timed(matte, truth, settings)
        yield {"way": "paper", "whole_s": seconds, "sad": round(truth.sad(made.alpha), 5)}


ALONE = """
import sys, time, torch
sys.path[:0] = sys.argv[1].split(":")
from parts import Place
from quality import matte
from pictures import Truth
from dmp_engine.machine.bench.measure import made_pair
from dmp_matting.presets import preset
place, side, count = Place(sys.argv[2], False), int(sys.argv[3]), int(sys.argv[4])
image, clean, alpha = made_pair(side, side, place.device)
truth = Truth("made", image, clean, alpha, linear=False)
settings = preset("draft").changed(threads=1)
made = matte(truth, settings)
place.wait()
print("ready", flush=True)
sys.stdin.readline()
start = time.perf_counter()
for _ in range(count):
    made = matte(truth, settings)
place.wait()
print(time.perf_counter() - start, float(made.alpha.double().sum()), flush=True)
"""


@part
def sharing(place: Place) -> Iterator[Row]:
    """Frames a minute of one process, and of two on the same device at the same time."""
    side, count = (48, 1) if place.smoke else (512, 6)
    folders = [ROOT / "plugin", ROOT / "engine", Path(__file__).parent]
    path = ":".join(str(folder) for folder in folders)
    sums = []
    for processes in (1, 2):
        started = [
            subprocess.Popen(
                [sys.executable, "-c", ALONE, path, place.device, str(side), str(count)],
                stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
            )
            for _ in range(processes)
        ]  # fmt: skip
        for child in started:
            if child.stdout is None or child.stdout.readline() != "ready\n":
                raise RuntimeError("a process of two did not come as far as its first frame")
        for child in started:
            assert child.stdin is not None
            child.stdin.write("go\n")
            child.stdin.flush()
        ends = [child.communicate()[0].split() for child in started]
        seconds = max(float(end[0]) for end in ends)
        sums += [float(end[1]) for end in ends]
        yield {
            "processes": processes, "size": f"{side}x{side}", "seconds": round(seconds, 3),
            "frames_a_minute": round(60 * processes * count / seconds, 2),
            "same_alpha": len(set(sums)) == 1,
        }  # fmt: skip


@part
def files(place: Place) -> Iterator[Row]:
    """Frames of the bundled shot from EXR to EXR, with the fit of the clean plate."""
    import OpenImageIO  # noqa: F401  what everything below needs

    from dmp_engine.pipeline.frame import matte_frame
    from dmp_engine.pipeline.shot_frame import LookCache
    from dmp_matting.frame_window import window_of
    from dmp_matting.job import Frame, Job, Plate, Role

    folder = PLATES / "furball"
    plates = {
        number: (
            Plate(str(folder / f"plate.{number}.exr"), Role.IMAGE),
            Plate(str(folder / "clean.exr"), Role.CLEAN),
        )
        for number in range(1001, 1002 if place.smoke else 1009)
    }
    settings = preset("draft").changed(device=place.device, threads=0)
    if place.smoke:
        settings = settings.changed(solve_size=64)
    job = Job(tuple(Frame(number, pair) for number, pair in plates.items()), settings)
    cache = LookCache()
    with tempfile.TemporaryDirectory() as out:
        for frame in job.frames:
            target = Path(out) / f"{frame.number}.exr"
            window = window_of(frame, job, settings)
            solving = matte_frame(frame, settings, target, window=window, look_cache=cache)
            layers, seconds = place.timed(finish, solving)
            yield {"frame": frame.number, "seconds": seconds, "stages_s": layers.seconds,
                   "device": layers.device, "bytes": os.path.getsize(target)}  # fmt: skip


@part
def profile(place: Place) -> Iterator[Row]:
    """Where the seconds of a `draft` frame go, by operation, and every wait for the device."""
    from torch.profiler import ProfilerActivity

    height, width = (48, 64) if place.smoke else (512, 512)
    image, clean, alpha = made_pair(height, width, place.device)
    truth, settings = Truth("made", image, clean, alpha, linear=False), preset("draft")
    if place.cuda:
        matte(truth, settings)  # warm
        torch.cuda.set_sync_debug_mode("warn")
        with warnings.catch_warnings(record=True) as waits:
            warnings.simplefilter("always")
            matte(truth, settings)
        torch.cuda.set_sync_debug_mode("default")
        lines = Counter(f"{Path(w.filename).name}:{w.lineno}" for w in waits)
        yield {"waits": len(waits), "by_line": dict(lines.most_common(20))}
    kinds = [ProfilerActivity.CPU] + [ProfilerActivity.CUDA] * place.cuda
    solving = solve(truth.image, truth.clean, settings)
    with torch.profiler.profile(activities=kinds) as seen:
        # A profiler takes minutes over the operations of a whole frame on a CPU.
        _, seconds = place.timed(next if place.smoke else finish, solving)
    own = "self_device_time_total" if place.cuda else "self_cpu_time_total"
    events = sorted(seen.key_averages(), key=lambda event: -getattr(event, own, 0))
    yield {"size": truth.image.shape[-2:], "seconds_while_profiled": seconds}
    for event in events[:25]:
        yield {
            "operation": event.key, "calls": event.count,
            "device_ms": round(getattr(event, "self_device_time_total", 0) / 1000, 3),
            "cpu_ms": round(event.self_cpu_time_total / 1000, 3),
        }  # fmt: skip
