"""Run shots from the command line: display, summary, contact sheets, movies, exit code."""

from pathlib import Path
from typing import Callable, Deque, Dict, Optional, Sequence

import typer
from rich.text import Text

from ..errors import DmpError, InputError
from ..shots.events import Chunk, Executor, Missing, ShotReport
from ..shots.local_executor import LocalExecutor
from ..shots.review import shot_movie, shot_sheet, write_clean_plates
from ..shots.run import run_shots
from ..shots.shot import CHUNK, Shot
from .output import err
from .shot_progress import conclude, display_for, watch_shots
from .write_clean import clean_outputs


def run_and_conclude(
    shots: Sequence[Shot],
    *,
    missing: Missing,
    redo: bool,
    as_json: bool,
    quiet: bool,
    check: bool,
    chunk: int = CHUNK,
    openjd: bool = False,
    sheet: Optional[Path] = None,
    movie: Optional[Path] = None,
    make_folders: bool = False,
    cluster: str = "",
    clean: Optional[Path] = None,
) -> None:
    """Solve the shots and exit with the first failure's code.

    ``sheet`` and ``movie`` name a file, or a folder that gets one file for each shot; ``clean``
    is the pattern of the fitted clean plates, for one shot with that layer.
    """
    if clean is not None:
        _clean_plates(shots[0], str(clean), shots[0].numbers())
    crew = _cluster(cluster) if cluster else LocalExecutor
    running = run_shots(
        shots, missing=missing, redo=redo, make_folders=make_folders, chunk=chunk, crew=crew
    )
    reports = watch_shots(running, shots, display_for(as_json, quiet, openjd))
    for shot, report in zip(shots, reports):
        _picture(shot, report, sheet, ".png", shot_sheet)
        _picture(shot, report, movie, ".mp4", shot_movie)
    quiet = quiet or openjd  # a task's lines have told it all
    code = conclude(shots, reports, as_json=as_json, quiet=quiet, check=check)
    if clean is not None:
        finished = reports[0].finished
        outputs = _clean_plates(shots[0], str(clean), finished)
        write_clean_plates(shots[0].outputs(finished), outputs, shots[0].space)
    raise typer.Exit(code)


def _clean_plates(shot: Shot, name: str, numbers: Sequence[int]) -> Dict[int, str]:
    """Where the clean plates of these frames go; told before anything is solved, too."""
    files = (plate.path for number in numbers for plate in shot.frame(number).plates)
    return clean_outputs(name, numbers, {*files, *shot.outputs(numbers).values()})


def _cluster(address: str) -> Callable[[Deque[Chunk]], Executor]:
    try:
        from ..farm.dask import on_cluster
    except ImportError:
        raise InputError(
            "--cluster needs Dask; install it with `pip install 'dmp-matting[cluster]'`."
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
    path = wanted / f"{shot.name}{suffix}" if wanted.is_dir() else wanted
    try:
        make(shot, report.finished, str(path.absolute()))
    except DmpError as error:
        err.print(Text(f"{shot.name}: no {path.name}: {error}", style="yellow"))
