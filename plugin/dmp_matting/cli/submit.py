"""The command `dmp submit`: a job bundle for a farm, or run here by OpenJD's runner."""

# No `from __future__ import annotations`: on Python 3.9 typer would not see the Annotated options.

import sys
from pathlib import Path
from typing import Annotated, Any, Dict, Optional

import typer

from ..errors import InputError, OutputError, printable
from ..farm.openjd import IDLE, enter_session, leave_session, run_bundle, write_bundle
from ..shots.clean_plates import with_made_plates
from ..shots.events import Missing
from ..shots.follow import with_followed_subject
from ..shots.movies import is_movie
from ..shots.run import check_gaps, check_others
from ..shots.sequences import is_pattern, shot_name
from ..shots.shot import CHUNK, Shot, check_shots, file_name
from .options import (
    CleanSpace,
    Frames,
    InputSpace,
    KeepText,
    LayerName,
    MissingFrames,
    Overwrite,
    PresetOptions,
    grouped,
    parse_frames,
)
from .output import EXIT_CODES, Json, out, print_json
from .shot_lists import read_shots


def register(app: typer.Typer) -> None:
    """Add the commands of this file to the command `dmp`."""
    app.command(epilog=EXIT_CODES)(grouped(submit))
    app.command("farm-enter", hidden=True)(farm_enter)
    app.command("farm-exit", hidden=True)(farm_exit)


def submit(
    source: Annotated[Path, typer.Argument(help="plate.####.exr, or a file of shots.")],
    bundle: Annotated[
        Path,
        typer.Option("--bundle", help="Folder to write; a folder in it for each of many shots."),
    ],
    settings: PresetOptions,
    clean: Annotated[Optional[str], typer.Option("--clean", help="The clean plate.")] = None,
    output: Annotated[
        Optional[str], typer.Option("--output", "-o", help="matte.####.exr; {shot} for its name.")
    ] = None,
    frames: Frames = None,
    missing: MissingFrames = Missing.FAIL,
    overwrite: Overwrite = False,
    input_space: InputSpace = "auto",
    clean_space: CleanSpace = "",
    layer: LayerName = "",
    keep: KeepText = None,
    chunk: Annotated[int, typer.Option("--chunk", min=1, help="Frames a task.")] = CHUNK,
    python: Annotated[
        Optional[str], typer.Option("--python", help="The workers' Python that has dmp-matting.")
    ] = None,
    gpu: Annotated[bool, typer.Option("--gpu", help="Only for workers that have a GPU.")] = False,
    idle: Annotated[
        float, typer.Option("--idle", help="Seconds after which a lost session's engine ends.")
    ] = IDLE,
    run: Annotated[
        bool, typer.Option("--run", help="Run it on this machine, with OpenJD's runner.")
    ] = False,
    as_json: Json = False,
) -> None:
    """Write a job for a render farm, in Open Job Description; --run runs it here."""
    if is_pattern(str(source)) or is_movie(str(source)):
        if clean is None or output is None:
            raise InputError("A sequence or a movie wants --clean and --output.")
        name = shot_name(str(source))
        clean, output = (text.replace("{shot}", name) for text in (clean, output))
        shots = [Shot(name, str(source), clean, output, parse_frames(frames), "", "",
                      input_space, *settings.resolved(**({} if keep is None else {"keep": keep})),
                      layer=layer, clean_space=clean_space)]  # fmt: skip
    else:
        defaults: Dict[str, Any] = {
            "clean": clean, "output": output, "frames": frames, "preset": settings.preset,
            "device": settings.device, "input_space": input_space, "set": settings.assignments,
            "clean_space": clean_space, "layer": layer, "keep": keep,
        }  # fmt: skip
        shots = read_shots(source, defaults)
    for shot in shots:
        if shot.delivery:
            raise InputError(
                f"A farm's tasks write EXRs: name {shot.output} as the output, and make "
                f"{shot.delivery} of them afterwards, with `dmp matte` on the same frames."
            )
    shots = [with_made_plates(shot, make_folder=True) for shot in shots]
    check_shots(shots)
    check_gaps(shots, missing)
    if not overwrite:
        check_others(shots)
    shots = list(map(with_followed_subject, shots))  # once for all of the farm's tasks
    many = len(shots) > 1
    how: Dict[str, Any] = {
        "chunk": chunk, "missing": missing.value, "python": python or sys.executable, "idle": idle,
    }  # fmt: skip
    folders = [bundle / file_name(shot.name) if many else bundle for shot in shots]
    for shot, folder in zip(shots, folders):
        try:
            write_bundle(folder, shot, gpu=gpu, **how)
            Path(shot.output_of(shot.numbers()[0])).parent.mkdir(parents=True, exist_ok=True)
        except OSError as reason:
            raise OutputError(f"{folder} cannot be written ({reason.strerror}).") from None
    if as_json:
        print_json({"ok": True, "bundles": [str(folder) for folder in folders]})
    else:
        for folder in folders:
            out.print(f"Wrote the job bundle {folder}.")
    if run:
        codes = [run_bundle(folder) for folder in folders]
        raise typer.Exit(next((code for code in codes if code), 0))


def farm_enter(
    session: Annotated[Path, typer.Option("--session")],
    idle: Annotated[float, typer.Option("--idle")] = IDLE,
) -> None:
    """Start the engine of a session; an environment's onEnter."""
    for name, value in enter_session(session, idle).items():
        print(f"openjd_env: {name}={printable(value)}", flush=True)


def farm_exit(session: Annotated[Path, typer.Option("--session")]) -> None:
    """End the engine of a session; an environment's onExit."""
    leave_session(session)
