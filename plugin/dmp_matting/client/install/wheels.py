"""Download what the engine needs into a folder, for machines without network."""

from __future__ import annotations

import re
import shutil
from pathlib import Path
from typing import Callable, List, Tuple

from ...errors import EngineError
from . import failures, fetched, machine, payload, tools, torch_build
from .steps import Runner, Step
from .tools import Reading
from .ways_in import WHEELS

HASHES = re.compile(r"\s*--hash=\S+")


def download(
    folder: Path, torch: str, base: str, scratch: Path, report: Callable[[Step], None]
) -> Tuple[List[Path], List[str]]:
    """Fill ``folder`` with wheels for machines like this one; those that lie there, and notes.

    ``torch``: as of `dmp setup --install`. Run again after an interruption, it goes on. Raises the
    DmpError that ended it.
    """
    build = torch_build.choose(torch, machine.driver_cuda())
    found = payload.find()
    python = tools.choose(
        base, offline=True, way=WHEELS
    )  # pip downloads, whether uv is here or not
    if python.base is None or not python.base.pip:
        raise EngineError("Downloading wheels needs a Python 3.11 to 3.14 with pip; install one.")
    log = folder / "download.log"  # stays where it failed
    runner = Runner(log, folder, None, WHEELS)
    notes: List[str] = []
    environment = tools.environment(scratch, None)
    try:
        folder.mkdir(parents=True, exist_ok=True)
        machine_python = python.base.path
        python = fetched.with_current_pip(
            python, runner, environment, scratch / "pip", machine_python
        )
        listed, pins = scratch / "packages.txt", scratch / "pins.txt"
        words, count = found.write_lock(listed, with_torch=build.plain)
        show = Reading(count).reporting(report)
        runner.run(python.download(folder, words), environment, show)
        if not build.plain:
            # What it needs is to have the same versions; hashes are not known of every build.
            pins.write_text(HASHES.sub("", listed.read_text(encoding="utf-8")), encoding="utf-8")
            index = fetched.index_of_build(
                python, runner, environment, scratch, build, machine_python
            )
            words = ["--only-binary", ":all:", "-c", str(pins), *python.from_index(index)]
            exact = python.download(folder, [*words, f"{torch_build.REQUIREMENT}+{build.name}"])
            code, output = runner.outcome(exact, environment, show)
            if code and failures.meaning(output) == failures.BROKE_OFF:
                raise runner.failure(output)  # no reason for a build ten times as large
            if code:
                notes.append(torch_build.not_had(build))
                words, _ = found.write_lock(listed, with_torch=True)
                runner.run(python.download(folder, words), environment, show)
        wheel = found.wheel_in(scratch)
        for old in folder.glob("dmp_matting-*.whl"):
            old.unlink()
        for path in [wheel, *(found.folder / name for name in payload.LOCKS.values())]:
            shutil.copyfile(path, folder / path.name)
        log.unlink()
    except OSError as reason:
        raise failures.from_os(reason, folder, WHEELS) from None
    return sorted(folder.glob("*.whl")), notes
