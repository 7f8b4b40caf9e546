"""Movies as plates: their pictures become image files beside the mattes, and the shot reads those.

    matte.####.exr from clip.mov  ->  matte.frames/plate/clip.####.png

They are made again only when the movie has changed, or when other frames are wanted. A frame's
number is its timecode's (pictures since midnight) where the movie has one; else they count from 1.
Standard library only, Python 3.9.
"""

from __future__ import annotations

import contextlib
import dataclasses
import json
import os
from pathlib import Path
from typing import Any, Callable, Dict, Iterable, List, Mapping, Sequence

from ..atomic_write import atomic_write
from ..client.file_states import FileStates
from ..errors import OutputError, PlateError
from ..job import Plate, Role
from .review import movie_frames
from .sequences import FilePattern, as_on_disk, beside, is_pattern
from .shot import Shot

SUFFIXES = (".mov", ".mp4", ".m4v", ".mkv", ".avi", ".mxf", ".webm", ".mts", ".m2ts", ".mpg")
RECORD = "frames.json"  # what the files of the folder were made from
FORM = 3  # of that record


def is_movie(path: str) -> bool:
    """Whether a plate is a movie, by its name."""
    return path.lower().endswith(SUFFIXES)


def with_movie_frames(
    shot: Shot, note: Callable[[str], None] = lambda sentence: None, make_folder: bool = False
) -> Shot:
    """``shot`` with image files in place of movies; itself where there is none.

    ``note`` is called with a sentence for each movie. ``make_folder``: also the output's folder.
    Raises PlateError and its kin, OutputError, EngineError.
    """
    if not is_movie(shot.image) and not is_movie(shot.clean):
        return shot
    folder = _folder_of(shot, make_folder)
    numbers: Sequence[int] = shot.frames
    whole: Sequence[int] = ()
    if is_movie(shot.image):
        wanted = sorted({*shot.frames, *shot.around})
        query: Dict[str, Any] = {
            "wanted": wanted, "named": shot.space != "auto",
            "one": len(shot.frames) != 1 and FilePattern.parse(shot.output) is None,
        }  # fmt: skip
        found = _made(Role.IMAGE, shot.image, folder / "plate", query)
        note(found["note"])
        first = found["first"]
        whole = range(first, first + found["count"])
        numbers = shot.frames or found["numbers"]
        shot = dataclasses.replace(shot, image=found["pattern"], frames=tuple(numbers))
    elif is_pattern(shot.image):
        whole = getattr(FilePattern.parse(shot.image), "frames", tuple)()
        numbers = shot.frames or whole
    if is_movie(shot.clean):
        query = {
            "wanted": sorted({*numbers, *shot.around}), "plate": list(whole),
            "named": (shot.clean_space or shot.space) != "auto",
        }  # fmt: skip
        found = _made(Role.CLEAN, shot.clean, folder / "clean", query)
        note(found["note"])
        shot = dataclasses.replace(shot, clean=found["pattern"])
    return shot


def _made(role: Role, text: str, folder: Path, query: Mapping[str, Any]) -> Dict[str, Any]:
    """The engine's answer for one movie: the recorded one while movie and files are the same."""
    movie = os.path.abspath(as_on_disk(text))
    if not os.path.isfile(movie) or not os.path.getsize(movie):
        raise PlateError(f"The {role.called} {text} is missing or empty; check the name.")
    plate, states = Plate(movie, role, "raw"), FileStates()
    record = _record(folder)
    if record.get("movie") == movie and _is_current(record, folder, query, plate, states):
        answer: Dict[str, Any] = record["answer"]
        return answer
    made: Dict[str, Any] = {"form": FORM, "movie": movie, "query": dict(query)}
    made.update(status=states.status(plate), content=states.content(plate))
    files: List[str] = []
    try:
        folder.mkdir(parents=True, exist_ok=True)
        for line in movie_frames({**query, "movie": movie, "folder": str(folder)}):
            if "file" in line:
                if not files:  # from here on they are not what it records
                    _remove([str(folder / RECORD)])
                files.append(line["file"])
            elif "pattern" in line:
                made["answer"] = line
        made["files"] = {os.path.basename(path): _state(path) for path in files}
        # Names only: the record may have come here with a copy of another shot's folder.
        old = {os.path.basename(path) for path in record.get("files", ())}
        _remove(str(folder / name) for name in old.difference(made["files"]))
        with atomic_write(folder / RECORD) as temporary:
            temporary.write_text(json.dumps(made), encoding="utf-8")
    except BaseException as reason:
        _remove(files)
        with contextlib.suppress(OSError):  # something else lies there
            folder.rmdir()
            folder.parent.rmdir()
        if isinstance(reason, OSError):
            raise OutputError(f"{folder} cannot be written ({reason.strerror}).") from None
        raise
    found: Dict[str, Any] = made["answer"]
    return found


def _remove(paths: Iterable[str]) -> None:
    for path in paths:
        with contextlib.suppress(OSError):
            os.unlink(path)


def _state(path: str) -> List[int]:
    """What the disk reports of a file, to see later whether it is the same. OSError."""
    status = os.stat(path)
    return [status.st_size, status.st_mtime_ns]


def _is_current(
    record: Mapping[str, Any], folder: Path, query: Mapping[str, Any], plate: Plate,
    states: FileStates,
) -> bool:  # fmt: skip
    """Whether the folder has all that ``query`` wants of the movie, and nothing has changed since.

    A record that somebody else wrote, or that lay in another folder, is not current.
    """
    try:
        files, answer = record["files"], record["answer"]
        return (
            record["form"] == FORM
            and _same_request(record, query)
            and (record["status"] == states.status(plate)
                 or record["content"] == states.content(plate))
            and all(_state(str(folder / name)) == state for name, state in files.items())
            and os.path.dirname(answer["pattern"]) == str(folder)
            and isinstance(answer["note"], str)
        )  # fmt: skip
    except (OSError, KeyError, TypeError, AttributeError):
        return False


def _same_request(record: Mapping[str, Any], query: Mapping[str, Any]) -> bool:
    """Whether the recorded files have all frames of ``query``, made in its way."""
    recorded, wanted = record["query"], set(query["wanted"])
    had = set(recorded["wanted"])
    if had:
        enough = bool(wanted) and wanted <= had
    else:  # all that the movie has
        enough = wanted <= set(record["answer"].get("numbers") or wanted)
    rest = {name: value for name, value in query.items() if name != "wanted"}
    return enough and rest == {name: recorded.get(name) for name in rest}


def _record(folder: Path) -> Dict[str, Any]:
    """The record of the folder, perhaps of an older form; empty where it is none."""
    try:
        record: Dict[str, Any] = json.loads((folder / RECORD).read_text(encoding="utf-8"))
        sound = all(isinstance(path, str) for path in record.get("files", ()))
    except (OSError, ValueError, AttributeError, TypeError, RecursionError):
        return {}
    return record if sound else {}


def _folder_of(shot: Shot, make_folder: bool) -> Path:
    """The folder for the pictures of the shot's movies, beside its mattes."""
    folder = Path(beside(shot.named_output, ".frames"))
    if not folder.parent.is_dir() and not make_folder:
        raise OutputError(f"The folder {folder.parent} does not exist; make it first.")
    return folder
