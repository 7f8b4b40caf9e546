"""The command `dmp eval`: mattes measured against the truth and beside other methods.

The work is done by the engine's `eval`; this shows its lines and its table.
"""

# No `from __future__ import annotations`: on Python 3.9 typer would not see the Annotated options.

import json
from contextlib import closing
from pathlib import Path
from typing import Annotated, Any, Dict, List, Optional

import typer
from rich.table import Table

from ..client.engine_process import engine_lines
from ..errors import CancelledError
from ..presets import preset
from ..settings import Value, parse_assignments
from .output import Json, err, out, print_json, print_table

DMP = "dmp-"  # begins the names of methods that are presets


def register(app: typer.Typer) -> None:
    """Add the command to `dmp`."""
    app.command("eval")(evaluate)


def evaluate(
    what: Annotated[
        str,
        typer.Argument(
            metavar="FOLDER|benchmark",
            help="A folder with plate, clean and alpha pictures, or the word benchmark.",
        ),
    ],
    output: Annotated[
        Path, typer.Option("--output", "-o", help="Folder for the report; a run can go on there.")
    ],
    data: Annotated[
        Optional[Path], typer.Option("--data", help="The folder of the benchmark's pictures.")
    ] = None,
    size: Annotated[
        Optional[int],
        typer.Option("--size", help="Long side in pixels; the benchmark's is 512, else as it is."),
    ] = None,
    methods: Annotated[
        str, typer.Option("--methods", help="Names, separated by commas; all takes every one.")
    ] = "",
    preset_names: Annotated[
        str, typer.Option("--preset", help="DMP presets to measure, separated by commas.")
    ] = "",
    items: Annotated[
        str, typer.Option("--items", help="Names of items or shots, separated by commas.")
    ] = "",
    device: Annotated[str, typer.Option("--device", help="For DMP: auto, cpu or cuda:N.")] = "auto",
    seed: Annotated[Optional[int], typer.Option("--seed", help="For DMP.")] = None,
    threads: Annotated[Optional[int], typer.Option("--threads", help="For DMP on the CPU.")] = None,
    assignments: Annotated[
        Optional[List[str]],
        typer.Option("--set", metavar="FIELD=VALUE", help="For DMP: any setting."),
    ] = None,
    as_json: Json = False,
) -> None:
    """Measure mattes against the truth, beside other methods; writes tables and pictures."""
    changes: Dict[str, Value] = {"device": device}
    for name, value in (("seed", seed), ("threads", threads)):
        if value is not None:
            changes[name] = value
    changes.update(parse_assignments(assignments or []))
    named = _names(methods)
    wanted = _names(preset_names) + [name[len(DMP) :] for name in named if name.startswith(DMP)]
    if not wanted and not named:
        wanted = ["draft"]
    command = ["eval", what, "--output", str(output.absolute())]
    if data is not None:
        command += ["--data", str(data)]
    for name in dict.fromkeys(wanted):
        settings = preset(name).changed(**changes).to_json()
        command += ["--dmp", f"{name}={json.dumps(settings)}"]
    if size is not None:
        command += ["--size", str(size)]
    for option, text in (("--methods", methods), ("--items", items)):
        if text:
            command += [option, text]
    report = _watched(command)
    if as_json:
        print_json(report)
        return
    _print_table(report["summary"])
    out.print(f"Wrote {report['path']}.")


def _names(text: str) -> List[str]:
    return [name.strip() for name in text.split(",") if name.strip()]


def _watched(command: List[str]) -> Dict[str, Any]:
    """Run it, printing each result on standard error; the last event is the report."""
    event: Dict[str, Any] = {}
    try:
        with closing(engine_lines(*command)) as events:
            for event in events:
                if event.get("event") == "result":
                    err.print(_line(event))
    except KeyboardInterrupt:
        raise CancelledError(
            "Stopped; the results so far are kept, the same command goes on."
        ) from None
    return event


def _line(event: Dict[str, Any]) -> str:
    place = f"{event['number']}/{event['of']} {event['item']} {event['label']}:"
    if event["failure"]:
        return f"{place} no result. {event['failure']}"
    sad = f"SAD {event['errors']['sad']:.3f}, " if event["errors"] else ""
    return f"{place} {sad}{event['seconds']:.1f} s{'' if event['new'] else ' (kept)'}"


def _print_table(summary: Dict[str, Any]) -> None:
    if not summary["items"]:
        return
    table = Table("method", "SAD", "MSE e3", "Grad", "Conn", "core %", "outside %", "of bar", "s")
    for row in summary["methods"].values():
        mean = row["mean"]
        table.add_row(
            row["label"] + (" *" if row["sees_truth"] else ""),
            f"{mean['sad']:.3f}",
            f"{mean['mse'] * 1000:.2f}",
            f"{mean['gradient']:.3f}",
            f"{mean['connectivity']:.3f}",
            f"{mean['core'] * 100:.2f}",
            f"{mean['outside'] * 100:.2f}",
            f"{row['of_bar']:.2f}" if "of_bar" in row else "",
            f"{row['seconds']:.1f}",
        )
    print_table(table, 120)
    out.print(f"Means over {len(summary['items'])} items; * sees the truth.")
