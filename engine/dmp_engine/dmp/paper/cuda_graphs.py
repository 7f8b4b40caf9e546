"""A step that is made hundreds of times: as it is, or recorded once and replayed as a CUDA graph.

A graph plays the same kernels on the same addresses again, and the CPU no longer launches each of
the thousand. So what changes from step to step (learning rates, the noise on the inputs) has to be
in tensors that are written before; ``steady`` requires that. tests/.../test_cuda_graphs.py plays
a recorded step on the CPU in the same way.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol

import torch
from torch import Tensor

WARM = 3  # steps before the recording, in which kernels are chosen and the optimiser is filled


class Repeat(Protocol):
    """Does the work ``name``; the loss it returns may be overwritten by the next call."""

    steady: bool

    def __call__(self, name: str, work: Callable[[], Tensor]) -> Tensor: ...


class Eager:
    """As it is."""

    steady = False

    def __call__(self, name: str, work: Callable[[], Tensor]) -> Tensor:
        return work()


class Graphs:
    """One CUDA graph for each kind of step; without graphs where recording one fails."""

    steady = True

    def __init__(self, device: torch.device) -> None:
        self._device = device
        # Autograd remembers the stream of a weight's first use: never the default one.
        self._stream = torch.cuda.Stream(device)  # type: ignore[no-untyped-call]
        self._made: dict[str, int] = {}
        self._recorded: dict[str, tuple[torch.cuda.CUDAGraph, Tensor]] = {}
        self._refused = False

    def __call__(self, name: str, work: Callable[[], Tensor]) -> Tensor:
        if name in self._recorded:
            graph, loss = self._recorded[name]
            graph.replay()
            return loss
        made = self._made.get(name, 0)
        self._made[name] = made + 1
        if self._refused or made < WARM:
            return self._beside(work)
        graph = torch.cuda.CUDAGraph()
        try:
            with torch.cuda.graph(graph, stream=self._stream):
                loss = work()
        except torch.cuda.OutOfMemoryError:
            raise
        except RuntimeError:
            self._refused = True  # slower, and the same matte
            return self._beside(work)
        self._recorded[name] = graph, loss
        graph.replay()  # recording does nothing yet
        return loss

    def _beside(self, work: Callable[[], Tensor]) -> Tensor:
        current = torch.cuda.current_stream(self._device)
        self._stream.wait_stream(current)
        with torch.cuda.stream(self._stream):
            loss = work()
        current.wait_stream(self._stream)
        return loss


def repeat_on(device: torch.device) -> Repeat:
    """Graphs on a CUDA GPU, else the step as it is."""
    return Graphs(device) if device.type == "cuda" else Eager()
