"""The command `dmp batch`: many shots from one file, and one summary."""

# No `from __future__ import annotations`: on Python 3.9 typer would not see the Annotated options.

from pathlib import Path
from typing import Annotated, List, Optional

import typer

from ..errors import OutputError
from ..shots.local_executor import LocalExecutor
from .options import PRESET_HELP, FramesPerSecond, KeepText, Premultiplied, RunOptions, grouped
from .output import EXIT_CODES
from .run_shots import cluster_executor, run_and_conclude
from .shot_lists import named, read_shots


def register(app: typer.Typer) -> None:
    """Add the command of this file to the command `dmp`."""
    app.command(epilog=EXIT_CODES)(grouped(batch))


def batch(
    file: Annotated[Path, typer.Argument(help="The shots: .yaml, .json, .csv or .otio.")],
    run: RunOptions,
    clean: Annotated[
        Optional[List[str]],
        typer.Option("--clean", help="Clean plate of shots that name none; several stills."),
    ] = None,
    output: Annotated[
        Optional[str],
        typer.Option("--output", "-o", help="Output of shots that name none: {shot}/m.####.exr."),
    ] = None,
    only: Annotated[str, typer.Option("--only", help="Shots to do, by name: sh010,sh020.")] = "",
    preset_name: Annotated[
        Optional[str], typer.Option("--preset", help=f"For shots that name none: {PRESET_HELP}")
    ] = None,
    device: Annotated[
        Optional[str],
        typer.Option("--device", help="auto, cpu or cuda:N, where a shot names none."),
    ] = None,
    assignments: Annotated[
        Optional[List[str]],
        typer.Option("--set", metavar="FIELD=VALUE", help="For shots that have no 'set'."),
    ] = None,
    keep: KeepText = None,
    fps: FramesPerSecond = None,
    premultiplied: Premultiplied = False,
    sheets: Annotated[
        Optional[Path], typer.Option("--sheets", help="Folder for a contact sheet of each shot.")
    ] = None,
    movies: Annotated[
        Optional[Path], typer.Option("--movies", help="Folder for a movie of each shot (ffmpeg).")
    ] = None,
    cluster: Annotated[
        str, typer.Option("--cluster", help="Address of a Dask scheduler that spreads the frames.")
    ] = "",
) -> None:
    """Matte all shots of a file. Run it again after an interruption: finished frames are kept."""
    defaults = {
        "clean": clean, "output": output, "preset": preset_name, "device": device,
        "set": assignments, "keep": keep, "fps": fps,
        "premultiplied": premultiplied,
    }  # fmt: skip
    shots = named(read_shots(file, defaults), only)
    for folder in (sheets, movies):
        _make(folder)
    executor = cluster_executor(cluster) if cluster else LocalExecutor
    run_and_conclude(shots, run, executor=executor, sheet=sheets, movie=movies, make_folders=True)


def _make(folder: Optional[Path]) -> None:
    if folder is None:
        return
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as reason:
        raise OutputError(f"The folder {folder} cannot be made ({reason.strerror}).") from None
