"""Peak memory of a piece of work: resident memory of the process, or of the GPU it used.

Linux lets a process forget its peak (/proc/self/clear_refs, value 5). Elsewhere
the peak since the process began is all there is, and None is returned instead.
"""

from __future__ import annotations

from pathlib import Path

import torch

CLEAR, STATUS = Path("/proc/self/clear_refs"), Path("/proc/self/status")


class PeakMemory:
    """Counts from its making on."""

    def __init__(self) -> None:
        self._counts = _forget_peak()
        if torch.cuda.is_available():
            torch.cuda.reset_peak_memory_stats()

    def peak(self) -> float | None:
        """MB: on a GPU what torch allocated there, else resident memory, libraries included."""
        if torch.cuda.is_available() and torch.cuda.max_memory_allocated():
            return round(torch.cuda.max_memory_allocated() / 1e6, 1)
        if not self._counts:
            return None
        for line in STATUS.read_text().splitlines():
            if line.startswith("VmHWM:"):
                return round(int(line.split()[1]) * 1024 / 1e6, 1)
        return None


def _forget_peak() -> bool:
    try:
        CLEAR.write_text("5")
    except OSError:
        return False
    return STATUS.exists()
