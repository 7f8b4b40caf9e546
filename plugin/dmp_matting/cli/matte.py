"""The commands `dmp matte` and `dmp view`: the matte of a plate or a sequence, and a look at it."""

# No `from __future__ import annotations`: on Python 3.9 typer would not see the Annotated options.

import os
from pathlib import Path
from typing import Annotated, Dict, List, Optional

import typer

from ..client.engine_process import query_engine
from ..errors import InputError, PlateError
from ..farm.openjd import from_openjd
from ..settings import Value
from ..shots.local_executor import LocalExecutor
from ..shots.movies import is_movie
from ..shots.process_executor import ProcessExecutor
from ..shots.review import write_movie, write_sheet
from ..shots.sequences import FilePattern, is_pattern, shot_name
from ..shots.shot import Shot
from .median_clean import one_clean_plate
from .options import (
    CleanSpace,
    Frames,
    FramesPerSecond,
    InputSpace,
    LayerName,
    MatteOptions,
    Premultiplied,
    RunOptions,
    SettingsOptions,
    grouped,
    parse_frames,
)
from .output import EXIT_CODES, Json, out, print_json
from .run_shots import run_and_conclude

MOVIES = (".mp4", ".mov", ".mkv")


def register(app: typer.Typer) -> None:
    """Add the commands of this file to the command `dmp`."""
    app.command(epilog=EXIT_CODES)(grouped(matte))
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
            "with its --clean: their median. 'auto': made of the shot's own frames.",
        ),
    ],
    output: Annotated[
        Path,
        typer.Option(
            "--output",
            "-o",
            help="The EXR to write, or matte.####.exr. With .mov (ProRes 4444) or .png (16 bit) "
            "that, too: the EXRs lie in a folder beside it.",
        ),
    ],
    mattes: MatteOptions,
    settings: SettingsOptions,
    run: RunOptions,
    frames: Frames = None,
    input_space: InputSpace = "auto",
    clean_space: CleanSpace = "",
    layer: LayerName = "",
    fps: FramesPerSecond = None,
    premultiplied: Premultiplied = False,
    write_clean: Annotated[
        Optional[Path],
        typer.Option(
            "--write-clean",
            help="Write the clean plate as it was fitted, too: clean_fitted.####.exr.",
        ),
    ] = None,
    sheet: Annotated[
        Optional[Path], typer.Option("--sheet", help="A contact sheet of the shot to write (PNG).")
    ] = None,
    movie: Annotated[
        Optional[Path],
        typer.Option("--movie", help="A movie of the shot to write, through ffmpeg."),
    ] = None,
    no_server: Annotated[
        bool,
        typer.Option(
            "--no-server", help="Solve in processes of its own instead of the shared engine."
        ),
    ] = False,
    openjd: Annotated[
        bool,
        typer.Option("--openjd", help="Print progress and failures for an OpenJD session."),
    ] = False,
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
    # The fitted clean plates are taken from a layer of the results.
    more: Dict[str, Value] = {"clean_layer": True} if write_clean is not None else {}
    chosen = settings.resolved(**more)
    still = frames is None and not is_pattern(str(image)) and not is_movie(str(image))
    if still and is_pattern(str(output)):
        raise InputError(
            f"The plate {image} is one still, but the output {output} is a sequence; "
            "give it a name without a frame number's place."
        )
    if openjd:
        frames, around = (text and from_openjd(text) for text in (frames, around))
    shot = Shot(
        shot_name(str(image)),
        str(image),
        one_clean_plate([str(one) for one in cleans], str(output), clean_space or input_space),
        str(output),
        parse_frames(frames),
        space=input_space,
        layer=layer,
        clean_space=clean_space,
        **chosen._asdict(),
        around=parse_frames(around),
        fps=fps or 0.0,
        premultiplied=premultiplied,
        **mattes.paths(),
    )
    run_and_conclude(
        [shot], run, executor=ProcessExecutor if no_server else LocalExecutor, openjd=openjd,
        sheet=sheet, movie=movie, clean=write_clean, still=still,
    )  # fmt: skip


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
