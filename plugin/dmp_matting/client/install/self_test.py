"""The matte of a drawn disc: whether an engine can work, before anybody relies on it."""

from __future__ import annotations

import struct
import tempfile
import zlib
from contextlib import closing
from pathlib import Path
from typing import Callable, Dict, List

from ...errors import DmpError, EngineError
from ...job import Frame, Job, Layers, Plate, Role
from ...presets import preset
from ..engine_process import query_engine, run_directly
from ..engine_python import python_command

WIDTH, HEIGHT = 48, 32  # pixels


def self_test(python: str, check_cancelled: Callable[[], None]) -> str:
    """Check the engine of ``python`` and solve a tiny plate; the device that solved.

    Takes as long as loading torch twice. EngineError with what is wrong and what to do.
    ``check_cancelled`` is called between its steps; what it raises ends the engine.
    """
    command = python_command(python, "dmp_engine")
    checks: List[Dict[str, str]] = query_engine("doctor", command=command)["checks"]
    for check in checks:
        if check["status"] == "fail":
            raise EngineError(
                f"The engine cannot work: {check['name']}, {check['detail']}. {check['fix']}"
            )
    with tempfile.TemporaryDirectory(prefix="dmp-") as folder:
        pair = {Role.IMAGE: Path(folder, "plate.png"), Role.CLEAN: Path(folder, "clean.png")}
        for role, path in pair.items():
            path.write_bytes(_png(role is Role.IMAGE))
        plates = tuple(Plate(str(path), role) for role, path in pair.items())
        output = Path(folder, "matte.exr")
        job = Job((Frame(1, plates),), preset("draft"))
        device = ""
        with closing(run_directly(job, {1: str(output)}, command=command)) as events:
            while True:
                check_cancelled()
                try:
                    event = next(events, None)
                except DmpError as error:
                    raise EngineError(f"The engine's first matte failed: {error}") from None
                if event is None:
                    break
                if isinstance(event, Layers):
                    device = event.device
        if not output.stat().st_size:
            raise EngineError("The engine's first matte is empty; install it again.")
    return device


def _png(subject: bool) -> bytes:
    """Coloured blocks, and before them a red disc if ``subject``: 8 bit RGB."""
    rows = []
    for y in range(HEIGHT):
        row = bytearray([0])  # no filter
        for x in range(WIDTH):
            block = (x // 4 * 5 + y // 4 * 3) % 7
            inside = (x - WIDTH / 2) ** 2 + (y - HEIGHT / 2) ** 2 < (HEIGHT / 3) ** 2
            row += bytes((210, 40, 30) if subject and inside else (60, 90 + 15 * block, 120))
        rows.append(bytes(row))

    def chunk(kind: bytes, content: bytes) -> bytes:
        check = zlib.crc32(kind + content)
        return struct.pack(">I", len(content)) + kind + content + struct.pack(">I", check)

    header = struct.pack(">IIBBBBB", WIDTH, HEIGHT, 8, 2, 0, 0, 0)
    pixels = zlib.compress(b"".join(rows))
    start = b"\x89PNG\r\n\x1a\n"
    return start + chunk(b"IHDR", header) + chunk(b"IDAT", pixels) + chunk(b"IEND", b"")
