"""Download what the engine needs into a folder, for machines without network."""

from __future__ import annotations

import re
import shutil
from pathlib import Path
from typing import Callable, List

from ...errors import EngineError
from . import failures, machine, payload, tools, torch_build
from .installation import torch_line
from .steps import Runner, Step
from .tools import Reading

HASHES = re.compile(r"\s*--hash=\S+")


def download(
    folder: Path, torch: str, base: str, scratch: Path, report: Callable[[Step], None]
) -> List[Path]:
    """Fill ``folder`` with wheels for machines like this one; the wheels that lie there then.

    ``torch``: as of `dmp setup --install`. Run again after an interruption, it goes on. Raises the
    DmpError that ended it.
    """
    build = torch_build.choose(torch, machine.driver_cuda())
    found = payload.find()
    python = tools.choose(base, offline=True)  # pip downloads, whether uv is here or not
    if python.base is None or not python.base.pip:
        raise EngineError("Downloading wheels needs a Python 3.11 to 3.14 with pip; install one.")
    log = scratch / "download.log"
    runner = Runner(log, folder, None)
    environment = tools.environment(scratch, None)
    try:
        folder.mkdir(parents=True, exist_ok=True)
        lines = found.lock(gpu=build.plain)
        if not build.plain:
            lines = [line for line in lines if not torch_line(line)]
        listed, pins = scratch / "packages.txt", scratch / "pins.txt"
        listed.write_text("\n".join(lines) + "\n", encoding="utf-8")
        pins.write_text(HASHES.sub("", "\n".join(lines)) + "\n", encoding="utf-8")
        hashed = ["--no-deps", "--require-hashes", "-r", str(listed)]
        parts = [(hashed, len(lines))]
        if not build.plain:
            index = torch_build.own_index(build)
            extra = ["--extra-index-url", index] if index else []
            parts.append(([*extra, "-c", str(pins), torch_build.REQUIREMENT], 1))
        for words, count in parts:
            reading = Reading(count)

            def show(line: str, reading: Reading = reading) -> None:
                sentence = reading.sentence(line)
                if sentence:
                    report(Step(sentence, reading.fraction))

            command = python.download(folder, ["--only-binary", ":all:", *words])
            runner.run(command, environment, show)
        wheel = found.wheel_in(scratch)
        for old in folder.glob("dmp_matting-*.whl"):
            old.unlink()
        for path in [wheel, *(found.folder / name for name in payload.LOCKS.values())]:
            shutil.copyfile(path, folder / path.name)
    except OSError as reason:
        raise failures.from_os(reason, folder) from None
    return sorted(folder.glob("*.whl"))
