"""Finished shots looked at by the engine: numbers for a summary, a contact sheet, a movie; probes.

Each is a short process in the engine's Python, which has OpenImageIO; none of them solves anything
or needs the server. Standard library only, Python 3.9.
"""

from __future__ import annotations

import dataclasses
import json
import statistics
import tempfile
from pathlib import Path
from typing import Any, Dict, Generator, Iterable, List, Mapping, Optional, Sequence

from ..client.engine_process import EngineCommand
from ..job import Plate
from .sequences import range_text
from .shot import Shot

# A frame worth a look: measured on the furball and on our own good and broken mattes.
RESIDUAL_LIMIT = 0.04  # as displayed, of undecided pixels
DRIFT_LIMIT = 0.02
FLICKER_LIMIT = 0.08  # moving fur changes by 0.03 to 0.06, the truth as well
SPECKS_LIMIT = 2e-4  # share of the frame
HOLES_LIMIT = 1e-4  # share of the frame
CLIPPED_LIMIT = 4  # pixels


def measure_shot(shot: Shot, numbers: Iterable[int]) -> List[Dict[str, Any]]:
    """The engine's measures (engine/dmp_engine/review/measures.py) of finished frames, in order.

    Raises PlateError, MismatchError, EngineError.
    """
    frames = []
    for number in sorted(numbers):
        paths = {plate.role.value: plate.path for plate in shot.frame(number).plates}
        frames.append({"number": number, "result": shot.output_of(number),
                       "image": paths["image"], "clean": paths["clean"]})  # fmt: skip
    return [line for line in _engine_review("measure", {"frames": frames}) if "frame" in line]


def shot_sheet(shot: Shot, numbers: Iterable[int], output: str) -> None:
    """Write a contact sheet of up to six frames. Raises PlateError, OutputError."""
    write_sheet(shot.outputs(numbers), output, shot.name)


def shot_movie(shot: Shot, numbers: Iterable[int], output: str) -> None:
    """Write a movie of all these frames through ffmpeg. Raises OutputError where there is none."""
    write_movie(shot.outputs(numbers), output)


def write_sheet(results: Mapping[int, str], output: str, name: str) -> None:
    """A contact sheet of results by their frame, titled with ``name``."""
    title = f"{name}   {range_text(results)}"
    _drain(_engine_review("sheet", {**_results(results), "output": output, "title": title}))


def write_movie(results: Mapping[int, str], output: str) -> None:
    """A movie of results by their frame."""
    _drain(_engine_review("movie", {**_results(results), "output": output}))


def write_clean_plates(results: Mapping[int, str], outputs: Mapping[int, str], space: str) -> None:
    """The fitted clean plate of results that hold it as a layer, each as a file of its own.

    ``space`` is the plates' colour space, as in :class:`Plate`. Raises PlateError, OutputError.
    """
    frames = [
        {"number": number, "result": results[number], "output": outputs[number]}
        for number in sorted(results)
    ]
    _drain(_engine_review("clean", {"frames": frames, "space": space}))


def merge_stills(stills: Sequence[str], output: str, space: str, inputs: str) -> None:
    """The median of several clean plates as one EXR, which records ``inputs``: their state.

    Raises PlateError, MismatchError, OutputError.
    """
    request = {"stills": list(stills), "output": output, "space": space, "inputs": inputs}
    _drain(_engine_review("stills", request))


def shot_clean_plate(
    plates: Sequence[Plate], output: str, inputs: str, made_of: str, engine: EngineCommand
) -> Generator[Dict[str, Any], None, None]:
    """The clean plate of a shot's own frames (the engine's review/shot_clean_plate.py).

    A line for each frame, and a last one. Raises PlateError, MismatchError, OutputError, and
    CancelledError where ``engine`` is ended.
    """
    request = {"plates": [dataclasses.asdict(plate) for plate in plates], "output": output,
               "inputs": inputs, "made_of": made_of}  # fmt: skip
    return _engine_review("background", request, engine)


def movie_frames(request: Mapping[str, Any]) -> Generator[Dict[str, Any], None, None]:
    """The pictures of a movie as image files (the engine's review/movie_frames.py), a line each.

    Raises PlateError, ColourSpaceError, OutputError.
    """
    return _engine_review("frames", request)


def deliver(request: Mapping[str, Any]) -> Generator[Dict[str, Any], None, None]:
    """Movies and pictures of results (the engine's review/deliveries.py), a line for each frame.

    Raises PlateError, ColourSpaceError, OutputError.
    """
    return _engine_review("deliver", request)


def movie_writer() -> None:
    """OutputError where the engine's Python cannot write a movie."""
    _drain(_engine_review("deliver", {"files": [], "fps": 0, "premultiplied": False}))


def probe_plates(plates: Sequence[Plate], pixels: bool = False) -> List[Dict[str, Any]]:
    """The headers of files (the engine's review/probe.py)."""
    request = {"plates": [dataclasses.asdict(plate) for plate in plates], "pixels": pixels}
    return [line for line in _engine_review("probe", request) if "path" in line]


def match_plates(shot: Shot, numbers: Iterable[int]) -> List[Dict[str, Any]]:
    """How far plate and clean plate are alike (the engine's review/probe.py), a line each."""
    frames = []
    for number in numbers:
        plates = {one.role.value: dataclasses.asdict(one) for one in shot.frame(number).plates}
        frames.append({"number": number, "image": plates["image"], "clean": plates["clean"]})
    return [line for line in _engine_review("match", {"frames": frames}) if "frame" in line]


def summary_of(measures: Sequence[Mapping[str, Any]]) -> Dict[str, Optional[float]]:
    """Means over a shot of what ``measure_shot`` found; None where no frame has it."""
    found: Dict[str, Optional[float]] = {}
    for name in ("coverage", "undecided", "residual", "drift", "flicker", "confidence"):
        values = [measure[name] for measure in measures if measure[name] is not None]
        found[name] = round(statistics.fmean(values), 5) if values else None
    for name in ("specks", "holes", "clipped"):
        found[name] = max((measure[name] for measure in measures), default=None)
    return found


def flagged_frames(measures: Sequence[Mapping[str, Any]]) -> Dict[str, List[int]]:
    """Frames worth a look, by the reason in a sentence."""
    limits = (
        ("residual", RESIDUAL_LIMIT, "foreground and clean plate do not add up to the plate"),
        ("drift", DRIFT_LIMIT, "the light of the plate differs from the clean plate's"),
        ("flicker", FLICKER_LIMIT, "alpha flickers where the plate stands still"),
    )
    found: Dict[str, List[int]] = {}
    for measure in measures:
        for name, limit, sentence in limits:
            if measure[name] is not None and measure[name] > limit:
                found.setdefault(sentence, []).append(measure["frame"])
    return found


def _results(results: Mapping[int, str]) -> Dict[str, Any]:
    return {"frames": [{"number": n, "result": results[n]} for n in sorted(results)]}


def _engine_review(
    what: str, request: Mapping[str, Any], engine: Optional[EngineCommand] = None
) -> Generator[Dict[str, Any], None, None]:
    with tempfile.TemporaryDirectory(prefix="dmp-") as folder:
        file = Path(folder) / "request.json"
        file.write_text(json.dumps(request), encoding="utf-8")
        yield from (engine or EngineCommand()).lines("shot", what, str(file))


def _drain(lines: Iterable[Dict[str, Any]]) -> None:
    for _ in lines:
        pass
