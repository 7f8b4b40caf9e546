"""Run shots from the command line: display, summary, contact sheets, movies, exit code."""

import os
from pathlib import Path
from typing import Callable, Deque, Dict, Optional, Sequence

import typer

from ..client.requirements import how_to_add
from ..errors import DmpError, InputError
from ..job import Layers
from ..shots.clean_plates import with_made_plates
from ..shots.events import ShotReport
from ..shots.executor import Chunk, Executor
from ..shots.local_executor import LocalExecutor
from ..shots.review import shot_movie, shot_sheet, write_clean_plates
from ..shots.run import run_shots
from ..shots.shot import Shot, file_name
from .job_progress import still_display
from .options import RunOptions
from .output import err, out, print_json, styled
from .shot_progress import conclude, display_for, watch_shots
from .write_clean import clean_outputs

StartExecutor = Callable[[Deque[Chunk]], Executor]


def run_and_conclude(
    shots: Sequence[Shot],
    options: RunOptions,
    *,
    executor: StartExecutor = LocalExecutor,
    openjd: bool = False,
    sheet: Optional[Path] = None,
    movie: Optional[Path] = None,
    make_folders: bool = False,
    clean: Optional[Path] = None,
    still: bool = False,
) -> None:
    """Solve the shots and exit with the first failure's code.

    ``sheet`` and ``movie`` name a file, or a folder that gets one file for each shot; ``clean``
    is the pattern of the fitted clean plates, for one shot with that layer. ``still``: the one
    shot is one plate, which is always solved (the engine's cache makes that cheap); it has one
    line or one JSON object as its result, and its failure is the command's.
    """
    shots = [with_made_plates(shot, _note_of(shot, options), make_folders) for shot in shots]
    if clean is not None:
        _clean_plates(shots[0], str(clean), shots[0].numbers())
    one = still_display(options.quiet) if still else None
    display = one or display_for(options.as_json, options.quiet, openjd)
    running = run_shots(
        shots, missing=options.missing, redo=options.redo or still,
        overwrite=options.overwrite, make_folders=make_folders, chunk=options.chunk,
        executor=executor,
    )  # fmt: skip
    reports = watch_shots(running, shots, display)
    if one is not None and reports[0].failures:
        raise reports[0].failures[0].error
    for shot, report in zip(shots, reports):
        _picture(shot, report, sheet, ".png", shot_sheet)
        _picture(shot, report, movie, ".mp4", shot_movie)
    if clean is not None:
        finished = reports[0].finished
        outputs = _clean_plates(shots[0], str(clean), finished)
        write_clean_plates(shots[0].outputs(finished), outputs, shots[0].space)
    if one is not None:
        assert one.layers is not None  # a frame without a failure has been written
        _print_still(one.layers, shots[0], options)
        return
    quiet = options.quiet or openjd  # a task's lines hold all of it
    raise typer.Exit(
        conclude(shots, reports, as_json=options.as_json, quiet=quiet, check=not options.no_check)
    )


def _note_of(shot: Shot, options: RunOptions) -> Callable[[str], None]:
    """Prints a sentence about a movie or a clean plate of the shot."""

    def note(sentence: str) -> None:
        if sentence and not options.quiet:
            err.print(styled(f"{shot.name}: {sentence}", ""))

    return note


def _print_still(layers: Layers, shot: Shot, options: RunOptions) -> None:
    """The result of one plate."""
    if options.as_json:
        delivered = {"delivery": os.path.abspath(shot.delivery)} if shot.delivery else {}
        print_json({"ok": True, **layers.to_json(), **delivered})
    elif not options.quiet:
        seconds = layers.seconds.get("total", sum(layers.seconds.values()))
        size = f"{layers.width}x{layers.height}"
        used = f"preset {layers.settings.preset} on {layers.device}"
        out.print(
            " ".join([f"Wrote {shot.output} ({size}, {used}, {seconds:.1f} s).", *layers.notes])
        )


def _clean_plates(shot: Shot, name: str, numbers: Sequence[int]) -> Dict[int, str]:
    """Where the clean plates of these frames go; checked before anything is solved, too."""
    files = (plate.path for number in numbers for plate in shot.frame(number).plates)
    return clean_outputs(name, numbers, {*files, *shot.outputs(numbers).values()})


def cluster_executor(address: str) -> StartExecutor:
    """Solves on the Dask cluster of that scheduler; InputError where Dask is not installed."""
    try:
        from ..farm.dask import on_cluster
    except ImportError:
        raise InputError(
            f"--cluster needs Dask; install it with `{how_to_add('cluster')}`."
        ) from None
    return on_cluster(address)


def _picture(
    shot: Shot,
    report: ShotReport,
    wanted: Optional[Path],
    suffix: str,
    make: Callable[[Shot, Sequence[int], str], None],
) -> None:
    """A sheet or a movie of what is finished; the mattes are not worth less without it."""
    if wanted is None or not report.finished:
        return
    path = wanted / f"{file_name(shot.name)}{suffix}" if wanted.is_dir() else wanted
    try:
        make(shot, report.finished, str(path.absolute()))
    except DmpError as error:
        err.print(styled(f"{shot.name}: no {path.name}: {error}", "yellow"))
