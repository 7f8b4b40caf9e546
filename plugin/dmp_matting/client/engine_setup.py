"""Remember which Python has the engine, after trying it. Standard library only, Python 3.9."""

from __future__ import annotations

import json
import os
import subprocess
from typing import Dict, List

from ..errors import EngineMissingError, InputError, install_step
from ..paths import put_damaged_config_aside, write_config
from .engine_python import child_environment, engine_command


def choose_engine(python: str) -> str:
    """Have all hosts of this user run the engine of ``python``; the sentence about what was done.

    A configuration that cannot be read is put aside. Takes as long as loading torch. Raises
    InputError, EngineMissingError and OutputError; the configuration stays as it was then.
    """
    try_engine(python)
    aside = put_damaged_config_aside()
    path = write_config({"engine_python": python})
    done = f"Hosts will use the engine of {python} (written to {path})."
    return f"{done} {aside}" if aside else done


def try_engine(python: str) -> None:
    """Raise InputError or EngineMissingError unless ``python`` has an engine that works."""
    if not os.access(python, os.X_OK) or os.path.isdir(python):
        raise InputError(f"'{python}' is not a program; name the engine's Python.")
    try:
        done = subprocess.run(
            [*engine_command(python), "doctor"], env=child_environment(),
            stdin=subprocess.DEVNULL, capture_output=True, timeout=120,
        )  # fmt: skip
        checks: List[Dict[str, str]] = json.loads(done.stdout)["checks"]
    except (
        OSError, subprocess.TimeoutExpired, ValueError, KeyError, TypeError, RecursionError,
    ):  # fmt: skip
        raise EngineMissingError(
            f"The Python '{python}' has no DMP engine; {install_step()}, which makes a Python "
            "that has it."
        ) from None
    bad = [check for check in checks if check["status"] == "fail"]
    if bad:
        raise EngineMissingError(
            f"The engine of '{python}' cannot work: {bad[0]['name']}, {bad[0]['detail']}. "
            f"{bad[0]['fix']}"
        )
