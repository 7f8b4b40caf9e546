"""Which device solves: ``auto``, ``cpu``, ``cuda`` or ``cuda:N`` to what torch really has."""

from __future__ import annotations

import os
import re

from dmp_matting.errors import DeviceError, SettingsError


def resolve(name: str) -> str:
    """``cpu`` or ``cuda:N`` for a setting's device name; ``auto`` prefers the first CUDA GPU.

    Raises SettingsError for a name of no known form, DeviceError for a GPU that is not there.
    """
    import torch

    if name == "cpu":
        return "cpu"
    count = torch.cuda.device_count() if torch.cuda.is_available() else 0
    if name == "auto":
        return "cuda:0" if count else "cpu"
    wanted = re.fullmatch(r"cuda(?::(\d+))?", name)
    if wanted is None:
        raise SettingsError(f"Device is one of auto, cpu, cuda and cuda:N, not '{name}'.")
    index = int(wanted[1] or 0)
    if not count:
        raise DeviceError(f"There is no CUDA GPU here ({why_no_cuda()}); use --device cpu.")
    if index >= count:
        last = f"cuda:0 to cuda:{count - 1}" if count > 1 else "cuda:0 only"
        raise DeviceError(f"There is no device {name}; this machine has {last}.")
    return f"cuda:{index}"


def why_no_cuda() -> str:
    """Why torch sees no GPU, in a few words; only for when it sees none."""
    import torch

    if torch.version.cuda is None:
        return f"torch {torch.__version__} is a build without CUDA"
    visible = os.environ.get("CUDA_VISIBLE_DEVICES")
    if visible is not None and visible.strip() in ("", "-1"):
        return "CUDA_VISIBLE_DEVICES hides all GPUs"
    return "no NVIDIA GPU or driver found"


def cpu_notice(threads: int) -> str:
    """The notice for an artist whose device is `auto` when it is the CPU."""
    plural = "" if threads == 1 else "s"
    return f"No CUDA GPU found: solving on the CPU with {threads} thread{plural}."


def cpu_threads(wanted: int) -> int:
    """The threads torch will use on the CPU; ``wanted`` 0 is torch's own choice."""
    import torch

    return wanted or torch.get_num_threads()


def use_threads(wanted: int, device: str) -> None:
    """Let torch use ``wanted`` threads on the CPU; 0 leaves its choice, and so does a GPU."""
    import torch

    if device == "cpu" and wanted:
        torch.set_num_threads(wanted)
