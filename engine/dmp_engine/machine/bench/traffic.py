"""The memory floor of a step: bytes that must move, over how fast the device moves bytes.

A step of two tiny networks is bound by memory, not by arithmetic. What must move are
the inputs and outputs of the convolutions, forward and backward: normalisation,
activation, padding and upsampling between them can be part of a convolution's own
reading and writing, in principle. So the floor is an ideal that no engine reaches, and
the same for every way to run a step.
"""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor
from torch.utils._python_dispatch import TorchDispatchMode

CONVOLUTIONS = ("aten.convolution", "aten.convolution_backward")
COPIED = 256 << 20  # bytes; far beyond every cache
COPIES = 5


class _Counted(TorchDispatchMode):
    """Adds up the bytes of what the convolutions read and write."""

    def __init__(self) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self.bytes: int = 0

    def __torch_dispatch__(
        self, func: Any, types: Any, args: tuple[Any, ...] = (), kwargs: Any = None
    ) -> Any:
        result = func(*args, **(kwargs or {}))
        if str(func).startswith(CONVOLUTIONS):
            self.bytes += sum(x.nbytes for x in _tensors((args, result)))
        return result


def bytes_of(step: Callable[[], Any]) -> int:
    """Bytes that one call of ``step`` must move."""
    counted = _Counted()
    with counted:
        step()
    return counted.bytes


def copy_bandwidth(device: str) -> float:
    """Bytes a second, read and written, of the device's own copy; the median of a few."""
    source = torch.ones(COPIED, dtype=torch.uint8, device=device)
    target = torch.empty_like(source)
    target.copy_(source)
    seconds = []
    for _ in range(COPIES):
        wait_for(device)
        start = time.perf_counter()
        target.copy_(source)
        wait_for(device)
        seconds.append(time.perf_counter() - start)
    return 2 * COPIED / statistics.median(seconds)


def wait_for(device: str) -> None:
    """Until the device has done all that it was given."""
    if device != "cpu":
        torch.cuda.synchronize(device)


def _tensors(values: Any) -> list[Tensor]:
    if isinstance(values, Tensor):
        return [values]
    if isinstance(values, (tuple, list)):
        return [found for value in values for found in _tensors(value)]
    return []
