"""`python -m dmp_engine shot WHAT REQUEST.json`: looks at the frames of a shot, solves nothing.

The request is a JSON file, since a command line is too short for a thousand names:

    measure   {"frames": [{"number", "result", "image"?, "clean"?}]}       a line for each frame
    sheet     {"frames": [{"number", "result"}], "output", "title"}
    movie     {"frames": [{"number", "result"}], "output", "rate"?}
    probe     {"plates": [Plate], "pixels": false}                         a line for each plate
    match     {"frames": [{"number", "image": Plate, "clean": Plate}]}     a line for each frame
    clean     {"frames": [{"number", "result", "output"}], "space"}        a line for each frame
    frames    {"movie", "folder", "wanted", "named", "one"}                a line for each picture,
              {"movie", "folder", "wanted", "named", "plate"}, of a clean movie    and a last one
    deliver   {"files": [{"path", "record", "frames": [{"number", "result"}]}],
               "fps", "premultiplied"}                     a line for each frame, and a last one
    stills    {"stills": [path], "output", "space", "inputs"}          several clean plates to one
    background {"plates": [Plate], "output", "inputs", "made_of"}      the shot's own clean plate:
                                                                a line for each frame, a last one

Answers are JSON lines; the last is ``{"ok": true}`` or the error (machine/answer.py).
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from dmp_matting.job import Plate

from ..machine.answer import Lines


def shot_lines(what: str, request: Path) -> Lines:
    """The lines that answer the request."""
    yield from _found(what, json.loads(request.read_text(encoding="utf-8")))
    yield {"ok": True}


def _found(what: str, query: dict[str, Any]) -> Lines:
    if what == "measure":
        from .measures import measure_frames

        for measure in measure_frames(query["frames"]):
            yield measure.to_json()
        return
    if what == "probe":
        from .probe import probe_plate

        for plate in query["plates"]:
            yield probe_plate(Plate.from_json(plate), pixels=query.get("pixels", False))
        return
    if what == "match":
        from .probe import match_plates

        for entry in query["frames"]:
            found = match_plates(Plate.from_json(entry["image"]), Plate.from_json(entry["clean"]))
            yield {"frame": int(entry["number"]), **found}
        return
    if what == "clean":
        from .export_clean_plate import write_clean_file

        for entry in query["frames"]:
            write_clean_file(Path(entry["result"]), Path(entry["output"]), query["space"])
            yield {"frame": int(entry["number"]), "path": entry["output"]}
        return
    if what == "deliver":
        from .deliveries import make_deliveries

        yield from make_deliveries(
            query["files"], float(query["fps"]), bool(query["premultiplied"])
        )
        return
    if what == "stills":
        from .median_clean_plate import merge_stills

        merge_stills(query["stills"], Path(query["output"]), query["space"], query["inputs"])
        yield {"path": query["output"]}
        return
    if what == "background":
        from .shot_clean_plate import write_shot_clean_plate

        frames = [Plate.from_json(plate) for plate in query["plates"]]
        output = Path(query["output"])
        yield from write_shot_clean_plate(frames, output, query["inputs"], query["made_of"])
        return
    if what == "frames":
        from .movie_frames import write_clean_frames, write_plate_frames

        movie, folder = Path(query["movie"]), Path(query["folder"])
        wanted, named = query["wanted"], query["named"]
        if "plate" in query:
            yield from write_clean_frames(movie, folder, query["plate"], wanted, named)
        else:
            yield from write_plate_frames(movie, folder, wanted, named, query["one"])
        return
    from .shot_sheet import RATE, make_movie, make_shot_sheet

    results = [(int(entry["number"]), Path(entry["result"])) for entry in query["frames"]]
    output = Path(query["output"])
    if what == "sheet":
        yield {"path": str(output), "frames": make_shot_sheet(results, output, query["title"])}
    else:
        make_movie(results, output, float(query.get("rate", RATE)))
        yield {"path": str(output), "frames": [number for number, _ in results]}
