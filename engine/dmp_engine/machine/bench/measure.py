"""Times on this machine, side by side in one run, of a made pair."""

from __future__ import annotations

import statistics
import time
from collections.abc import Iterator
from typing import Any

import torch
from torch import Tensor
from torch.nn import functional

from dmp_matting.generators import finish
from dmp_matting.settings import Settings

from ...dmp.model.encoding import Encoding
from ...dmp.paper.cuda_graphs import Eager, Repeat, repeat_on
from ...dmp.paper.losses import Problem, Trainer
from ...dmp.solve.frame import solve
from ..peak_memory import PeakMemory
from .traffic import bytes_of, copy_bandwidth, wait_for

WARM = 4  # steps before the clock, the recording of a graph among them
HAIRS = 40
PAPER = Settings()  # its defaults are the paper's
AUTHORS_STEPS = 7020  # of the released code: 10 + 2,000 + 10 + 4,000 + 1,000


def made_pair(height: int, width: int, device: str = "cpu") -> tuple[Tensor, Tensor, Tensor]:
    """(image, clean, alpha): a hairy disc over a cloudy clean plate, (1, C, H, W) in [0, 1]."""
    generator = torch.Generator().manual_seed(7)

    def cloudy(cells: int) -> Tensor:
        coarse = torch.rand(1, 3, cells, max(2, cells * width // height), generator=generator)
        grown = functional.interpolate(coarse, (height, width), mode="bicubic")
        return grown.clamp(0, 1)

    y, x = torch.meshgrid(
        torch.linspace(-1, 1, height),
        torch.linspace(-width / height, width / height, width),
        indexing="ij",
    )
    radius, angle = (x * x + y * y).sqrt(), torch.atan2(y, x)
    reach = 0.55 + 0.18 * (0.5 + 0.5 * torch.sin(HAIRS * angle)).pow(3)
    alpha = ((reach - radius) * 12).clamp(0, 1)[None, None]
    clean = cloudy(24)
    image = alpha * (0.5 * cloudy(8) + 0.1) + (1 - alpha) * clean
    return tuple(plate.to(device) for plate in (image, clean, alpha))  # type: ignore[return-value]


def measure(
    sides: list[int], presets: dict[str, Settings], device: str, threads: int, repeats: int
) -> Iterator[dict[str, Any]]:
    """A line a size: a step of the paper's networks, and the whole matte of each preset.

    ``authors`` is the step as the authors' code makes it, in an eager loop; ``recorded``, on a
    GPU, the same as a CUDA graph.
    """
    bandwidth = copy_bandwidth(device)
    for side in sides:
        pair = made_pair(side, side, device)
        authors = _step(pair, repeats, device, Eager())
        row: dict[str, Any] = {
            "size": side,
            "copy_gb_s": round(bandwidth / 1e9, 2),
            "authors": {
                **_times(authors, bandwidth),
                "whole_schedule_s": round(AUTHORS_STEPS * statistics.median(authors[0]), 1),
            },
        }
        if device != "cpu":
            graphs = repeat_on(torch.device(device))
            row["recorded"] = _times(_step(pair, repeats, device, graphs), bandwidth)
        for name, settings in presets.items():
            settings = settings.changed(threads=threads, align="off", illumination="off")
            row[name] = _whole(pair, settings, device)
        yield row


def _step(
    pair: tuple[Tensor, Tensor, Tensor], repeats: int, device: str, repeat: Repeat
) -> tuple[list[float], int]:
    """Seconds of joint steps of the paper's networks, and the bytes of one."""
    image, clean, alpha = pair
    trimap = torch.where((alpha > 0) & (alpha < 1), 0.5, alpha)
    problem = Problem(image, clean, trimap, Encoding.of_pair(image, clean, False))
    trainer = Trainer(problem, PAPER, torch.Generator().manual_seed(0), repeat)
    steps = repeats + WARM
    moved = bytes_of(lambda: trainer.joint_step(0, steps))
    seconds = []
    for number in range(steps):
        wait_for(device)
        start = time.perf_counter()
        trainer.joint_step(number, steps)
        wait_for(device)
        if number >= WARM:
            seconds.append(time.perf_counter() - start)
    return seconds, moved


def _times(step: tuple[list[float], int], bandwidth: float) -> dict[str, Any]:
    seconds, moved = step
    median, floor = statistics.median(seconds), moved / bandwidth
    return {
        "step_ms": round(1000 * median, 2),
        "step_ms_all": [round(1000 * each, 2) for each in seconds],
        "floor_ms": round(1000 * floor, 2),
        "times_floor": round(median / floor, 2),
        "bytes_a_step": moved,
    }


def _whole(pair: tuple[Tensor, Tensor, Tensor], settings: Settings, device: str) -> dict[str, Any]:
    """Seconds of a whole matte, warm, and its peak memory; and that it is one."""
    image, clean, truth = pair
    memory = PeakMemory()
    wait_for(device)
    start, used = time.perf_counter(), time.process_time()
    alpha = finish(solve(image, clean, settings)).alpha
    wait_for(device)
    return {
        "whole_s": round(time.perf_counter() - start, 2),
        "whole_cpu_s": round(time.process_time() - used, 2),
        "peak_mb": memory.peak(),
        "sad": round(float((alpha - truth).abs().sum()) / 1000, 4),
    }
