"""Which device solves: ``auto``, ``cpu``, ``cuda`` or ``cuda:N`` to what torch really has."""

from __future__ import annotations

import os
import re

from dmp_matting.errors import DeviceError, SettingsError

from .faults import Fault, fault_of


def resolve(name: str) -> str:
    """``cpu`` or ``cuda:N`` for a setting's device name; ``auto``: the first GPU that takes work.

    Raises SettingsError for a name of no known form, DeviceError for a GPU that is not there.
    """
    import torch

    if name == "cpu":
        return "cpu"
    count = torch.cuda.device_count() if torch.cuda.is_available() else 0
    if name == "auto":
        answering = (index for index in usable_gpus() if not why_silent(index))
        return next((f"cuda:{index}" for index in answering), "cpu")
    wanted = re.fullmatch(r"cuda(?::(\d+))?", name)
    if wanted is None:
        raise SettingsError(f"Device is one of auto, cpu, cuda and cuda:N, not '{name}'.")
    index = int(wanted[1] or 0)
    if not count:
        raise DeviceError(f"There is no CUDA GPU here ({why_no_cuda()}); use --device cpu.")
    if index >= count:
        last = f"cuda:0 to cuda:{count - 1}" if count > 1 else "cuda:0 only"
        raise DeviceError(f"There is no device {name}; this machine has {last}.")
    if why_unusable(index):
        raise DeviceError(f"{why_unusable(index)}; use --device cpu.")
    return f"cuda:{index}"


def usable_gpus() -> list[int]:
    """The indices of the GPUs that this torch has code for."""
    import torch

    count = torch.cuda.device_count() if torch.cuda.is_available() else 0
    return [index for index in range(count) if not why_unusable(index)]


def why_unusable(index: int) -> str:
    """Why this torch cannot run on a GPU that it sees, as the start of a sentence; "" if it can.

    A build has code for some generations: others end with "no kernel image is available".
    """
    import torch

    built = [
        re.fullmatch(r"(sm|compute)_(\d+)(\d)[a-z]?", arch) for arch in torch.cuda.get_arch_list()
    ]
    try:
        own = torch.cuda.get_device_capability(index)
    except RuntimeError as error:  # CUDA does not start
        return _words(error)
    for arch in filter(None, built):
        made_for = (int(arch[2]), int(arch[3]))
        same_generation = made_for[0] == own[0] and made_for <= own
        if same_generation or (arch[1] == "compute" and made_for <= own):
            return ""
    if not any(built):
        return ""  # a build that does not list them
    name = torch.cuda.get_device_name(index)
    return (
        f"{name} (generation {own[0]}.{own[1]}) is not one that torch {torch.__version__} runs on"
    )


def why_silent(index: int) -> str:
    """Why a GPU does not take work at present, as the start of a sentence; "" if it does.

    Makes a context on it, which takes a part of its memory: only for a GPU that is to solve.
    """
    import torch

    try:
        torch.cuda.mem_get_info(index)
    except (RuntimeError, AssertionError) as error:  # held by another program, full, broken
        return _words(error)
    return ""


def why_no_gpu() -> str:
    """Why no GPU solves, as the start of a sentence; "" where torch sees none, or one solves."""
    import torch

    if not torch.cuda.is_available():
        return why_no_cuda() if _why_no_start() else ""
    usable = usable_gpus()
    if not usable:
        return why_unusable(0)
    silent = (why_silent(index) for index in usable)
    return "" if (first := next(silent)) == "" or "" in silent else first


def _words(error: BaseException) -> str:
    """The start of a sentence about what a GPU has refused."""
    return (fault_of(error) or Fault.NO_START).words(error)


def _why_no_start() -> str:
    """Why CUDA does not start, as the start of a sentence; "" where there is nothing to start."""
    import torch

    try:
        torch.cuda.init()  # type: ignore[no-untyped-call]
    except (RuntimeError, AssertionError) as error:
        old = re.search(r"too old \(found version (\d+)\)", str(error))
        if old is not None:
            driver = f"{int(old[1]) // 1000}.{int(old[1]) % 1000 // 10}"
            return (
                f"the NVIDIA driver runs CUDA {driver} and torch {torch.__version__} needs "
                f"{torch.version.cuda}"
            )
        return _words(error) if fault_of(error) else ""  # no driver, no GPU: not a fault
    return ""


def why_no_cuda() -> str:
    """Why torch sees no GPU, in a few words; only for when it sees none."""
    import torch

    if torch.version.cuda is None:
        return f"torch {torch.__version__} is a build without CUDA"
    visible = os.environ.get("CUDA_VISIBLE_DEVICES")
    if visible is not None and visible.strip() in ("", "-1"):
        return "CUDA_VISIBLE_DEVICES hides all GPUs"
    return _why_no_start() or "no NVIDIA GPU or driver found"


def cpu_notice(threads: int, why: str = "") -> str:
    """The notice for an artist whose device is `auto` when it is the CPU; ``why``: `why_no_gpu`."""
    plural = "" if threads == 1 else "s"
    reason = f"{why[:1].upper()}{why[1:]}" if why else "No CUDA GPU found"
    return f"{reason}: solving on the CPU with {threads} thread{plural}."


def cpu_threads(wanted: int) -> int:
    """The threads torch will use on the CPU; ``wanted`` 0 is torch's own choice."""
    import torch

    return wanted or torch.get_num_threads()


def use_threads(wanted: int, device: str) -> None:
    """Let torch use ``wanted`` threads on the CPU; 0 leaves its choice, and so does a GPU."""
    import torch

    if device == "cpu" and wanted:
        torch.set_num_threads(wanted)
