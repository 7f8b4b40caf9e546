"""The places that solve, and which of them a job may have."""

from __future__ import annotations

import re
from dataclasses import dataclass

from dmp_matting.errors import DeviceError, SettingsError
from dmp_matting.settings import Settings


@dataclass(frozen=True)
class Device:
    """``cuda:N`` or ``cpu``; memory in bytes, ``threads`` that the CPU gives by itself.

    ``why_no_gpu``: of the CPU, where there is a GPU that cannot be used.
    """

    name: str
    label: str
    memory: int
    threads: int = 0
    why_no_gpu: str = ""


def suitable_devices(settings: Settings, devices: list[Device]) -> list[Device]:
    """The devices that a job's setting allows; SettingsError, DeviceError when there is none."""
    wanted = settings.device
    gpus = [device for device in devices if device.name != "cpu"]
    if wanted == "auto":
        return gpus or devices
    if not re.fullmatch(r"cpu|cuda(:\d+)?", wanted):
        raise SettingsError(f"Device is one of auto, cpu, cuda and cuda:N, not '{wanted}'.")
    found = gpus if wanted == "cuda" else [each for each in devices if each.name == wanted]
    if not found:
        names = ", ".join(device.name for device in devices)
        why = next((f" ({each.why_no_gpu})" for each in devices if each.why_no_gpu), "")
        raise DeviceError(
            f"There is no device {wanted}{why}; this engine has {names}: use --device cpu, "
            "or let `dmp doctor` say why."
        )
    return found
