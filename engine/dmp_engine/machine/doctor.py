"""`dmp doctor`: what the engine's machine has, what is wrong with it and how to fix it.

Every check stands alone: a missing library is a finding, never an end.
"""

from __future__ import annotations

import dataclasses
import os
import platform
import shutil
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path

from dmp_matting.errors import EngineError, engine_remedy
from dmp_matting.paths import cache_folder, make_cache_folder
from dmp_matting.version import __version__

from . import device

LOW_DISK = 2 * 2**30  # bytes: a shot of 4K layers and its checkpoints
SCARCE = 0.3  # of a GPU's memory: other programs hold the rest
NO_DISK = 100 * 2**20


@dataclass(frozen=True)
class Check:
    """One finding; ``status`` is ok, warn or fail, ``fix`` is what to do about the last two."""

    name: str
    status: str
    detail: str
    fix: str = ""

    def to_json(self) -> dict[str, str]:
        return dataclasses.asdict(self)


def examine() -> list[Check]:
    """All checks, in the order in which they should be fixed."""
    return [
        check()
        for check in (
            _python,
            _engine,
            _torch,
            _device,
            _processor,
            _threads,
            _openimageio,
            _ocio,
            _cache,
            _disk,
        )
    ]


def _python() -> Check:
    detail = f"{platform.python_version()} at {sys.executable}"
    if sys.version_info < (3, 11):  # noqa: UP036 - here is where that is found out
        return Check("Python", "fail", f"{detail}; the engine needs 3.11 or newer", _install())
    return Check("Python", "ok", detail)


def _engine() -> Check:
    return Check("DMP engine", "ok", f"{__version__} at {Path(__file__).parents[1]}")


def _torch() -> Check:
    try:
        import torch
    except (ImportError, OSError) as reason:  # OSError: a library of torch's that will not load
        return Check("torch", "fail", _short(reason), _install())
    return Check("torch", "ok", torch.__version__)


def _device() -> Check:
    try:
        import torch
    except (ImportError, OSError):
        return Check("CUDA", "fail", "torch is missing", _install())
    if not torch.cuda.is_available():
        return Check("CUDA", "warn", f"none, the CPU solves: {device.why_no_cuda()}", _for_gpu())
    found, taken = [], []
    for index in range(torch.cuda.device_count()):
        silent = device.why_silent(index)
        if silent:
            fix = (
                "Close the program that uses it, perhaps the engine (`dmp engine stop`), or "
                "restart the machine; --device cpu works now."
            )
            return Check("CUDA", "warn", f"cuda:{index}, no work at present: {silent}", fix)
        free, total = torch.cuda.mem_get_info(index)
        name = torch.cuda.get_device_name(index)
        found.append(f"cuda:{index} {name}, {free / 2**30:.1f} of {total / 2**30:.1f} GiB free")
        if free < total * SCARCE:
            taken.append(f"cuda:{index}")
    if not device.usable_gpus():
        detail = f"the CPU solves: {device.why_unusable(0)}"
        fix = (
            "Install a build for it with `dmp setup --install --torch cu126` (older GPUs), or use "
            "another GPU."
        )
        return Check("CUDA", "warn", detail, fix)
    if taken:
        fix = (
            f"Other programs hold most of the memory of {', '.join(taken)}: close them, or the "
            "engine that runs (`dmp engine stop`); large plates are solved smaller otherwise."
        )
        return Check("CUDA", "warn", "; ".join(found), fix)
    return Check("CUDA", "ok", "; ".join(found))


def _for_gpu() -> str:
    """What gives this machine a GPU that torch sees, as far as that can be known here."""
    import torch

    if torch.version.cuda is None:
        return (
            "Only needed for speed: with an NVIDIA GPU and its driver, run `dmp setup --install`, "
            "which takes a build with CUDA."
        )
    if "hides" in device.why_no_cuda():
        return "Unset CUDA_VISIBLE_DEVICES."
    return (
        "Only needed for speed: install NVIDIA's newest driver, or run `dmp setup --install`, "
        "which takes the build for the driver that is here."
    )


def _processor() -> Check:
    """Old x86 processors lack what torch is fast with; without SSE 4.2 numpy does not even load."""
    try:
        import torch
    except (ImportError, OSError):
        return Check("Processor", "warn", platform.machine(), _install())
    able = torch.backends.cpu.get_cpu_capability()
    if platform.machine() in ("x86_64", "AMD64") and able in ("DEFAULT", "NO AVX"):
        fix = (
            "Expect several times the usual seconds on the CPU; a GPU or a newer machine is faster."
        )
        return Check("Processor", "warn", f"{platform.machine()} without AVX2", fix)
    return Check("Processor", "ok", f"{platform.machine()}, {able}")


def _threads() -> Check:
    try:
        import torch
    except (ImportError, OSError):
        return Check("CPU threads", "warn", f"{os.cpu_count()} processors", _install())
    threads = torch.get_num_threads()
    detail = f"{threads} used, {os.cpu_count()} processors"
    if threads == 1 and (os.cpu_count() or 1) > 1:
        return Check("CPU threads", "warn", detail, "Unset OMP_NUM_THREADS, or pass --threads.")
    return Check("CPU threads", "ok", detail)


def _openimageio() -> Check:
    try:
        import OpenImageIO
    except (ImportError, OSError) as reason:
        return Check("OpenImageIO", "fail", _short(reason), _install())
    return Check("OpenImageIO", "ok", OpenImageIO.__version__)


def _ocio() -> Check:
    try:
        import OpenImageIO
    except (ImportError, OSError):
        return Check("OCIO", "fail", "OpenImageIO is missing", _install())
    named = os.environ.get("OCIO", "")
    origin = f"$OCIO {named}" if named else "built in"
    if named and not named.startswith("ocio://") and not Path(named).is_file():
        return Check("OCIO", "fail", f"{origin} does not exist", "Correct or unset $OCIO.")
    config = OpenImageIO.ColorConfig(named)
    wrong = config.geterror()
    spaces = config.getColorSpaceNames()
    if wrong or not spaces:
        return Check(
            "OCIO", "fail", f"{origin} does not load: {_short(wrong)}", "Correct or unset $OCIO."
        )
    linear = config.getColorSpaceNameByRole("scene_linear")
    if not linear:
        fix = "Give the configuration a scene_linear role, or unset $OCIO."
        return Check("OCIO", "warn", f"{origin}: no scene_linear role", fix)
    return Check("OCIO", "ok", f"{origin}, {len(spaces)} colour spaces, scene_linear is {linear}")


def _cache() -> Check:
    try:
        folder = make_cache_folder()
    except EngineError as reason:
        sentence, _, fix = str(reason).rstrip(".").partition("; ")
        return Check("Cache folder", "fail", sentence, f"{fix[:1].upper()}{fix[1:]}.")
    try:
        with tempfile.TemporaryFile(dir=folder):
            pass
    except OSError as reason:
        fix = "Make it writable, or set DMP_CACHE_DIR to a folder that is."
        return Check("Cache folder", "fail", f"{folder}: {reason.strerror or reason}", fix)
    return Check("Cache folder", "ok", str(folder))


def _disk() -> Check:
    try:
        place = cache_folder()
    except EngineError:
        return Check("Disk", "warn", "no cache folder", "Set DMP_CACHE_DIR.")
    while not place.exists():
        place = place.parent
    free = shutil.disk_usage(place).free
    detail = f"{free / 2**30:.1f} GiB free at {place}"
    if free < LOW_DISK:
        status = "fail" if free < NO_DISK else "warn"
        return Check("Disk", status, detail, "Make room, or set DMP_CACHE_DIR to another disk.")
    return Check("Disk", "ok", detail)


def _install() -> str:
    """The step that gives this user a whole engine, as a sentence."""
    remedy = engine_remedy()
    return f"{remedy[:1].upper()}{remedy[1:]}."


def _short(reason: object) -> str:
    """The first line of a foreign message."""
    return (str(reason).splitlines() or ["no reason given"])[0]
