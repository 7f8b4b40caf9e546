"""The command `dmp cleanplate`: the clean plate of a shot that has none, of its own frames."""

# No `from __future__ import annotations`: on Python 3.9 typer would not see the Annotated options.

import dataclasses
import os
from pathlib import Path
from typing import Annotated, Any, Dict

import typer

from ..errors import InputError
from ..shots.clean_plates import frames_of, write_clean_plate
from ..shots.movies import is_movie, with_movie_frames
from ..shots.sequences import FilePattern, is_pattern, shot_name
from ..shots.shot import Shot
from ..shots.up_to_date import overwrites
from .options import Frames, InputSpace, LayerName, Overwrite, parse_frames
from .output import EXIT_CODES, Json, err, out, print_json


def register(app: typer.Typer) -> None:
    """Add the command of this file to the command `dmp`."""
    app.command(epilog=EXIT_CODES)(cleanplate)


def cleanplate(
    image: Annotated[
        Path,
        typer.Argument(help="The shot: plate.####.exr, in which the subject moves, or a movie."),
    ],
    output: Annotated[Path, typer.Option("--output", "-o", help="The EXR to write.")],
    frames: Frames = None,
    input_space: InputSpace = "auto",
    layer: LayerName = "",
    overwrite: Overwrite = False,
    as_json: Json = False,
) -> None:
    """Make a clean plate of a shot's own frames, with a map of what none of them shows."""
    written = os.path.abspath(output)
    if FilePattern.parse(str(output)) is not None or output.suffix.lower() != ".exr":
        raise InputError(f"The clean plate is one EXR; '{output}' is not the name of one.")
    stem = os.path.splitext(str(output))[0]
    shot = Shot(
        shot_name(str(image)), str(image), "", f"{stem}.####.exr", parse_frames(frames),
        space=input_space, layer=layer,
    )  # fmt: skip
    made_of = shot.image
    if is_movie(made_of):
        shot = with_movie_frames(shot, lambda sentence: err.print(sentence, markup=False))
    sentence = "" if overwrite else overwrites({written: [os.path.abspath(made_of)]})
    if sentence:
        raise InputError(f"{sentence} Choose another output, or add --overwrite.")
    numbers = shot.numbers() if is_pattern(shot.image) else (1,)
    with err.status("reading frames") as status:

        def on_frame(line: Dict[str, Any]) -> None:
            status.update(f"aligned {line['aligned']} of {line['of']} frames")

        report = write_clean_plate(frames_of(shot, numbers), written, made_of, on_frame)
    if as_json:
        print_json({"ok": True, **dataclasses.asdict(report)})
    else:
        out.print(f"Wrote {output}, {report}", markup=False)
