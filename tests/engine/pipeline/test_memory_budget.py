"""Memory: what fits is left alone, what does not is solved smaller, and the estimate is honest."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest
import torch

from dmp_engine.machine.peak_memory import PeakMemory
from dmp_engine.pipeline.memory_budget import (
    SMALLEST,
    bytes_needed,
    fitted_to_memory,
    free_memory,
    ran_out,
    smaller,
)
from dmp_matting import preset

ROOT = Path(__file__).resolve().parents[3]
FINAL = preset("final")
UHD = (2160, 3840)


def test_what_fits_is_left_alone() -> None:
    assert fitted_to_memory(FINAL, *UHD, 64 << 30) == FINAL
    assert fitted_to_memory(FINAL, *UHD, None) == FINAL


@pytest.mark.parametrize("gigabytes", [16, 8, 6, 4, 2])
def test_a_smaller_device_solves_smaller(gigabytes: int) -> None:
    """A simulated budget: what is planned fits it, and no smaller than it must be."""
    free = gigabytes << 30
    planned = fitted_to_memory(FINAL, *UHD, free)
    assert bytes_needed(*UHD, planned) <= 0.8 * free
    before = planned.changed(solve_size=round(planned.solve_size / 0.7))
    assert planned == FINAL or bytes_needed(*UHD, before) > 0.8 * free


def test_there_is_an_end_to_shrinking() -> None:
    planned = fitted_to_memory(FINAL, *UHD, 1 << 20)
    assert planned.solve_size == SMALLEST and smaller(planned, *UHD) is None
    assert smaller(preset("paper"), 100, 200) is None


def test_a_plate_without_a_solve_size_gets_one() -> None:
    assert smaller(preset("paper"), 1000, 2000) == preset("paper").changed(solve_size=1400)


def test_recompositions_are_given_up_before_pixels() -> None:
    less = smaller(FINAL, *UHD)
    assert FINAL.recompositions > 0 and less == FINAL.changed(recompositions=0)
    assert bytes_needed(*UHD, less) < bytes_needed(*UHD, FINAL)


def test_the_papers_method_has_no_recompositions_to_give_up() -> None:
    plain, set_too = preset("paper"), preset("paper").changed(recompositions=2)
    assert smaller(set_too, *UHD) == smaller(plain, *UHD).changed(recompositions=2)
    assert bytes_needed(*UHD, set_too) == bytes_needed(*UHD, plain)


def test_which_errors_say_that_memory_ran_out() -> None:
    with pytest.raises(RuntimeError) as refused:
        torch.empty(1 << 55, dtype=torch.uint8)
    assert ran_out(refused.value)
    assert ran_out(MemoryError()) and ran_out(torch.cuda.OutOfMemoryError("CUDA out of memory"))
    assert not ran_out(RuntimeError("shapes do not match")) and not ran_out(ValueError("memory"))


def test_this_machine_has_free_memory() -> None:
    free = free_memory("cpu")
    assert free is None or 1 << 20 < free < 1 << 50


MEASURED = """
import sys, torch
from dmp_engine.dmp.solve.frame import solve
from dmp_engine.machine.peak_memory import PeakMemory
from dmp_matting import preset
height, width = map(int, sys.argv[1:])
torch.manual_seed(0)
torch.set_num_threads(1)
def cloudy(step):
    coarse = torch.rand(1, 3, height // step, width // step)
    return torch.nn.functional.interpolate(coarse, (height, width), mode="bicubic").clamp(0, 1)
y, x = torch.meshgrid(torch.linspace(-1, 1, height), torch.linspace(-1, 1, width), indexing="ij")
alpha = ((0.7 - (x * x + y * y).sqrt()) * 8).clamp(0, 1)[None, None]
clean = cloudy(8)
image = alpha * cloudy(16) + (1 - alpha) * clean
memory = PeakMemory()
before = memory.peak()
settings = preset("final").changed(rounds=1, joint_steps=1, solve_size=448, threads=1)
for step in solve(image, clean, settings, linear=True):
    pass
print(round((memory.peak() - before) * 1e6))
"""


def test_a_gpus_estimate_is_not_below_what_was_reserved_on_one() -> None:
    """The committed measurements of benchmarks/gpu."""
    parts = json.loads((ROOT / "benchmarks/results/gpu_nvidia_h200.json").read_text())["parts"]
    taken = []
    for row in parts["memory"]["rows"]:
        if row["what"] == "hair":
            settings = preset(row["preset"]).changed(solve_size=row["solve_size"])
            taken.append((row["height"], row["width"], settings, row["reserved_mb"]))
    for row in parts["frames"]["rows"]:
        width, height = map(int, row["size"].split("x"))
        taken.append((height, width, preset(row["preset"]), row["reserved_mb"]))
    assert len(taken) == 12
    for height, width, settings, megabytes in taken:
        estimate = bytes_needed(height, width, settings, "cuda:0") / 1e6
        assert megabytes < estimate < 3 * megabytes, (height, width, settings.preset)
    paper = preset("paper")
    assert bytes_needed(*UHD, paper, "cuda:0") == bytes_needed(*UHD, paper)


@pytest.mark.skipif(PeakMemory().peak() is None, reason="this system does not tell a peak")
@pytest.mark.parametrize(("height", "width"), [(448, 448), (1080, 1920)])
def test_the_estimate_is_not_below_what_is_taken(height: int, width: int) -> None:
    done = subprocess.run(
        [sys.executable, "-c", MEASURED, str(height), str(width)],
        capture_output=True,
        text=True,
        check=True,
        env={"PYTHONPATH": f"{ROOT / 'plugin'}:{ROOT / 'engine'}", "PATH": "/usr/bin"},
    )
    taken = int(done.stdout)
    estimate = bytes_needed(height, width, FINAL.changed(solve_size=448))
    assert 0.2 * estimate < taken < estimate
