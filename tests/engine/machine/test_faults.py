"""What torch raises for memory, a GPU and its driver, raised where torch raises it.

The texts are those of CUDA's `cudaGetErrorString` and of torch's `c10/cuda`; there is no GPU here.
"""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from dmp_engine.machine import device, doctor
from dmp_engine.machine.errors import as_dmp_error
from dmp_engine.machine.faults import Fault, fault_of
from dmp_engine.pipeline.frame import matte_frame
from dmp_engine.pipeline.memory_budget import ran_out
from dmp_matting.errors import DeviceError, SettingsError
from dmp_matting.generators import finish
from dmp_matting.job import Frame, Plate, Role
from dmp_matting.presets import preset

from ...processes import Processes
from ...scenes import blocks, write_image

ROOT = Path(__file__).resolve().parents[3]
LATER = (
    "\nCUDA kernel errors might be asynchronously reported at some other API call, so the "
    "stacktrace below might be incorrect.\nFor debugging consider passing CUDA_LAUNCH_BLOCKING=1\n"
)


def cuda(text: str) -> Callable[[], Exception]:
    return lambda: torch.AcceleratorError(f"CUDA error: {text}{LATER}")


RAISED: dict[str, tuple[Callable[[], Exception], Fault]] = {
    "allocator": (
        lambda: torch.cuda.OutOfMemoryError(
            "CUDA out of memory. Tried to allocate 2.00 GiB. GPU 0 has a total capacity of 7.79 GiB"
        ),
        Fault.GPU_MEMORY,
    ),
    "context": (cuda("out of memory"), Fault.GPU_MEMORY),
    "cudnn memory": (
        lambda: RuntimeError("cuDNN error: CUDNN_STATUS_ALLOC_FAILED"), Fault.GPU_MEMORY
    ),
    "cublas memory": (
        lambda: RuntimeError(
            "CUDA error: CUBLAS_STATUS_ALLOC_FAILED when calling `cublasCreate(handle)`"
        ),
        Fault.GPU_MEMORY,
    ),
    "windows memory": (
        lambda: RuntimeError(
            "[enforce fail at alloc_cpu.cpp:114] data. DefaultCPUAllocator: not enough memory: you "
            "tried to allocate 4398046511104 bytes."
        ),
        Fault.MEMORY,
    ),
    "busy": (cuda("CUDA-capable device(s) is/are busy or unavailable"), Fault.BUSY),
    "busy, older": (
        lambda: RuntimeError("CUDA error: all CUDA-capable devices are busy or unavailable"),
        Fault.BUSY,
    ),
    "no code": (cuda("no kernel image is available for execution on the device"), Fault.NO_CODE),
    "old driver": (
        lambda: RuntimeError(
            "The NVIDIA driver on your system is too old (found version 11040). Please update your "
            "GPU driver by downloading and installing a new version from the URL: "
            "http://www.nvidia.com/Download/index.aspx"
        ),
        Fault.OLD_DRIVER,
    ),
    "driver updated": (
        lambda: RuntimeError(
            "Unexpected error from cudaGetDeviceCount(). Did you run some cuda functions before "
            "calling NumCudaDevices() that might have already set an error? Error 803: system has "
            "unsupported display driver / cuda driver combination"
        ),
        Fault.OLD_DRIVER,
    ),
    "unknown": (
        lambda: RuntimeError(
            "CUDA unknown error - this may be due to an incorrectly set up environment, e.g. "
            "changing env variable CUDA_VISIBLE_DEVICES after program start. Setting the available "
            "devices to be zero."
        ),
        Fault.NO_START,
    ),
    "not ready": (
        lambda: RuntimeError(
            "Unexpected error from cudaGetDeviceCount(). Did you run some cuda functions before "
            "calling NumCudaDevices() that might have already set an error? Error 802: system not "
            "yet initialized"
        ),
        Fault.NO_START,
    ),
    "launch": (cuda("unspecified launch failure"), Fault.LOST),
    "address": (cuda("an illegal memory access was encountered"), Fault.LOST),
    "watchdog": (cuda("the launch timed out and was terminated"), Fault.LOST),
    "memory chip": (cuda("uncorrectable ECC error encountered"), Fault.LOST),
    "cudnn": (lambda: RuntimeError("cuDNN error: CUDNN_STATUS_EXECUTION_FAILED"), Fault.LOST),
    "no text": (lambda: torch.AcceleratorError("something new"), Fault.LOST),
}  # fmt: skip


@pytest.mark.parametrize("name", RAISED)
def test_each_fault_is_one_sentence_with_a_step_to_take(name: str) -> None:
    make, fault = RAISED[name]
    assert fault_of(make()) is fault
    error = as_dmp_error(make())
    assert type(error) is DeviceError
    sentence = str(error)
    assert sentence[0].isupper() and sentence.count(". ") == 0 and sentence.endswith(".")
    assert len(sentence) < 200 and "CUDA error" not in sentence and "asynch" not in sentence
    assert ("--device cpu" in sentence) is ("memory" not in str(fault.what)), sentence
    assert ran_out(make()) is (fault in (Fault.MEMORY, Fault.GPU_MEMORY))


def test_what_is_no_fault_of_the_machine() -> None:
    for error in (
        RuntimeError("The size of tensor a (3) must match the size of tensor b (4)"),
        RuntimeError("No CUDA GPUs are available"),
        SettingsError("CUDA error"),
        ValueError("out of memory"),
    ):
        assert fault_of(error) is None


def small_frame(folder: Path) -> Frame:
    clean = blocks(np.random.default_rng(1), 8, 12, 4)
    plates = []
    for role, picture in ((Role.IMAGE, clean[::-1].copy()), (Role.CLEAN, clean)):
        path = write_image(folder / f"{role.value}.exr", picture)
        plates.append(Plate(str(path), role))
    return Frame(1, tuple(plates))


# Where torch first meets the device: its free memory, a copy to it, a kernel of the solve, a copy
# back. With the kinds of error that are seen there.
BORDERS = [
    ("dmp_engine.pipeline.frame.free_memory", "busy"),
    ("dmp_engine.pipeline.frame.free_memory", "context"),
    ("dmp_engine.pipeline.pair.tensor_of", "busy"),
    ("dmp_engine.pipeline.pair.tensor_of", "old driver"),
    ("dmp_engine.pipeline.pair.tensor_of", "allocator"),
    ("dmp_engine.pipeline.pair.solve", "no code"),
    ("dmp_engine.pipeline.pair.solve", "launch"),
    ("dmp_engine.pipeline.pair.solve", "cudnn memory"),
    ("dmp_engine.pipeline.frame.array_of", "address"),
    ("dmp_engine.pipeline.frame.array_of", "allocator"),
]


@pytest.mark.parametrize(("border", "name"), BORDERS)
def test_a_frame_ends_with_the_sentence_and_leaves_no_file(
    border: str, name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    make, fault = RAISED[name]

    def refuses(*of_torch: Any, **how: Any) -> Any:
        raise make()

    monkeypatch.setattr(border, refuses)
    settings = preset("draft").changed(device="cpu", threads=1)
    with pytest.raises(Exception) as caught:
        finish(matte_frame(small_frame(tmp_path), settings, tmp_path / "o.exr"))
    error = as_dmp_error(caught.value)
    assert type(error) is DeviceError
    wanted = "Memory ran out on " if "memory" in fault.what else fault.what[1:]
    assert wanted in str(error)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["clean.exr", "image.exr"]


# --- at the start: the CPU solves, with the reason ------------------------------------------------


@pytest.fixture
def gpu(monkeypatch: pytest.MonkeyPatch) -> None:
    """A machine with two GPUs that torch has code for."""
    plant = {
        "is_available": lambda: True, "device_count": lambda: 2, "get_arch_list": lambda: [],
        "get_device_capability": lambda index: (8, 9),
        "get_device_name": lambda index: f"GeForce {index}",
        "mem_get_info": lambda index: (20 << 30, 24 << 30),
    }  # fmt: skip
    for name, value in plant.items():
        monkeypatch.setattr(torch.cuda, name, value)
    monkeypatch.setattr(torch.version, "cuda", "13.0")
    monkeypatch.delenv("CUDA_VISIBLE_DEVICES", raising=False)


@pytest.mark.parametrize("name", ["busy", "context", "launch", "not ready"])
@pytest.mark.parametrize("taken", [(0,), (0, 1)])
def test_auto_takes_the_first_gpu_that_answers_or_the_cpu(
    name: str, taken: tuple[int, ...], gpu: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    make, fault = RAISED[name]

    def free(index: int) -> tuple[int, int]:
        if index in taken:
            raise make()
        return 20 << 30, 24 << 30

    monkeypatch.setattr(torch.cuda, "mem_get_info", free)
    if taken == (0,):
        assert device.resolve("auto") == "cuda:1" and device.why_no_gpu() == ""
    else:
        assert device.resolve("auto") == "cpu"
        notice = device.cpu_notice(4, device.why_no_gpu())
        assert notice.startswith(f"{fault.what[:1].upper()}{fault.what[1:]}")
        assert notice.endswith(": solving on the CPU with 4 threads.")
    check = next(check for check in doctor.examine() if check.name == "CUDA")
    assert check.status == "warn" and fault.what in check.detail and "--device cpu" in check.fix


def test_cuda_that_does_not_start(gpu: None, monkeypatch: pytest.MonkeyPatch) -> None:
    """torch sees no GPU then, and names the reason only to who insists."""

    def fails(*given: Any) -> Any:
        raise RAISED["unknown"][0]()

    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    monkeypatch.setattr(torch.cuda, "init", fails)
    assert device.resolve("auto") == "cpu"
    assert device.why_no_gpu() == "the GPU does not start (CUDA unknown error)"
    with pytest.raises(DeviceError, match=re.escape("here (the GPU does not start (CUDA unknown")):
        device.resolve("cuda")
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    monkeypatch.setattr(torch.cuda, "get_device_capability", fails)
    assert device.usable_gpus() == [] and device.resolve("auto") == "cpu"
    assert "does not start" in device.why_no_gpu()


# --- the worker process ---------------------------------------------------------------------------

WORKER = """
import sys, torch
from dmp_engine.pipeline import frame
errors = iter(eval(sys.argv[1]))
def matte_frame(*given, **how):
    raise next(errors)
    yield
frame.matte_frame = matte_frame
from dmp_engine.processes.worker import main
main()
"""


def test_a_worker_ends_after_a_fault_of_its_gpu(tmp_path: Path, start_process: Processes) -> None:
    """Out of memory, it goes on; after a launch that failed nothing in its process can be used."""
    errors = (
        "[torch.cuda.OutOfMemoryError('CUDA out of memory'),"
        " torch.AcceleratorError('CUDA error: unspecified launch failure\\nmore'), None]"
    )
    frame = {"number": 1, "plates": []}
    command = {
        "do": "frame", "frame": frame, "window": [], "settings": preset("draft").to_json(),
        "output": "", "preview": "", "checkpoint": "", "names": {}, "shrink": 0,
    }  # fmt: skip
    roots = os.pathsep.join((str(ROOT / "plugin"), str(ROOT / "engine")))
    worker = start_process(
        [sys.executable, "-c", WORKER, errors],
        env={**os.environ, "PYTHONPATH": roots, "DMP_CACHE_DIR": str(tmp_path)},
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    worker.stdin.write('{"do": "try", "device": "cuda:0"}\n')
    for _ in range(2):
        worker.stdin.write(json.dumps(command) + "\n")
    worker.stdin.flush()
    events = [json.loads(line) for line in worker.stdout]
    log = worker.stderr.read()
    hello, tried, memory, lost = [event for event in events if event["event"] != "alive"]
    assert hello["event"] == "hello" and tried["event"] == "tried"
    assert (memory["event"], memory["ends"]) == ("error", False)
    assert memory["message"].startswith("The GPU ran out of memory; ")
    assert (lost["event"], lost["ends"]) == ("lost", True)
    assert lost["message"].startswith(
        "The GPU stopped while it solved (unspecified launch failure)"
    )
    assert worker.wait(60) == 4 and "AcceleratorError" in log
