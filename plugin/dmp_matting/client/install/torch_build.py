"""Which build of torch this machine wants, and where it comes from. Standard library only.

A plain package index has one build for each system: with CUDA for Linux, without for Windows and
macOS. Other builds lie on an index of their own: uv knows it by the build's name
(``--torch-backend``); pip is led there by ``$DMP_TORCH_INDEX``, a facility's mirror, in which
``{build}`` stands for the name.
"""

from __future__ import annotations

import os
import re
from dataclasses import dataclass
from pathlib import Path
from typing import Optional, Tuple

from ...errors import InputError
from ..requirements import TORCH
from . import machine

REQUIREMENT = f"torch=={TORCH}"
OLDEST = (12, 0)  # CUDA of the oldest driver that any build of this torch runs with
BUILDS = {(13, 0): "cu130", (12, 0): "cu126"}  # a driver runs what is not newer than itself


@dataclass(frozen=True)
class TorchBuild:
    """The build to install.

    name    "cpu" or such as "cu126"
    reason  in words: why this one
    plain   True where the package index itself has it
    """

    name: str
    reason: str
    plain: bool

    @property
    def gpu(self) -> bool:
        return self.name != "cpu"


def choose(
    wanted: str = "auto",
    driver: Optional[Tuple[int, int]] = None,
    of_index: Optional[str] = None,
) -> TorchBuild:
    """The build for ``wanted``: ``auto``, ``cpu`` or such as ``cu126``. InputError for others.

    ``driver``: the CUDA of the driver; ``of_index``: the build of the package index.
    """
    plain = of_index or machine.index_build()
    if wanted != "auto":
        if wanted != "cpu" and not re.fullmatch(r"cu\d{2,3}", wanted):
            raise InputError(f"--torch is auto, cpu or such as cu126, not '{wanted}'.")
        return TorchBuild(wanted, "as chosen", wanted == plain)
    if machine.why_no_cuda():
        return TorchBuild("cpu", machine.why_no_cuda(), plain == "cpu")
    if driver is None:
        return TorchBuild("cpu", "no NVIDIA driver found", plain == "cpu")
    runs = f"the NVIDIA driver runs CUDA {driver[0]}.{driver[1]}"
    if driver < OLDEST:
        return TorchBuild("cpu", f"{runs}, which is too old for torch", plain == "cpu")
    name = next(build for cuda, build in BUILDS.items() if driver >= cuda)
    return TorchBuild(name, runs, name == plain)


def among(build: TorchBuild, folder: Path) -> TorchBuild:
    """``build``, or one whose wheel lies in the folder where that of ``build`` does not."""
    wheels = folder.glob(f"torch-{TORCH}*.whl")
    held = {path.name.split("-")[1].partition("+")[2] for path in wheels}  # "": the index's own
    if not held or (build.name not in held and "" in held):
        return build
    if build.name in held:
        return TorchBuild(build.name, build.reason, False)
    return TorchBuild(min(held), "the one in the folder", False)  # "cpu" before all others


def not_had(build: TorchBuild) -> str:
    """The sentence for a build that was looked for in vain."""
    return f"The build {build.name} of torch could not be had, so the usual one was taken."


def own_index(build: TorchBuild) -> str:
    """The facility's index of that build, or ""."""
    return os.environ.get("DMP_TORCH_INDEX", "").replace("{build}", build.name)
