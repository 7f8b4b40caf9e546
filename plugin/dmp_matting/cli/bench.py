"""The command `dmp bench`: how fast the engine is on this machine."""

# No `from __future__ import annotations`: on Python 3.9 typer would not see the Annotated options.

import json
from contextlib import closing
from pathlib import Path
from typing import Annotated, Any, Dict, Optional

import typer
from rich.table import Table

from ..atomic_write import atomic_write
from ..client.engine_process import engine_lines
from ..errors import OutputError
from ..presets import preset
from .options import DeviceName
from .output import Json, err, out, print_json, print_table

OF_PAPER = {  # the paper's steps, in the report's words and in ours
    "authors": "published schedule",
    "recorded": "the same, as a CUDA graph",
}


def register(app: typer.Typer) -> None:
    """Add the command to `dmp`."""
    app.command("bench")(bench)


def bench(
    sizes: Annotated[
        str, typer.Option("--sizes", help="Sides of a square plate in pixels, with commas.")
    ] = "512",
    presets: Annotated[
        str, typer.Option("--preset", help="Presets to time, separated by commas.")
    ] = "draft,final",
    device: DeviceName = "auto",
    threads: Annotated[
        int, typer.Option("--threads", min=0, help="On the CPU; 0 takes all cores.")
    ] = 0,
    repeats: Annotated[
        int, typer.Option("--repeats", min=1, help="Steps that are timed; the median is printed.")
    ] = 10,
    output: Annotated[
        Optional[Path], typer.Option("--output", "-o", help="Write the figures there as JSON.")
    ] = None,
    as_json: Json = False,
) -> None:
    """Time this machine: a step, the memory's floor, the published schedule, whole mattes.

    Solves a made plate, so nothing has to be at hand. Close other programs first.
    """
    command = ["bench", "--sizes", sizes, "--device", device]
    for name in presets.split(","):
        command += ["--dmp", f"{name}={json.dumps(preset(name).to_json())}"]
    command += ["--threads", str(threads), "--repeats", str(repeats)]
    report: Dict[str, Any] = {}
    with closing(engine_lines(*command)) as events:
        for report in events:
            if report["event"] == "row":
                err.print(f"{report['size']} x {report['size']} done")
    report = {name: value for name, value in report.items() if name != "event"}
    if output is not None:
        _write(output, report)
    if as_json:
        print_json(report)
        return
    cores = f", {report['threads']} threads" if report["threads"] else ""
    out.print(f"{report['device']}{cores}, torch {report['torch']}")
    table = Table("plate", "", "step ms", "x floor", "whole s", "peak MB")
    for row in report["rows"]:
        for name, times in row.items():
            if isinstance(times, dict):
                whole = times.get("whole_s", times.get("whole_schedule_s"))
                table.add_row(
                    f"{row['size']} x {row['size']}",
                    OF_PAPER.get(name, name),
                    f"{times['step_ms']:.1f}" if "step_ms" in times else "",
                    f"{times['times_floor']:.1f}" if "times_floor" in times else "",
                    "" if whole is None else f"{whole:.1f}",
                    f"{times.get('peak_mb') or 0:.0f}" if "peak_mb" in times else "",
                )
    print_table(table, 120)


def _write(path: Path, report: Dict[str, Any]) -> None:
    try:
        with atomic_write(path) as temporary:
            temporary.write_text(json.dumps(report, indent=1) + "\n", encoding="utf-8")
    except OSError as reason:
        raise OutputError(f"{path} cannot be written ({reason.strerror}).") from None
