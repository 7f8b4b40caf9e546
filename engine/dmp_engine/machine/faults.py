"""What memory, a GPU or its driver refuses: which fault an exception of torch's is.

torch raises OutOfMemoryError from its allocator, AcceleratorError (a RuntimeError) with the text
of a CUDA call that failed, and a plain RuntimeError where CUDA does not start or a library of it
fails. Only the texts differ; they are those of CUDA's `cudaGetErrorString` and of torch's
`c10/cuda/CUDAFunctions.cpp`. torch itself is not imported here: the server reads this too.
"""

from __future__ import annotations

import re
from enum import Enum

from dmp_matting.errors import DmpError


class Fault(Enum):
    """``what`` happened, as the start of a sentence, and what to do: its ``remedy``."""

    MEMORY = "the machine ran out of memory", "set a smaller solve size"
    GPU_MEMORY = (
        "the GPU ran out of memory",
        "close other programs that use it, or set a smaller solve size",
    )
    BUSY = (
        "another program keeps the GPU for itself",
        "close that program, or use --device cpu",
    )
    NO_CODE = (
        "the installed torch has no code for this GPU",
        "use --device cpu, and see `dmp doctor`",
    )
    OLD_DRIVER = (
        "the NVIDIA driver is too old for the installed torch",
        "update the driver, install the engine again, which takes the build for this one, or use "
        "--device cpu",
    )
    NO_START = "the GPU does not start", "restart the machine, or use --device cpu"
    LOST = (
        "the GPU stopped while it solved",
        "run it again; if it stops again, restart the machine, update the NVIDIA driver, or use "
        "--device cpu",
    )

    def __init__(self, what: str, remedy: str) -> None:
        self.what, self.remedy = what, remedy

    @property
    def ends_process(self) -> bool:
        """Whether no later call of this process can be relied on: CUDA's context is gone."""
        return self not in (Fault.MEMORY, Fault.GPU_MEMORY)

    def words(self, error: BaseException) -> str:
        """``what``, with CUDA's own words where several causes look alike."""
        if self not in (Fault.NO_START, Fault.LOST):
            return self.what
        text = (str(error).splitlines() or [""])[0]
        cause = re.split(r"CUDA error: |Error \d+: ", text)[-1].partition(" - ")[0]
        return f"{self.what} ({cause.strip(' .')})"

    def sentence(self, error: BaseException) -> str:
        """What the artist reads."""
        words = self.words(error)
        return f"{words[:1].upper()}{words[1:]}; {self.remedy}."


# Looked for from the top: a text that names memory or a driver also begins with "CUDA error".
TEXTS: dict[Fault, tuple[str, ...]] = {
    Fault.MEMORY: (
        "can't allocate memory",  # DefaultCPUAllocator, Linux and macOS
        "not enough memory: you tried to allocate",  # the same, Windows
    ),
    Fault.GPU_MEMORY: (
        "CUDA out of memory",
        "CUDA error: out of memory",
        "_STATUS_ALLOC_FAILED",  # of cuDNN, cuBLAS, cuSOLVER
        "CUBLAS_STATUS_NOT_INITIALIZED",  # its handle did not fit
    ),
    Fault.BUSY: ("busy or unavailable",),
    Fault.NO_CODE: (
        "no kernel image is available",
        "provided PTX was compiled with an unsupported toolchain",
    ),
    Fault.OLD_DRIVER: (
        "driver on your system is too old",
        "driver version is insufficient",
        "unsupported display driver / cuda driver combination",  # updated, and not restarted
    ),
    Fault.NO_START: (
        "CUDA driver initialization failed",
        "CUDA unknown error",
        "Unexpected error from cudaGetDeviceCount",
        "CUDA error: initialization error",
        "no CUDA-capable device is detected",
        "system not yet initialized",
        "forward compatibility was attempted",
    ),
    Fault.LOST: ("CUDA error", "CUDNN_STATUS_", "CUBLAS_STATUS_", "CUSOLVER_STATUS_"),
}


def fault_of(error: BaseException) -> Fault | None:
    """The fault that ``error`` reports; None for everything else, DmpErrors among it."""
    if isinstance(error, MemoryError):
        return Fault.MEMORY
    if type(error).__name__ == "OutOfMemoryError":
        return Fault.GPU_MEMORY
    if not isinstance(error, (RuntimeError, AssertionError)) or isinstance(error, DmpError):
        return None
    text = str(error)
    for fault, marks in TEXTS.items():
        if any(mark in text for mark in marks):
            return fault
    return Fault.LOST if type(error).__name__ == "AcceleratorError" else None
