"""The command `dmp publish`: a folder of plates through pyblish, headless."""

# No `from __future__ import annotations`: on Python 3.9 typer would not see the Annotated options.

import logging
from pathlib import Path
from typing import Annotated, Any, Dict, List, Optional

import typer

from ..client.requirements import how_to_add
from ..errors import InputError
from ..publish.request import LEAVE_OUT
from ..shots.events import Missing
from .options import (
    CleanSpace,
    Frames,
    InputSpace,
    LayerName,
    MissingFrames,
    PresetOptions,
    grouped,
    parse_frames,
)
from .output import EXIT_CODES, Json, err, out, print_json, styled

FRAMES = "ValidateFrames"
FIX = " Put the files back, or publish the other frames with --missing skip."


def register(app: typer.Typer) -> None:
    """Add the command of this file to the command `dmp`."""
    app.command(epilog=EXIT_CODES)(grouped(publish))


def publish(
    folder: Annotated[Path, typer.Argument(help="Plates and clean plate, or a folder of such.")],
    to: Annotated[Path, typer.Option("--to", help="Where shots get their versions: TO/shot/v001.")],
    settings: PresetOptions,
    input_space: InputSpace = "auto",
    clean_space: CleanSpace = "",
    layer: LayerName = "",
    frames: Frames = None,
    accept: Annotated[
        Optional[List[str]],
        typer.Option("--accept", help="A check of the result to overrule, by its name."),
    ] = None,
    missing: MissingFrames = Missing.FAIL,
    as_json: Json = False,
) -> None:
    """Check plates, matte them, check the mattes, publish all of them or nothing."""
    try:
        from ..publish.headless import publish_folder
    except ImportError:
        raise InputError(
            f"Publishing needs pyblish; install it with `{how_to_add('publish')}`."
        ) from None
    # Its log holds a traceback for every check that fails; here the sentences are the answer.
    logging.getLogger("pyblish").setLevel(logging.CRITICAL)
    data: Dict[str, Any] = {
        "dmpSettings": settings.resolved(), "dmpSpace": input_space,
        "dmpFrames": parse_frames(frames),
        "dmpCleanSpace": clean_space, "dmpLayer": layer,
    }  # fmt: skip
    repairs = {FRAMES: LEAVE_OUT} if missing is Missing.SKIP else {}
    failures, made = publish_folder(str(folder), str(to), tuple(accept or ()), repairs, **data)
    if as_json:
        rows = [{"check": c, "shot": shot, "message": text} for c, shot, text in failures]
        print_json({"ok": not failures, "published": made, "failures": rows})
    else:
        for check, _, sentence in failures:
            fix = FIX if check == FRAMES and missing is Missing.FAIL else ""
            err.print(styled(f"{check}: {sentence}{fix}", "red"))
        for path in made:
            out.print(f"Published {path}.")
    raise typer.Exit(InputError.exit_code if failures else 0)
