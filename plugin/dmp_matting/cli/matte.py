"""The commands `dmp matte` and `dmp view`: the matte of a plate or a sequence, and a look at it."""

# No `from __future__ import annotations`: on Python 3.9 typer would not see the Annotated options.

import os
from pathlib import Path
from typing import Annotated, Dict, List, Optional

import typer

from ..client.engine_process import query_engine, run_directly
from ..client.job_client import run_in_engine
from ..errors import InputError, PlateError
from ..farm.openjd import from_openjd
from ..job import Frame, Job, Plate, Role
from ..presets import resolve
from ..settings import Value, parse_assignments
from ..shots.events import Missing
from ..shots.review import write_clean_plates, write_movie, write_sheet
from ..shots.sequences import FilePattern, is_pattern
from ..shots.shot import CHUNK, Shot
from .job_progress import watched
from .median_clean import one_clean_plate
from .options import (
    Assignments,
    Chunk,
    Core,
    Frames,
    Garbage,
    Holdout,
    InputSpace,
    JsonLines,
    MissingFrames,
    Movie,
    NoCheck,
    OpenJd,
    PresetName,
    Quiet,
    Redo,
    SettingsJson,
    Sheet,
    Trimap,
    WriteClean,
    parse_frames,
    parse_settings,
)
from .output import EXIT_CODES, Json, out, print_json
from .run_shots import run_and_conclude
from .write_clean import clean_outputs

MOVIES = (".mp4", ".mov", ".mkv")


def register(app: typer.Typer) -> None:
    """Add the commands of this file to the command `dmp`."""
    app.command(epilog=EXIT_CODES)(matte)
    app.command(epilog=EXIT_CODES)(view)


def matte(
    image: Annotated[
        Path, typer.Argument(help="The plate with the subject; plate.####.exr for a sequence.")
    ],
    cleans: Annotated[
        List[Path],
        typer.Option(
            "--clean",
            help="The same view without the subject: a still or a sequence. Several stills, each "
            "with its --clean: their median.",
        ),
    ],
    output: Annotated[
        Path,
        typer.Option("--output", "-o", help="The EXR to write, or matte.####.exr."),
    ],
    frames: Frames = None,
    missing: MissingFrames = Missing.FAIL,
    garbage: Garbage = None,
    core: Core = None,
    holdout: Holdout = None,
    trimap: Trimap = None,
    write_clean: WriteClean = None,
    preset_name: PresetName = "auto",
    device: Annotated[
        str, typer.Option("--device", help="auto (a CUDA GPU if there is one), cpu or cuda:N.")
    ] = "auto",
    seed: Annotated[
        Optional[int], typer.Option("--seed", help="The same seed gives the same matte.")
    ] = None,
    input_space: InputSpace = "auto",
    working_size: Annotated[
        Optional[int], typer.Option("--working-size", help="Long side for the networks, pixels.")
    ] = None,
    threads: Annotated[
        Optional[int], typer.Option("--threads", help="CPU threads; 0 takes all cores.")
    ] = None,
    assignments: Assignments = None,
    no_server: Annotated[
        bool,
        typer.Option(
            "--no-server", help="Solve in a process of its own instead of the shared engine."
        ),
    ] = False,
    redo: Redo = False,
    sheet: Sheet = None,
    movie: Movie = None,
    chunk: Chunk = CHUNK,
    no_check: NoCheck = False,
    as_json: JsonLines = False,
    quiet: Quiet = False,
    openjd: OpenJd = False,
    settings_json: SettingsJson = "",
    around: Annotated[
        Optional[str],
        typer.Option(
            "--around",
            metavar="FRAMES",
            help="All frames of the shot, where --frames are a part of it: neighbours to look at.",
        ),
    ] = None,
) -> None:
    """Make the matte of a plate or a sequence: alpha and foreground in one EXR a frame."""
    changes: Dict[str, Value] = {"device": device}
    for name, value in (("seed", seed), ("working_size", working_size), ("threads", threads)):
        if value is not None:
            changes[name] = value
    if settings_json:  # a farm's job: all of them in one parameter
        preset_name, changes = parse_settings(settings_json)
    changes.update(parse_assignments(assignments or []))
    if write_clean is not None:
        changes["clean_layer"] = True  # the files are taken from this layer
    chosen = resolve(preset_name, changes)
    clean = Path(one_clean_plate([str(one) for one in cleans], str(output), input_space))
    mattes = {
        Role.GARBAGE: garbage, Role.CORE: core, Role.HOLDOUT: holdout, Role.TRIMAP: trimap,
    }  # fmt: skip

    if frames is not None or is_pattern(str(image)):
        if no_server:
            raise InputError("--no-server solves one plate; leave it out for a sequence.")
        shot = Shot(
            image.name.split(".")[0] or image.name, str(image), str(clean), str(output),
            parse_frames(from_openjd(frames) if openjd and frames else frames),
            space=input_space, settings=chosen.settings, settings_on_cpu=chosen.settings_on_cpu,
            around=parse_frames(from_openjd(around) if openjd and around else around),
            garbage=_named(garbage), core=_named(core), holdout=_named(holdout),
            trimap=_named(trimap),
        )  # fmt: skip
        run_and_conclude(
            [shot], missing=missing, redo=redo, as_json=as_json, quiet=quiet, openjd=openjd,
            check=not no_check, chunk=chunk, sheet=sheet, movie=movie, clean=write_clean,
        )  # fmt: skip
        return

    plates = [_plate(image, Role.IMAGE, input_space), _plate(clean, Role.CLEAN, input_space)]
    plates += [_plate(path, role, "raw") for role, path in mattes.items() if path is not None]
    job = Job((Frame(1, tuple(plates)),), *chosen)

    outputs, fitted = {1: str(output.absolute())}, {}
    if write_clean is not None:
        taken = [*outputs.values(), *(plate.path for plate in plates)]
        fitted = clean_outputs(str(write_clean), [1], taken)
    run = run_directly if no_server else run_in_engine
    layers = watched(run(job, outputs), quiet)
    if fitted:
        write_clean_plates(outputs, fitted, input_space)
    if as_json:
        print_json({"ok": True, **layers.to_json()})
    elif not quiet:
        seconds = layers.seconds.get("total", sum(layers.seconds.values()))
        size = f"{layers.width}x{layers.height}"
        used = f"preset {layers.settings.preset} on {layers.device}"
        out.print(" ".join([f"Wrote {output} ({size}, {used}, {seconds:.1f} s).", *layers.notes]))


def view(
    result: Annotated[
        Path, typer.Argument(help="An EXR that `dmp matte` wrote, or matte.####.exr.")
    ],
    output: Annotated[
        Path, typer.Option("--output", "-o", help="The picture to write (PNG), or a movie.")
    ],
    image: Annotated[
        Optional[Path], typer.Option("--image", help="The plate, if it has moved.")
    ] = None,
    clean: Annotated[
        Optional[Path], typer.Option("--clean", help="The clean plate, if it has moved.")
    ] = None,
    over: Annotated[
        Optional[Path], typer.Option("--over", help="A picture to put behind the subject.")
    ] = None,
    as_json: Json = False,
) -> None:
    """Make a contact sheet of a frame or of a shot, or a movie of a shot."""
    pattern = FilePattern.parse(str(result)) if is_pattern(str(result)) else None
    if pattern is not None:
        _view_shot(pattern, output, as_json)
        return
    arguments = ["view", str(result), "--output", str(output)]
    for name, path in (("--image", image), ("--clean", clean), ("--over", over)):
        if path is not None:
            arguments += [name, str(path)]
    answer = query_engine(*arguments)
    if as_json:
        print_json(answer)
    else:
        out.print(f"Wrote {output}.")


def _view_shot(pattern: FilePattern, output: Path, as_json: bool) -> None:
    results = {number: os.path.abspath(pattern.path(number)) for number in pattern.frames()}
    if not results:
        raise PlateError(f"There is no file {pattern}; check the name.")
    if output.suffix.lower() in MOVIES:
        write_movie(results, str(output.absolute()))
    else:
        write_sheet(results, str(output.absolute()), os.path.basename(str(pattern)))
    if as_json:
        print_json({"ok": True, "path": str(output), "frames": list(results)})
    else:
        out.print(f"Wrote {output}.")


def _named(path: Optional[Path]) -> str:
    """A farm's job passes an empty text for a matte that there is none of."""
    return "" if path is None or str(path) == "." else str(path)


def _plate(path: Path, role: Role, space: str) -> Plate:
    return Plate(str(path.absolute()), role, space)
