"""What libraries, the system and our own bugs raise becomes one sentence that an artist can use.

The one place where the engine does so: the run of one job, a worker, the server and the looks at a
shot all call `as_dmp_error`.
"""

from __future__ import annotations

import os
import sys
import time
import traceback
from pathlib import Path

from dmp_matting.errors import (
    DeviceError,
    DmpError,
    EngineError,
    EngineMissingError,
    bug_sentence,
    engine_remedy,
    limit_error,
)
from dmp_matting.paths import make_cache_folder

from .faults import fault_of


def as_dmp_error(error: Exception) -> DmpError:
    """``error`` itself if it is a DmpError; what is known of others; the rest is a bug.

    The traceback of a bug goes to a file, which the sentence names; to the standard error output
    where no file can be written.
    """
    if isinstance(error, DmpError):
        return error
    fault = fault_of(error)
    if fault is not None:
        return DeviceError(fault.sentence(error))
    limit = limit_error(error)
    if limit is not None:
        return limit
    if isinstance(error, ImportError) and error.name and not error.name.startswith("dmp_"):
        return incomplete(f"it cannot load {error.name}")
    sentence = bug_sentence(error, "The engine")
    log = _traceback_file(error)
    return EngineError(sentence if log is None else f"{sentence.removesuffix('.')}; see {log}")


def incomplete(reason: object) -> EngineMissingError:
    """The engine's Python lacks something that the engine needs, or it does not load."""
    return EngineMissingError(
        f"The engine's Python at {sys.executable} is incomplete ({reason}); {engine_remedy()}."
    )


def _traceback_file(error: Exception) -> Path | None:
    stamp = time.strftime("%Y%m%d-%H%M%S")
    try:
        logs = make_cache_folder() / "logs"
        logs.mkdir(exist_ok=True)
        log = logs / f"engine-{stamp}-{os.getpid()}.log"
        log.write_text("".join(traceback.format_exception(error)), encoding="utf-8")
    except (OSError, EngineError):  # no place for it
        traceback.print_exception(error, file=sys.stderr)
        return None
    return log
