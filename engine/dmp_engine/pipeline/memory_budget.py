"""What a plate needs of a device's memory, and the largest size that it can be solved at there.

The evidence and its linear system grow with the size at which a plate is solved
(Settings.solve_size); at the plate's own size there are only its layers. So a device
with little memory solves smaller, and upsampling recovers most of the loss.
"""

from __future__ import annotations

import gc
from dataclasses import dataclass

import torch

from dmp_matting.settings import Settings

from ..machine import memory
from ..machine.faults import Fault, fault_of


@dataclass(frozen=True)
class Cost:
    """Peak bytes: of a pixel that is solved, and of the plate's own; ``fixed``: of the process."""

    solved: int
    own: int
    recomposed: int  # the layers and maps of a recomposition, of the plate's own
    fixed: int = 256 << 20  # of torch, and a CUDA context


# Measured from 512x512 to 1024x1024 solved, and from 2048x1024 to 3840x2160 upsampled; the layers
# of a recomposition at 1920x1080.
ON_CPU = Cost(solved=4600, own=100, recomposed=250)
# Reserved on an H200 by hair all over: 1150 from 640x480 to 1920x1440 solved, 300 and 200 up to
# 3840x2880 upsampled (benchmarks/gpu, part `memory`). What takes more runs out of memory, and is
# solved smaller then.
ON_GPU = Cost(solved=1300, own=330, recomposed=230)
SHARE = 0.8  # of what is free; other programs need some
SMALLEST = 256  # pixels of the long side; below it mattes are useless
SHRINK = 0.7  # of the solve size, after an attempt that ran out


def bytes_needed(height: int, width: int, settings: Settings, device: str = "cpu") -> int:
    """The peak memory of one frame of that size on ``cpu`` or ``cuda:N``."""
    solved = _solved_side(height, width, settings) / max(height, width)
    cost = ON_CPU if device == "cpu" or settings.method == "paper" else ON_GPU
    own = cost.own + (cost.recomposed if _recomposes(settings) else 0)
    return int(cost.fixed + height * width * (own + cost.solved * min(1.0, solved) ** 2))


def free_memory(device: str) -> int | None:
    """Bytes that are free on ``cpu`` or ``cuda:N``; None where that is unknown."""
    if device != "cpu":
        return int(torch.cuda.mem_get_info(device)[0])
    return memory.free_memory()


def fitted_to_memory(
    settings: Settings, height: int, width: int, free: int | None, device: str = "cpu"
) -> Settings:
    """``settings``, with a smaller solve size where the plate would not fit into ``free`` bytes."""
    while free is not None and bytes_needed(height, width, settings, device) > SHARE * free:
        less = smaller(settings, height, width)
        if less is None:
            break  # try it all the same: the estimate may be too high
        settings = less
    return settings


def smaller(settings: Settings, height: int, width: int) -> Settings | None:
    """Settings that need less: without recompositions, then with the next smaller solve size.

    None where that is as small as it may be.
    """
    if _recomposes(settings):
        return settings.changed(recompositions=0)
    side = _solved_side(height, width, settings)
    if side <= SMALLEST:
        return None
    side = max(SMALLEST, round(side * SHRINK))
    return settings.changed(solve_size=side)


def ran_out(error: BaseException) -> bool:
    """Whether ``error`` means that memory ran out, on any device."""
    return fault_of(error) in (Fault.MEMORY, Fault.GPU_MEMORY)


def free_unused(device: str) -> None:
    """Give back what a failed attempt held."""
    gc.collect()
    if device != "cpu":
        torch.cuda.empty_cache()


def _recomposes(settings: Settings) -> bool:
    """Whether recompositions are solved: the paper's method has none, whatever the setting."""
    return settings.method == "model" and settings.recompositions > 0


def _solved_side(height: int, width: int, settings: Settings) -> int:
    longest = max(height, width)
    return min(longest, settings.solve_size) if settings.solve_size else longest
