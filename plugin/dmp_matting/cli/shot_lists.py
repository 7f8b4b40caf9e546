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
import itertools
import json
import math
import os
import subprocess
import sys
from pathlib import Path
from typing import Any, Callable, Dict, Iterable, List, Mapping, Sequence, Set, Tuple

from ..client.engine_python import python_command
from ..client.requirements import how_to_add
from ..errors import InputError, from_wire
from ..job import MATTES
from ..presets import resolve
from ..settings import SWITCH, Value, parse_assignments, parse_value
from ..shots.clean_plates import AUTO_CLEAN
from ..shots.sequences import MOST_DIGITS
from ..shots.shot import Shot, path_below
from .median_clean import one_clean_plate
from .options import parse_frames
from .timelines import Row

LARGEST = 64 << 20  # bytes of a list of shots
MOST_VALUES = 1_000_000  # of a YAML file, with its aliases written out
LONGEST_TEXT = 100_000  # letters of a value
TIMELINE_SECONDS = 60

PLATES = ("image", "clean", "output", *(role.value for role in MATTES))
LISTS = ("clean", "set", "frames", "around")  # what may be a list
SOLVER = ("device", "seed", "threads", "keep")
COLUMNS = (
    "name", *PLATES, "frames", "around", "input_space", "clean_space", "layer", "preset", *SOLVER,
    "set", "fps", "premultiplied",
)  # fmt: skip


def read_shots(file: Path, defaults: Mapping[str, Any]) -> List[Shot]:
    """The shots of a file, in its order. InputError names the shot and the column that is wrong.

    ``defaults`` are the command line's options. A shot's own values win over the file's general
    ones, and those over the defaults. ``{shot}`` in an output or a clean plate becomes the name.
    """
    readers: Dict[str, Callable[[Path], List[Row]]] = {
        ".yaml": _yaml, ".yml": _yaml, ".json": _json, ".csv": _csv, ".otio": _timeline,
        ".otioz": _timeline, ".otiod": _timeline,
    }  # fmt: skip
    reader = readers.get(file.suffix.lower())
    if reader is None:
        raise InputError(f"'{file}' is no list of shots; give a .yaml, .json, .csv or .otio file.")
    try:
        if file.exists() and not file.is_file():
            raise InputError(f"'{file}' is no file.")
        if file.exists() and file.stat().st_size > LARGEST:
            raise InputError(f"'{file}' is larger than {LARGEST >> 20} MB; it is no list of shots.")
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
    for key, value in values.items():
        _check_plain(key, value, number, file)
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
            values[key] = [_place(folder, one) for one in stills]
        elif key in values:
            values[key] = os.path.join(folder, os.path.expanduser(str(values[key])))
    values = {**{k: v for k, v in defaults.items() if v not in (None, "", [])}, **values}
    for key in ("image", "clean", "output"):
        if key not in values:
            raise InputError(f"{where} has no '{key}'.")
    paths = {
        key: str(values.get(key, "")).replace("{shot}", name) for key in PLATES if key != "clean"
    }
    paths["output"] = str(values["output"]).replace("{shot}", path_below(name))
    space = str(values.get("input_space", "auto"))
    clean_space = str(values.get("clean_space", ""))
    try:
        changes: Dict[str, Value] = {
            key: parse_value(key, str(values[key])) for key in SOLVER if key in values
        }
        changes.update(parse_assignments(_assignments(values.get("set"))))
        chosen = resolve(str(values.get("preset", "auto")), changes)
        frames, around = (
            parse_frames(_frames(values[key]) if key in values else None)
            for key in ("frames", "around")
        )
        stills = [one.replace("{shot}", name) for one in _texts(values["clean"])]
        clean = one_clean_plate(stills, paths["output"], clean_space or space, make_folder=True)
        fps = _fps(values.get("fps", 0))
        premultiplied = _switch("premultiplied", values.get("premultiplied", False))
    except InputError as error:
        raise type(error)(f"{where}: {error}") from None
    return Shot(
        name, paths["image"], clean, paths["output"], frames,
        space=space, layer=str(values.get("layer", "")), clean_space=clean_space,
        **chosen._asdict(), around=around,
        garbage=paths["garbage"], core=paths["core"], holdout=paths["holdout"],
        trimap=paths["trimap"], fps=fps, premultiplied=premultiplied,
    )  # fmt: skip


def _place(folder: str, clean: str) -> str:
    """A clean plate's path from the file's folder; ``auto`` is none."""
    path = os.path.join(folder, os.path.expanduser(clean))
    return clean if clean == AUTO_CLEAN and not os.path.exists(path) else path


def _check_plain(key: Any, value: Any, number: int, file: Path) -> None:
    """InputError for a value that is nested deeper than a list of texts, or endlessly long."""
    parts = [key]
    if isinstance(value, Mapping):
        parts += [*value.keys(), *value.values()]
    else:
        parts += value if isinstance(value, (list, tuple)) else [value]
    wrong = isinstance(value, (Mapping, list, tuple)) and key not in LISTS
    for part in parts:
        wrong = wrong or isinstance(part, (Mapping, list, tuple, set))
        wrong = wrong or (isinstance(part, int) and abs(part) >= 10**MOST_DIGITS)
        wrong = wrong or (isinstance(part, str) and not _is_text(part))
    if wrong:
        raise InputError(f"Shot {number} of '{file.name}' has a value of '{str(key)[:60]}' that is "
                         "no text or number; see docs/td/shots.md.")  # fmt: skip


def _is_text(part: str) -> bool:
    """Whether a file could have this name: no NUL, no half of a character, not endless."""
    try:
        os.fsencode(part)
    except UnicodeEncodeError:
        return False
    return "\0" not in part and len(part) <= LONGEST_TEXT


def _texts(given: Any) -> List[str]:
    """One path, or several: a list, or one text with ``;`` between."""
    if isinstance(given, (list, tuple)):
        return [str(one) for one in given]
    return [part.strip() for part in str(given).split(";") if part.strip()]


def _frames(given: Any) -> str:
    """A range as text, also from a list of frames and ranges."""
    several = isinstance(given, (list, tuple))
    return ",".join(str(one) for one in given) if several else str(given)


def _fps(given: Any) -> float:
    """Frames a second. InputError for what is no number."""
    try:
        return float(given)
    except (TypeError, ValueError):
        raise InputError(f"fps is '{given}', which is no number; write 25 or 23.976.") from None


def _switch(name: str, given: Any) -> bool:
    """On or off. InputError for what is neither."""
    try:
        return SWITCH[str(given).lower()]
    except KeyError:
        raise InputError(f"{name} is '{given}'; write on or off.") from None


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
            f"YAML needs PyYAML (`{how_to_add('batch')}`); CSV and JSON do not."
        ) from None
    text = file.read_text(encoding="utf-8-sig")
    try:
        loader = _plain_loader(yaml, file)(text)
        node = loader.get_single_node()
        if node is None:
            return []
        if _written_out(node, {}) > MOST_VALUES:
            raise InputError(f"'{file}' repeats itself too often; write it without aliases.")
        return _rows(loader.construct_document(node), file)
    except yaml.YAMLError as reason:
        mark = getattr(reason, "problem_mark", None)
        line = f" in line {mark.line + 1}" if mark else ""
        raise InputError(f"'{file}' is no valid YAML{line}.") from None
    except (ValueError, OverflowError, RecursionError):  # a date or a number that there is not
        raise InputError(f"'{file}' has a value that is none, or is nested too deep.") from None


def _written_out(node: Any, known: Dict[int, float]) -> float:
    """How many values a YAML node has with its aliases written out; endless for a circle."""
    if id(node) not in known:
        known[id(node)] = math.inf  # until its parts are counted
        parts = node.value if isinstance(node.value, list) else []
        pairs = (one if isinstance(one, tuple) else (one,) for one in parts)
        known[id(node)] = 1 + sum(_written_out(part, known) for pair in pairs for part in pair)
    return known[id(node)]


def _check_once(names: Iterable[str], file: Path) -> None:
    """InputError for a name that stands twice in one place: readers would drop the first value."""
    seen: Set[str] = set()
    for name in names:
        if name in seen:
            raise InputError(
                f"'{file}' has '{name[:60]}' twice in one place; keep one of the two values."
            )
        seen.add(name)


def _plain_loader(yaml: Any, file: Path) -> Any:
    """A loader that keeps scalars as they are written: 010, no and 1:30 are names, not numbers.

    It raises InputError for a name that stands twice in one mapping of ``file``.
    """
    kept = (":null", ":merge")

    class Loader(yaml.SafeLoader):  # type: ignore[misc]
        yaml_implicit_resolvers = {
            first: [(tag, pattern) for tag, pattern in resolvers if tag.endswith(kept)]
            for first, resolvers in yaml.SafeLoader.yaml_implicit_resolvers.items()
        }

        def compose_mapping_node(self, anchor: Any) -> Any:
            node = super().compose_mapping_node(anchor)
            _check_once((key.value for key, _ in node.value if isinstance(key.value, str)), file)
            return node

    return Loader


def _json(file: Path) -> List[Row]:
    try:
        text = file.read_text(encoding="utf-8-sig")
        return _rows(json.loads(text, object_pairs_hook=lambda pairs: _once(pairs, file)), file)
    except json.JSONDecodeError as reason:
        raise InputError(f"'{file}' is no valid JSON in line {reason.lineno}.") from None
    except (ValueError, RecursionError) as reason:
        if isinstance(reason, UnicodeDecodeError):
            raise
        raise InputError(
            f"'{file}' has a number that is too long, or is nested too deep."
        ) from None


def _once(pairs: List[Tuple[str, Any]], file: Path) -> Row:
    _check_once((name for name, _ in pairs), file)
    return dict(pairs)


def _rows(rows: Any, file: Path) -> List[Row]:
    """A list of shots, or a mapping with ``shots`` and values for all of them."""
    general: Row = {}
    if isinstance(rows, dict):
        general = {key: value for key, value in rows.items() if key != "shots"}
        rows = rows.get("shots")
        folder = os.path.dirname(os.path.abspath(file))
        for key in set(general) & set(PLATES):
            named = _texts(general[key]) if key == "clean" else [str(general[key])]
            places = [_place(folder, one) if key == "clean" else os.path.join(folder, one)
                      for one in named]  # fmt: skip
            general[key] = places if key == "clean" else places[0]
    if not isinstance(rows, list) or not all(isinstance(row, dict) for row in rows):
        raise InputError(f"'{file}' has no list of shots; see docs/td/shots.md for its form.")
    return [{**general, **row} for row in rows]


def _csv(file: Path) -> List[Row]:
    with file.open(encoding="utf-8-sig", newline="") as lines:
        rows = []
        first = lines.readline()
        delimiter = max(",;\t", key=first.count)  # Excel writes what its country does
        table = itertools.chain([first], lines)
        try:
            names = next(csv.reader([first], skipinitialspace=True, delimiter=delimiter), [])
            _check_once(filter(None, map(str.strip, names)), file)
            for row in csv.DictReader(
                table, restkey="more", skipinitialspace=True, delimiter=delimiter
            ):
                if "more" in row:
                    raise InputError(
                        f"'{file}' has a line with more values than columns: {row['more']}"
                    )
                rows.append({key.strip(): (value or "").strip() for key, value in row.items()})
        except csv.Error as reason:
            raise InputError(f"'{file}' is no valid CSV ({reason}).") from None
    return [row for row in rows if any(row.values())]


def _timeline(file: Path) -> List[Row]:
    """The clips of a timeline, read by a process of its own: libraries may crash or never end."""
    command = python_command(
        sys.executable, "dmp_matting.cli.timeline_process",
        roots=[one for one in sys.path if one], package=str(Path(__file__).parents[1]),
    )  # fmt: skip
    try:
        done = subprocess.run(
            [*command, str(file)], stdin=subprocess.DEVNULL, capture_output=True,
            timeout=TIMELINE_SECONDS, check=False,
        )  # fmt: skip
        answer = json.loads(done.stdout)
    except subprocess.TimeoutExpired:
        raise InputError(f"'{file}' takes longer than {TIMELINE_SECONDS} s to read.") from None
    except (OSError, ValueError, RecursionError):
        raise InputError(f"'{file}' is no timeline that OpenTimelineIO reads.") from None
    if "error" in answer:
        raise from_wire(answer)
    rows: List[Row] = answer["rows"]
    return rows


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
