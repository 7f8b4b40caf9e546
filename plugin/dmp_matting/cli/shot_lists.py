"""Files that list shots: YAML, JSON, CSV, OpenTimelineIO. Each becomes the same rows, then Shots.

    preset: draft                      # in YAML and JSON: for shots without one of their own
    shots:
      - name: sh010
        image: sh010/plate.####.exr
        clean: sh010/clean.exr
        output: mattes/sh010.####.exr
        frames: 1001-1100x2            # left out: all on disk

A CSV has one column for each of these names. A timeline has a clip for each shot; what a clip
has no field for stands in its metadata under ``dmp``. Paths are relative to the file.
"""

import csv
import json
import os
from pathlib import Path
from typing import Any, Callable, Dict, List, Mapping, Sequence, Tuple
from urllib.parse import unquote, urlparse

from ..errors import InputError
from ..job import MATTES
from ..presets import resolve
from ..settings import Value, parse_assignments, parse_value
from ..shots.shot import Shot
from .median_clean import one_clean_plate
from .options import parse_frames

Row = Dict[str, Any]

PLATES = ("image", "clean", "output", *(role.value for role in MATTES))
SOLVER = ("device", "seed", "working_size", "threads")
COLUMNS = ("name", *PLATES, "frames", "input_space", "layer", "preset", *SOLVER, "set")


def read_shots(file: Path, defaults: Mapping[str, Any]) -> List[Shot]:
    """The shots of a file, in its order. InputError names the shot and the column that is wrong.

    ``defaults`` are the command line's options. A shot's own values win over the file's general
    ones, and those over the defaults. ``{shot}`` in an output or a clean plate becomes the name.
    """
    readers: Dict[str, Callable[[Path], List[Row]]] = {
        ".yaml": _yaml, ".yml": _yaml, ".json": _json, ".csv": _csv, ".otio": _otio,
        ".otioz": _otio, ".otiod": _otio,
    }  # fmt: skip
    reader = readers.get(file.suffix.lower())
    if reader is None:
        raise InputError(f"'{file}' is no list of shots; give a .yaml, .json, .csv or .otio file.")
    try:
        rows = reader(file)
    except OSError as reason:
        raise InputError(f"'{file}' cannot be read ({reason.strerror}).") from None
    except UnicodeDecodeError:
        raise InputError(f"'{file}' is not UTF-8 text.") from None
    if not rows:
        raise InputError(f"'{file}' names no shot.")
    return [_shot(row, number, file, defaults) for number, row in enumerate(rows, 1)]


def _shot(row: Row, number: int, file: Path, defaults: Mapping[str, Any]) -> Shot:
    values = {key: value for key, value in row.items() if value not in (None, "")}
    name = str(values.get("name", f"shot{number}"))
    where = f"Shot {name} of '{file.name}'"
    for key in values:
        if key not in COLUMNS:
            raise InputError(f"{where}: there is no '{key}'; known are {', '.join(COLUMNS)}.")
    # Relative paths of the file are relative to it; those of the command line to where it is typed.
    folder = os.path.dirname(os.path.abspath(file))
    for key in PLATES:
        if key == "clean" and key in values:
            stills = _texts(values[key])
            values[key] = [os.path.join(folder, os.path.expanduser(one)) for one in stills]
        elif key in values:
            values[key] = os.path.join(folder, os.path.expanduser(str(values[key])))
    values = {**{k: v for k, v in defaults.items() if v not in (None, "", [])}, **values}
    for key in ("image", "clean", "output"):
        if key not in values:
            raise InputError(f"{where} has no '{key}'.")
    paths = {
        key: str(values.get(key, "")).replace("{shot}", name) for key in PLATES if key != "clean"
    }
    space = str(values.get("input_space", "auto"))
    try:
        changes: Dict[str, Value] = {
            key: parse_value(key, str(values[key])) for key in SOLVER if key in values
        }
        changes.update(parse_assignments(_assignments(values.get("set"))))
        chosen = resolve(str(values.get("preset", "auto")), changes)
        frames = parse_frames(str(values["frames"]) if "frames" in values else None)
        stills = [one.replace("{shot}", name) for one in _texts(values["clean"])]
        clean = one_clean_plate(stills, paths["output"], space, make_folder=True)
    except InputError as error:
        raise type(error)(f"{where}: {error}") from None
    return Shot(
        name, paths["image"], clean, paths["output"], frames,
        space=space, layer=str(values.get("layer", "")),
        settings=chosen.settings, settings_on_cpu=chosen.settings_on_cpu,
        garbage=paths["garbage"], core=paths["core"], holdout=paths["holdout"],
        trimap=paths["trimap"],
    )  # fmt: skip


def _texts(given: Any) -> List[str]:
    """One path, or several: a list, or one text with ``;`` between."""
    if isinstance(given, (list, tuple)):
        return [str(one) for one in given]
    return [part.strip() for part in str(given).split(";") if part.strip()]


def _assignments(given: Any) -> List[str]:
    """FIELD=VALUE texts, from a mapping, a list, or one text with ``;`` between."""
    if isinstance(given, Mapping):
        return [f"{name}={str(value).lower() if isinstance(value, bool) else value}"
                for name, value in given.items()]  # fmt: skip
    if isinstance(given, (list, tuple)):
        return [str(one) for one in given]
    return [part.strip() for part in str(given or "").split(";") if part.strip()]


# --- readers -------------------------------------------------------------------------------------


def _yaml(file: Path) -> List[Row]:
    try:
        import yaml
    except ImportError:
        raise InputError(
            "YAML needs PyYAML (`pip install 'dmp-matting[batch]'`); CSV and JSON do not."
        ) from None
    try:
        return _rows(yaml.safe_load(file.read_text(encoding="utf-8")), file)
    except yaml.YAMLError as reason:
        mark = getattr(reason, "problem_mark", None)
        line = f" in line {mark.line + 1}" if mark else ""
        raise InputError(f"'{file}' is no valid YAML{line}.") from None


def _json(file: Path) -> List[Row]:
    try:
        return _rows(json.loads(file.read_text(encoding="utf-8")), file)
    except json.JSONDecodeError as reason:
        raise InputError(f"'{file}' is no valid JSON in line {reason.lineno}.") from None


def _rows(rows: Any, file: Path) -> List[Row]:
    """A list of shots, or a mapping with ``shots`` and values for all of them."""
    general: Row = {}
    if isinstance(rows, dict):
        general = {key: value for key, value in rows.items() if key != "shots"}
        rows = rows.get("shots")
        folder = os.path.dirname(os.path.abspath(file))
        for key in set(general) & set(PLATES):
            named = _texts(general[key]) if key == "clean" else [str(general[key])]
            places = [os.path.join(folder, one) for one in named]
            general[key] = places if key == "clean" else places[0]
    if not isinstance(rows, list) or not all(isinstance(row, dict) for row in rows):
        raise InputError(f"'{file}' has no list of shots; see docs/td/shots.md for its form.")
    return [{**general, **row} for row in rows]


def _csv(file: Path) -> List[Row]:
    with file.open(encoding="utf-8-sig", newline="") as lines:
        rows = []
        for row in csv.DictReader(lines, restkey="more", skipinitialspace=True):
            if "more" in row:
                raise InputError(
                    f"'{file}' has a line with more values than columns: {row['more']}"
                )
            rows.append({key.strip(): (value or "").strip() for key, value in row.items()})
    return [row for row in rows if any(row.values())]


def _otio(file: Path) -> List[Row]:
    try:
        import opentimelineio as otio
    except ImportError:
        raise InputError(
            "Timelines need OpenTimelineIO; install it with `pip install 'dmp-matting[batch]'`."
        ) from None
    if not file.exists():
        raise InputError(f"'{file}' does not exist.")
    try:
        timeline = otio.adapters.read_from_file(str(file))
    except Exception as reason:  # its adapters raise whatever they like
        raise InputError(f"'{file}' is no timeline that OpenTimelineIO reads ({reason}).") from None
    clips = timeline.find_clips() if hasattr(timeline, "find_clips") else []
    rows = []
    for clip in clips:
        image, frames = _media(clip, otio)
        if not image:
            continue  # sound, or a clip without media
        rows.append({
            "name": clip.name, "image": image, "frames": frames,
            **_plain(clip.metadata.get("dmp", {})),
        })  # fmt: skip
    return rows


def _plain(value: Any) -> Any:
    """Metadata as Python's own: OpenTimelineIO's die with their timeline."""
    if hasattr(value, "items"):
        return {str(key): _plain(one) for key, one in value.items()}
    if hasattr(value, "__iter__") and not isinstance(value, str):
        return [_plain(one) for one in value]
    return value


def _media(clip: Any, otio: Any) -> Tuple[str, str]:
    """The plate's pattern, and the frames that the edit uses."""
    media = clip.media_reference
    used = clip.trimmed_range()
    if isinstance(media, otio.schema.ImageSequenceReference):
        base = _path(media.target_url_base)
        digits = "#" * max(1, media.frame_zero_padding)
        image = os.path.join(base, f"{media.name_prefix}{digits}{media.name_suffix}")
        first, last = media.frame_range_for_time_range(used)
        return image, f"{first}-{last}" + (f"x{media.frame_step}" if media.frame_step > 1 else "")
    if isinstance(media, otio.schema.ExternalReference):
        first = used.start_time.to_frames()
        return _path(media.target_url), f"{first}-{used.end_time_inclusive().to_frames()}"
    return "", ""


def _path(url: str) -> str:
    """A file URL as a path; Windows' drive without the slash before it."""
    parsed = urlparse(url)
    if parsed.scheme != "file":
        return unquote(url) if not parsed.scheme else url
    path = unquote(parsed.path)
    return path[1:] if len(path) > 2 and path[2] == ":" else path


def named(shots: Sequence[Shot], only: str) -> List[Shot]:
    """The shots of these names, ``sh010,sh020``. InputError for one that is not there."""
    if not only:
        return list(shots)
    wanted = [name.strip() for name in only.split(",") if name.strip()]
    known = {shot.name: shot for shot in shots}
    for name in wanted:
        if name not in known:
            raise InputError(f"There is no shot '{name}'; the file has {', '.join(known)}.")
    return [known[name] for name in wanted]
