"""What an installation fetches for itself first: a pip that resumes a cut download, and uv.

The pip that a Python brings is often years old, and begins a file that was cut again; uv does so
four times before it resumes. Standard library only, Python 3.9.
"""

from __future__ import annotations

import re
from dataclasses import replace
from pathlib import Path
from typing import Dict

from . import failures, tools
from .pythons import pip_is_configured, uv_is_configured
from .steps import Runner
from .tools import Tools
from .torch_build import REQUIREMENT, TorchBuild, own_index

TRIES = 3  # of two megabytes, by what cannot resume them


def with_current_pip(
    found: Tools, runner: Runner, environment: Dict[str, str], folder: Path, python: str
) -> Tools:
    """The tools with a pip in ``folder`` that ``python`` can run. Raises what ended it.

    ``found`` as they are where they resume already, where the index has no such pip, and where uv
    alone is led to an index.
    """
    led_alone = found.uv and uv_is_configured() and not pip_is_configured()
    if found.resume or led_alone:
        return found
    command = found.fetch(tools.CURRENT_PIP, folder, python)
    output = ""
    for _ in range(TRIES):
        code, output = runner.outcome(command, environment)
        if not code:
            return replace(found, pip=str(folder))
        if failures.meaning(output) != failures.BROKE_OFF:
            break
    if failures.meaning(output) in ("", failures.NO_PACKAGE):  # "": a facility's rule for pip
        return found
    raise runner.failure(output, failures.index_address(output, environment))


def is_led(build: TorchBuild) -> bool:
    """Whether something leads this user to an index, so that no other is looked for."""
    return bool(own_index(build)) or pip_is_configured() or uv_is_configured()


def index_of_build(
    found: Tools, runner: Runner, environment: Dict[str, str], scratch: Path, build: TorchBuild,
    python: str,
) -> str:  # fmt: skip
    """The index that has that build of torch: the facility's, or the one that uv knows.

    "" where the user's own index is to serve, and where the other is not reached. uv is fetched
    where it is not here.
    """
    if is_led(build):
        return own_index(build)
    uv = found.uv
    if not uv:
        code, _ = runner.outcome(found.fetch("uv", scratch / "uv"), environment)
        uv = tools.fetched_uv(scratch / "uv") if not code else ""
    if not uv:
        return ""
    wanted = scratch / "torch.in"
    wanted.write_text(REQUIREMENT + "\n", encoding="utf-8")
    command = replace(found, uv=uv).index_that_has(wanted, build, python)
    code, output = runner.outcome(command, environment)
    index = re.search(r"^\s*# from (\S+)$", output, re.M) if not code else None
    return index[1] if index else ""
