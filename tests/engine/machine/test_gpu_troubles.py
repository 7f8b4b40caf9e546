"""GPUs that torch cannot use, drivers that are too old, memory that others hold: named, CPU used.

torch is the real one; what it reports of the machine is planted, for there is no GPU in CI.
"""

from __future__ import annotations

import re
from typing import Any

import pytest
import torch

from dmp_engine.machine import device, doctor
from dmp_engine.machine.errors import as_dmp_error
from dmp_matting.errors import DeviceError

GIB = 2**30


@pytest.fixture
def gpu(monkeypatch: pytest.MonkeyPatch) -> dict[str, Any]:
    """A machine with one GPU; a test changes the dictionary."""
    found: dict[str, Any] = {
        "available": True, "capability": (8, 9), "built": ["sm_75", "sm_80", "sm_90"],
        "free": 20 * GIB, "driver": 13000,
    }  # fmt: skip
    plant = {
        "is_available": lambda: found["available"], "device_count": lambda: 1,
        "get_device_capability": lambda index: found["capability"],
        "get_arch_list": lambda: found["built"], "get_device_name": lambda index: "GeForce X",
        "mem_get_info": lambda index: (found["free"], 24 * GIB),
    }  # fmt: skip
    for name, value in plant.items():
        monkeypatch.setattr(torch.cuda, name, value)
    monkeypatch.setattr(torch.version, "cuda", "13.0")

    def init() -> None:
        """As torch._C._cuda_init; the version of a driver that is too old is in its text alone."""
        if not found["driver"]:
            raise RuntimeError("Found no NVIDIA driver on your system. Please check that you have")
        if found["driver"] < 13000:
            raise RuntimeError(
                "The NVIDIA driver on your system is too old (found version "
                f"{found['driver']}). Please update your GPU driver by downloading and installing"
            )

    monkeypatch.setattr(torch.cuda, "init", init)
    monkeypatch.delenv("CUDA_VISIBLE_DEVICES", raising=False)
    return found


def cuda_check() -> doctor.Check:
    return next(check for check in doctor.examine() if check.name == "CUDA")


def test_a_sound_gpu(gpu: dict[str, Any]) -> None:
    assert device.resolve("auto") == "cuda:0" and device.why_no_gpu() == ""
    assert (cuda_check().status, cuda_check().fix) == ("ok", "")


@pytest.mark.parametrize(
    ("capability", "built", "usable"),
    [
        ((7, 5), ["sm_75", "sm_80"], True),
        ((8, 9), ["sm_75", "sm_80"], True),  # code for 8.0 runs on all of generation 8
        ((12, 0), ["sm_80", "sm_90", "compute_90"], True),  # translated by the driver
        ((12, 0), ["sm_80", "sm_90a"], False),
        ((6, 1), ["sm_75", "sm_80"], False),
        ((7, 0), ["sm_75", "sm_80"], False),
        ((6, 1), [], True),  # a build that does not list them
    ],
)
def test_which_gpus_a_build_has_code_for(
    capability: tuple[int, int], built: list[str], usable: bool, gpu: dict[str, Any]
) -> None:
    gpu.update(capability=capability, built=built)
    assert (device.usable_gpus() == [0]) is usable
    assert device.resolve("auto") == ("cuda:0" if usable else "cpu")


def test_an_old_gpu_is_named_and_the_cpu_solves(gpu: dict[str, Any]) -> None:
    gpu["capability"] = (5, 2)
    why = f"GeForce X (generation 5.2) is not one that torch {torch.__version__} runs on"
    assert device.why_no_gpu() == why
    assert device.cpu_notice(4, device.why_no_gpu()) == f"{why}: solving on the CPU with 4 threads."
    with pytest.raises(DeviceError, match=re.escape(f"{why}; use --device cpu.")):
        device.resolve("cuda")
    check = cuda_check()
    assert (check.status, check.detail) == ("warn", f"the CPU solves: {why}")
    assert "`dmp setup --install --torch cu126`" in check.fix


def test_a_driver_that_is_too_old(gpu: dict[str, Any]) -> None:
    gpu.update(available=False, driver=12040)
    why = f"the NVIDIA driver runs CUDA 12.4 and torch {torch.__version__} needs 13.0"
    assert device.why_no_gpu() == device.why_no_cuda() == why
    assert device.cpu_notice(1, why).startswith("The NVIDIA driver runs CUDA 12.4")
    assert cuda_check().detail == f"none, the CPU solves: {why}"
    assert "`dmp setup --install`" in cuda_check().fix
    gpu["driver"] = 0
    assert device.why_no_gpu() == "", "there is no GPU to speak of"


def test_memory_that_others_hold(gpu: dict[str, Any]) -> None:
    gpu["free"] = 2 * GIB
    check = cuda_check()
    assert check.status == "warn" and "2.0 of 24.0 GiB free" in check.detail
    assert check.fix.startswith("Other programs hold most of the memory of cuda:0: close them")


def test_gpus_that_a_variable_hides(gpu: dict[str, Any], monkeypatch: pytest.MonkeyPatch) -> None:
    gpu["available"] = False
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "")
    assert cuda_check().fix == "Unset CUDA_VISIBLE_DEVICES."


def test_a_processor_without_avx(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(doctor.platform, "machine", lambda: "x86_64")
    monkeypatch.setattr(torch.backends.cpu, "get_cpu_capability", lambda: "DEFAULT")
    check = next(check for check in doctor.examine() if check.name == "Processor")
    assert (check.status, check.detail) == ("warn", "x86_64 without AVX2") and check.fix


def test_the_error_of_a_gpu_without_code_becomes_a_sentence() -> None:
    raised = RuntimeError("CUDA error: no kernel image is available for execution on the device")
    error = as_dmp_error(raised)
    assert isinstance(error, DeviceError) and "use --device cpu" in str(error)
