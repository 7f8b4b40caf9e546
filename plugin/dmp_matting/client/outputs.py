"""Where the layers of a job go, judged before any work and whichever way it is solved.

Standard library only, Python 3.9.
"""

from __future__ import annotations

import errno
from pathlib import Path
from typing import Mapping, Union

from ..atomic_write import check_output, output_refused
from ..errors import InputError, OutputError
from ..job import Job


def check_outputs(job: Job, outputs: Mapping[int, Union[str, Path]]) -> None:
    """Raise what keeps the layers of ``job`` from being written: InputError, OutputError."""
    frames = (*job.frames, *job.context)
    plates = {plate.path for frame in frames for plate in frame.plates}
    for frame in job.frames:
        if frame.number not in outputs:
            raise InputError(f"The job names no output for frame {frame.number}.")
        check_output(Path(outputs[frame.number]), plates=plates)


def unwritable(path: Path, reason: OSError) -> OutputError:
    """The error for a file that could not be written in the end."""
    if reason.errno in (errno.ENOSPC, errno.EDQUOT):
        return OutputError(f"The disk is full: {path} could not be written; make room.")
    return output_refused(path, reason.strerror or str(reason))
