"""Options that several commands share; dataclasses of options that belong together.

A command decorated with ``grouped`` takes such a dataclass as one parameter, and typer sees an
option for each of its fields.
"""

# No `from __future__ import annotations`: on Python 3.9 typer would not see the Annotated options.

import dataclasses
import functools
import inspect
import json
import re
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, Callable, Dict, List, Optional, Sequence, Tuple

import typer
from fileseq.exceptions import FileSeqException
from fileseq.frameset import FrameSet

from ..errors import InputError
from ..keep import AT, BOX, EACH, LARGEST
from ..presets import PRESETS, Resolved, resolve
from ..settings import Value, parse_assignments, parse_value
from ..shots.events import Missing
from ..shots.sequences import MOST_DIGITS, check_length
from ..shots.shot import CHUNK

MOST_LETTERS = 100_000  # of a list of frames
PRESET_HELP = f"{', '.join(PRESETS)}, or auto: final on a CUDA GPU, draft on the CPU."

PresetName = Annotated[str, typer.Option("--preset", help=PRESET_HELP)]
DeviceName = Annotated[
    str, typer.Option("--device", help="auto (a CUDA GPU if there is one), cpu or cuda:N.")
]
InputSpace = Annotated[
    str,
    typer.Option(
        "--input-space",
        help="The plates' colour space, a name from OCIO; auto: scene-linear for EXR, sRGB "
        "for 8-bit; raw: values as stored.",
    ),
]
CleanSpace = Annotated[
    str,
    typer.Option(
        "--clean-space", help="The clean plate's colour space, where it is not the plate's."
    ),
]
LayerName = Annotated[
    str,
    typer.Option(
        "--layer",
        help="The layer to matte of a plate with several, as the file names it; of the clean plate "
        "too, if that has one of this name.",
    ),
]
KeepText = Annotated[
    Optional[str],
    typer.Option(
        "--keep",
        metavar="REGIONS",
        help="Which regions of the matte stay: all, largest, 'largest each', 'at X,Y[,X,Y...]' or "
        "'box X0,Y0,X1,Y1', in pixels from the upper left corner.",
    ),
]
Assignments = Annotated[
    Optional[List[str]],
    typer.Option("--set", metavar="FIELD=VALUE", help="Any setting of `dmp presets`."),
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
    typer.Option(
        "--missing", help="If frames lack files: fail lists them and stops, skip mattes the others."
    ),
]
FramesPerSecond = Annotated[
    Optional[float],
    typer.Option(
        "--fps",
        min=1,
        max=1000,
        help="Of an output .mov, where the plates do not state it; 24 if left out.",
    ),
]
Premultiplied = Annotated[
    bool,
    typer.Option(
        "--premultiplied", help="An output .mov is multiplied with alpha; straight if left out."
    ),
]
Overwrite = Annotated[
    bool,
    typer.Option(
        "--overwrite", help="Replace EXRs of other plates too, and files that DMP did not make."
    ),
]


def grouped(command: Callable[..., None]) -> Callable[..., None]:
    """The command with each parameter that is a dataclass spread into options, one a field."""
    signature = inspect.signature(command)
    groups: Dict[str, Any] = {
        name: parameter.annotation
        for name, parameter in signature.parameters.items()
        if dataclasses.is_dataclass(parameter.annotation)
    }
    parameters: List[inspect.Parameter] = []
    for name, parameter in signature.parameters.items():
        if name not in groups:
            parameters.append(parameter.replace(kind=inspect.Parameter.KEYWORD_ONLY))
            continue
        parameters += [
            inspect.Parameter(
                spec.name,
                inspect.Parameter.KEYWORD_ONLY,
                default=spec.default,
                annotation=spec.type,
            )
            for spec in dataclasses.fields(groups[name])
        ]

    @functools.wraps(command)
    def spread(**values: Any) -> None:
        for name, group in groups.items():
            own = {spec.name: values.pop(spec.name) for spec in dataclasses.fields(group)}
            values[name] = group(**own)
        command(**values)

    spread.__signature__ = signature.replace(parameters=parameters)  # type: ignore[attr-defined]
    spread.__annotations__ = {one.name: one.annotation for one in parameters}
    return spread


@dataclass(frozen=True)
class PresetOptions:
    """How to solve, in the options that every command has which solves."""

    preset: PresetName = "auto"
    device: DeviceName = "auto"
    assignments: Assignments = None

    def resolved(self, **more: Value) -> Resolved:
        """The settings, with ``more`` changes. Raises SettingsError."""
        return self._resolve(self.preset, {"device": self.device}, more)

    def _resolve(self, preset: str, changes: Dict[str, Value], more: Dict[str, Value]) -> Resolved:
        return resolve(preset, {**changes, **parse_assignments(self.assignments or []), **more})


@dataclass(frozen=True)
class SettingsOptions(PresetOptions):
    """How to solve, with the settings that have an option of their own."""

    seed: Annotated[
        Optional[int], typer.Option("--seed", help="The same seed gives the same matte.")
    ] = None
    threads: Annotated[
        Optional[int], typer.Option("--threads", help="CPU threads; 0 takes all cores.")
    ] = None
    keep: KeepText = None
    compression: Annotated[
        Optional[str],
        typer.Option(
            "--compression",
            help="Of the EXR: zip, zips, piz, rle, none, dwaa, dwab, zstd; with a level: dwaa:45.",
        ),
    ] = None
    depth: Annotated[
        Optional[str], typer.Option("--depth", help="Samples of the EXR: half or float.")
    ] = None
    autocrop: Annotated[
        bool, typer.Option("--autocrop", help="Trim the EXR's data window to the subject.")
    ] = False
    layer_names: Annotated[
        Optional[str],
        typer.Option("--layer-names", help="Of the EXR: 'alpha=matte foreground=fg'."),
    ] = None
    settings_json: Annotated[str, typer.Option("--settings", hidden=True)] = ""

    def resolved(self, **more: Value) -> Resolved:
        """The settings, with ``more`` changes. ``--settings``, a farm's, replaces all but --set.

        Raises SettingsError, and InputError for what is no JSON object.
        """
        preset, changes = self.preset, {"device": self.device, **self._numbers()}
        if self.settings_json:
            preset, changes = parse_settings(self.settings_json)
        return self._resolve(preset, changes, more)

    def _numbers(self) -> Dict[str, Value]:
        names = ("seed", "threads", "keep", "depth", "layer_names")
        given = {name: getattr(self, name) for name in names}
        found = {name: value for name, value in given.items() if value is not None}
        if self.compression is not None:
            found["compression"], colon, level = self.compression.partition(":")
            if colon:
                found["dwa_level"] = parse_value("dwa_level", level)
        return {**found, "autocrop": True} if self.autocrop else found


@dataclass(frozen=True)
class MatteOptions:
    """Mattes of the artist's own: data, in the pixels of the plate."""

    garbage: Annotated[
        Optional[Path], typer.Option("--garbage", help="Matte outside of which alpha is 0.")
    ] = None
    core: Annotated[
        Optional[Path], typer.Option("--core", help="Matte inside of which alpha is 1.")
    ] = None
    holdout: Annotated[
        Optional[Path], typer.Option("--holdout", help="Matte inside of which alpha is 0.")
    ] = None
    trimap: Annotated[
        Optional[Path],
        typer.Option("--trimap", help="Black: alpha is 0; white: 1; in between DMP decides."),
    ] = None

    def paths(self) -> Dict[str, Any]:
        """The fields of a Shot. A farm's job passes an empty text for a matte that is not used."""
        given = {spec.name: getattr(self, spec.name) for spec in dataclasses.fields(self)}
        return {
            name: str(path)
            for name, path in given.items()
            if path is not None and str(path) not in ("", ".")
        }


@dataclass(frozen=True)
class RunOptions:
    """How to run shots, and what to print."""

    missing: MissingFrames = Missing.FAIL
    redo: Annotated[
        bool, typer.Option("--redo", help="Solve frames again that are finished already.")
    ] = False
    overwrite: Overwrite = False
    chunk: Annotated[
        int, typer.Option("--chunk", min=1, help="Frames a job; several devices want several jobs.")
    ] = CHUNK
    no_check: Annotated[
        bool, typer.Option("--no-check", help="Do not measure the finished frames at the end.")
    ] = False
    as_json: Annotated[
        bool,
        typer.Option(
            "--json", help="Print JSON on standard output; one object a line for a sequence."
        ),
    ] = False
    quiet: Annotated[
        bool, typer.Option("--quiet", "-q", help="Print only warnings and errors.")
    ] = False


def keep_as_one_word(arguments: Sequence[str]) -> List[str]:
    """``--keep at 400,300`` and ``--keep largest each`` without quotes mean one value.

    Other arguments stay as they are.
    """
    found: List[str] = []
    for one in arguments:
        kind = found[-1].lower() if found[-2:-1] == ["--keep"] else ""
        if kind in (AT, BOX) or (kind, one.lower()) == (LARGEST, EACH):
            found[-1] += f" {one}"
        else:
            found.append(one)
    return found


def parse_settings(text: str) -> Tuple[str, Dict[str, Value]]:
    """Preset and changes of a farm's job, one JSON object."""
    try:
        given = json.loads(text)
        return str(given.pop("preset", "auto")), dict(given)
    except (ValueError, AttributeError, TypeError, RecursionError):
        raise InputError(f"--settings wants a JSON object, not '{text[:60]}'.") from None


def parse_frames(text: Optional[str]) -> Tuple[int, ...]:
    """The frames that a person wrote, in order, each once; empty for None.

    Parts in any spelling that fileseq knows, with commas, semicolons or blanks between them.
    InputError for what is no frame range, and for what may be two things.
    """
    if text is None:
        return ()
    if len(text) <= MOST_LETTERS and re.search(r"\d\s+-\d", text):
        raise InputError(
            f"'{text[:60]}' may be a range or frames below zero; write 1001-1100, or 7,-5 with a "
            "comma."
        )
    parts = re.split(r"[,;\s]+", re.sub(r"(?<=\d)\s+-\s+(?=-?\d)", "-", text.strip()))
    frames: List[int] = []
    if not re.search(rf"\d{{{MOST_DIGITS},}}", text) and len(text) <= MOST_LETTERS:
        for first, last in re.findall(r"(-?\d+)-(-?\d+)", text):
            check_length(int(first), int(last))
        try:
            for part in filter(None, parts):
                frames += [int(frame) for frame in FrameSet(_whole(part))]
        except (FileSeqException, ValueError, ArithmeticError):
            frames = []
    if not frames:
        raise InputError(f"'{text[:60]}' is no frame range; write 1001-1100, 1001-1100x2 or 7,9.")
    return tuple(dict.fromkeys(frames))


def _whole(part: str) -> str:
    """``part`` of a range; ValueError where it names parts of frames, which no file has."""
    if "." in part:
        raise ValueError(part)
    return part
