"""Options that several commands share, and the settings they make."""

# No `from __future__ import annotations`: on Python 3.9 typer would not see the Annotated options.

import json
from pathlib import Path
from typing import Annotated, Dict, List, Optional, Tuple

import typer
from fileseq.exceptions import ParseException
from fileseq.frameset import FrameSet

from ..errors import InputError
from ..presets import PRESETS
from ..settings import Value
from ..shots.events import Missing

PRESET_HELP = f"{', '.join(PRESETS)}, or auto: final on a CUDA GPU, draft on the CPU."

PresetName = Annotated[str, typer.Option("--preset", help=PRESET_HELP)]
DeviceName = Annotated[str, typer.Option("--device", help="auto, cpu or cuda:N.")]
InputSpace = Annotated[
    str,
    typer.Option(
        "--input-space",
        help="The plates' colour space, a name from OCIO; auto: scene-linear for EXR, sRGB "
        "for 8-bit; raw: values as stored.",
    ),
]
Assignments = Annotated[
    Optional[List[str]],
    typer.Option("--set", metavar="FIELD=VALUE", help="Any setting of `dmp presets`."),
]
Garbage = Annotated[
    Optional[Path], typer.Option("--garbage", help="Matte outside of which alpha is 0.")
]
Core = Annotated[Optional[Path], typer.Option("--core", help="Matte inside of which alpha is 1.")]
Holdout = Annotated[
    Optional[Path], typer.Option("--holdout", help="Matte inside of which alpha is 0.")
]
Trimap = Annotated[
    Optional[Path],
    typer.Option("--trimap", help="Black: alpha is 0; white: 1; in between DMP decides."),
]
WriteClean = Annotated[
    Optional[Path],
    typer.Option(
        "--write-clean", help="Write the clean plate as it was fitted, too: clean_fitted.####.exr."
    ),
]
Frames = Annotated[
    Optional[str],
    typer.Option(
        "--frames",
        help="Frames of a sequence: 1001-1100, 1001-1100x2, 7,9. All on disk if left out.",
    ),
]
MissingFrames = Annotated[
    Missing,
    typer.Option("--missing", help="Frames whose files are missing: fail names them, skip goes on"),
]
Redo = Annotated[bool, typer.Option("--redo", help="Solve frames again that are finished already.")]
Sheet = Annotated[
    Optional[Path], typer.Option("--sheet", help="A contact sheet of the shot to write (PNG).")
]
Movie = Annotated[
    Optional[Path], typer.Option("--movie", help="A movie of the shot to write, through ffmpeg.")
]
Chunk = Annotated[
    int,
    typer.Option("--chunk", min=1, help="Frames a job; several devices want several jobs."),
]
NoCheck = Annotated[
    bool, typer.Option("--no-check", help="Leave out the measuring of finished frames at the end.")
]
JsonLines = Annotated[
    bool,
    typer.Option("--json", help="Print JSON on standard output; one object a line for a sequence."),
]
Quiet = Annotated[bool, typer.Option("--quiet", "-q", help="Say only warnings and errors.")]
OpenJd = Annotated[
    bool,
    typer.Option("--openjd", help="Tell progress and failures to an OpenJD session."),
]
SettingsJson = Annotated[str, typer.Option("--settings", hidden=True)]


def parse_settings(text: str) -> Tuple[str, Dict[str, Value]]:
    """Preset and changes of a farm's job, one JSON object."""
    try:
        told = json.loads(text)
        return str(told.pop("preset", "auto")), dict(told)
    except (ValueError, AttributeError, TypeError):
        raise InputError(f"--settings wants a JSON object, not '{text}'.") from None


def parse_frames(text: Optional[str]) -> Tuple[int, ...]:
    """The frames that a person wrote, in any spelling that fileseq knows; empty for None."""
    if text is None:
        return ()
    try:
        frames = tuple(int(frame) for frame in FrameSet(text.replace(" ", "")))
    except (ParseException, ValueError):
        frames = ()
    if not frames:
        raise InputError(f"'{text}' is no frame range; write 1001-1100, 1001-1100x2 or 7,9.")
    return frames
