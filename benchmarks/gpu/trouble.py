"""What goes wrong: memory that runs out, a device that is lost, a job that is cancelled."""

from __future__ import annotations

import gc
import json
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from typing import Any

import torch
from parts import Place, Row, part
from pictures import furball
from quality import matte, pairs

from dmp_engine.dmp.solve.frame import solve
from dmp_engine.machine.bench.measure import made_pair
from dmp_engine.machine.errors import as_dmp_error
from dmp_engine.machine.faults import fault_of
from dmp_engine.pipeline.memory_budget import (
    bytes_needed,
    fitted_to_memory,
    free_memory,
    free_unused,
    ran_out,
    smaller,
)
from dmp_matting.generators import finish
from dmp_matting.presets import preset

TOO_MUCH = 1 << 55  # bytes, of any device
LITTLE = 0.9e9  # bytes that a solve of 1080p at its own size does not fit into


def reported(work: Callable[[], Any]) -> Row:
    """What ``work`` raises, and what an artist reads of it."""
    try:
        work()
    except Exception as error:
        fault = fault_of(error)
        return {
            "raised": type(error).__name__, "text": str(error)[:400],
            "fault": None if fault is None else fault.name, "sentence": str(as_dmp_error(error)),
        }  # fmt: skip
    return {"raised": None}


@part
def memory(place: Place) -> Iterator[Row]:
    """The estimate beside what is taken; a solve that runs out, and the retry that does not."""
    yield {"what": "too much", **reported(lambda: torch.empty(TOO_MUCH, device=place.device))}
    height, width = (300, 400) if place.smoke else (1080, 1920)
    settings = preset("draft").changed(threads=0, solve_size=0 if place.smoke else 1920)
    free = free_memory(place.device)
    yield {
        "what": "estimate", "free_mb": None if free is None else round(free / 1e6),
        "needed_mb": round(bytes_needed(height, width, settings, place.device) / 1e6),
        "with_1_gb_free": fitted_to_memory(
            settings, height, width, 1 << 30, place.device
        ).solve_size,
    }  # fmt: skip
    yield from _hair(place)
    image, clean, _ = made_pair(height, width, place.device)
    memory_taken = place.peak_memory()
    limit = 0.0
    if place.cuda:
        total = torch.cuda.get_device_properties(place.device).total_memory
        limit = LITTLE / total
        torch.cuda.set_per_process_memory_fraction(limit, place.device)
    tried: list[Row] = []
    while True:
        try:
            if not place.cuda and not tried:  # a CPU has no such limit that can be taken back
                torch.empty(TOO_MUCH)
            made, seconds = place.timed(finish, solve(image, clean, settings))
            break
        except (RuntimeError, MemoryError) as error:
            tried.append({"solve_size": settings.solve_size, "raised": type(error).__name__})
            less = smaller(settings, height, width) if ran_out(error) else None
            if less is None:
                yield {"what": "retry", "tried": tried}
                raise
            settings = less
        free_unused(place.device)
    if place.cuda:
        torch.cuda.set_per_process_memory_fraction(1.0, place.device)
    yield {
        "what": "retry", "limit": limit, "tried": tried, "solved_at": settings.solve_size,
        "seconds": seconds, "finite": bool(made.alpha.isfinite().all()), **place.peak(memory_taken),
    }  # fmt: skip


def _hair(place: Place) -> Iterator[Row]:
    """What hair all over the plate takes: the furball, repeated."""
    one = furball().to(place.device)
    for repeats, own_size in ((1, True),) if place.smoke else ((3, True), (6, True), (12, False)):
        image, clean = (x.repeat(1, 1, repeats, repeats) for x in (one.image, one.clean))
        height, width = image.shape[-2:]
        for name in ("draft",) if place.smoke else ("draft", "final"):
            settings = preset(name).changed(threads=0)
            if own_size:
                settings = settings.changed(solve_size=64 if place.smoke else width)
            taken = place.peak_memory()
            finish(solve(image, clean, settings, linear=True))
            place.wait()
            yield {
                "what": "hair", "height": height, "width": width, "preset": name,
                "solve_size": settings.solve_size, **place.peak(taken),
                "needed_mb": round(bytes_needed(height, width, settings, place.device) / 1e6),
            }  # fmt: skip


ASSERTION = """
import json, sys, torch
x = torch.zeros(4, device=sys.argv[1])
x[torch.full((4,), 1 << 20, device=sys.argv[1])] = 1  # no such element
sys.path[:0] = sys.argv[2:]
from trouble import reported
first = reported(torch.cuda.synchronize)
print(json.dumps([first, reported(lambda: torch.ones(1, device=sys.argv[1]))]))
"""


@part
def faults(place: Place) -> Iterator[Row]:
    """A device that is lost to its process: a kernel's own assertion, in a process of its own."""
    if not place.cuda:
        text = "CUDA error: device-side assert triggered"
        yield {"what": "planted", **reported(lambda: _raise(torch.AcceleratorError(text)))}
        return
    done = subprocess.run(
        [sys.executable, "-c", ASSERTION, place.device, *sys.path[:3]],
        capture_output=True, text=True,
    )  # fmt: skip
    yield {"what": "a kernel's assertion, and the next call", "code": done.returncode,
           "found": json.loads(done.stdout or "null"), "errors": done.stderr[-500:]}  # fmt: skip
    alive = torch.ones(1, device=place.device).sum().item()
    yield {"what": "another process goes on", "value": alive}


def _raise(error: Exception) -> None:
    raise error


@part
def cancel(place: Place) -> Iterator[Row]:
    """A solve that is closed in its middle: how soon it ends, what it still holds."""
    truth = pairs(place)[0].to(place.device)
    settings = preset("draft").changed(threads=0)
    matte(truth, settings)  # what CUDA's libraries take for themselves they keep
    place.wait()
    before = torch.cuda.memory_allocated(place.device) if place.cuda else 0
    for after in (1, 3):
        solving = solve(truth.image, truth.clean, settings, linear=truth.linear)
        for _ in range(after):
            next(solving)
        start = time.perf_counter()
        solving.close()
        place.wait()
        ended = time.perf_counter() - start
        gc.collect()
        held = torch.cuda.memory_allocated(place.device) - before if place.cuda else 0
        yield {"after_steps": after, "ended_s": round(ended, 4), "held_bytes": held}
    made, seconds = place.timed(matte, truth, settings)
    yield {"next_solve_s": seconds, "sad": round(truth.sad(made.alpha), 5)}
