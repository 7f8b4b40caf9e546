"""What is made of finished EXRs on request: a ProRes 4444 movie, or 16-bit PNG.

    out.mov, out.####.png  of  out.mattes/out.####.exr

The EXRs stay the only record of what is solved. A delivery has in it what it was made of: the
plate, and a digest of the EXRs' headers and sizes, so that it is made again only when one of them
is another, and another plate's is never replaced unasked. Standard library only, Python 3.9.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
from contextlib import closing
from pathlib import Path
from typing import (
    Any,
    BinaryIO,
    Dict,
    Generator,
    Iterable,
    Iterator,
    List,
    Mapping,
    Optional,
    Sequence,
    Tuple,
)

from ..atomic_write import check_output, no_folder, sweep_abandoned
from ..errors import OutputError
from ..exr_header import read_exr_header
from ..paths import open_regular
from ..version import __version__
from .review import deliver, movie_writer
from .sequences import FilePattern, file_of, is_pattern, range_text
from .shot import MOVIE, PICTURE, Shot

FORM = 1  # of the record; another one is made again
RECORD = b'{"dmp_delivery"'  # its first letters in the file
LONGEST_RECORD = 65535  # bytes; the length of a text in a movie has 16 bits
LARGEST = 64 << 20  # bytes of the part of a file that has the record
PNG = b"\x89PNG\r\n\x1a\n"


def check_deliveries(shots: Sequence[Shot], make_folders: bool) -> None:
    """Raise, before any work, what keeps the shots' movies and pictures from being made.

    OutputError, InputError; EngineError and its kin.
    """
    movies = False
    for shot in shots:
        numbers = shot.numbers() if shot.delivery else ()
        files = shot.deliveries(numbers)
        there = [path for path in files if os.path.exists(path)]
        plates = {
            os.path.realpath(one.path) for n in numbers if there for one in shot.frame(n).plates
        }
        for path in files:
            folder = os.path.dirname(path)
            if make_folders:
                make_folder(folder)
            if not os.path.exists(folder):
                raise no_folder(folder)
            if plates and os.path.realpath(path) in plates:
                raise OutputError(f"'{path}' is one of the plates; choose another output name.")
            check_output(Path(path), suffix=os.path.splitext(path)[1])
            movies = movies or path.lower().endswith(MOVIE)
    if movies:
        movie_writer()


def make_folder(folder: str) -> None:
    """Make an output folder. OutputError."""
    try:
        os.makedirs(folder, exist_ok=True)
    except OSError as reason:
        raise OutputError(
            f"The output folder {folder} cannot be made ({reason.strerror})."
        ) from None


@contextlib.contextmanager
def without_empty_folders(shots: Sequence[Shot]) -> Iterator[None]:
    """Removes DMP's own folders of EXRs at the end where none was written."""
    try:
        yield
    finally:
        for shot in shots:
            if shot.delivery:
                with contextlib.suppress(OSError):
                    os.rmdir(os.path.dirname(os.path.abspath(shot.output)))


def shorter_movies(shots: Iterable[Shot]) -> str:
    """A sentence where a movie would be replaced by one that lacks frames of it; else ""."""
    for shot in shots:
        for path, numbers in shot.deliveries(shot.numbers()).items():
            first, last, count = _frames_of(path) or (min(numbers), max(numbers), 0)
            if first < min(numbers) or last > max(numbers) or count > len(numbers):
                return (
                    f"{shot.name}: {path} has {count} frames, {first}-{last}; made of "
                    f"{range_text(numbers)} alone it would lose some. Name all frames,"
                )
    return ""


def _frames_of(path: str) -> Optional[Tuple[int, int, int]]:
    """First, last and number of the frames that a file was made of, as it records them."""
    frames = delivery_record(path).get("frames")
    if not isinstance(frames, list) or [type(one) for one in frames] != 3 * [int]:
        return None
    first, last, count = frames
    return first, last, count


def delivered_plate(path: str) -> str:
    """The plate of the movie or picture ``path``; empty where DMP did not make it."""
    return str(delivery_record(path).get("image", ""))


def write_deliveries(shot: Shot, numbers: Sequence[int], again: bool) -> Generator[str, None, None]:
    """Make what is to be made of the frames ``numbers``, which are finished; yields sentences.

    One comes before the work and one after it. Files that are current stay, unless ``again``; where
    all do there is no sentence. Raises PlateError, ColourSpaceError,
    OutputError, EngineError and its kin.
    """
    files = shot.deliveries(numbers)
    todo = {}
    for path, frames in files.items():
        record = _record(shot, frames)
        if again or not _is_current(path, record):
            todo[path] = (frames, record)
    if not todo:
        return
    count = sum(len(frames) for frames, _ in todo.values())
    frames_are = "1 frame" if count == 1 else f"{count} frames"
    yield f"Making {shot.delivery} of {frames_are}."
    folders = {os.path.dirname(path) for path in todo}
    request: Dict[str, Any] = {
        "files": [
            {"path": path, "record": json.dumps(record), "frames": [
                {"number": number, "result": shot.output_of(number)} for number in frames
            ]}
            for path, (frames, record) in todo.items()
        ],
        "fps": shot.fps,
        "premultiplied": shot.premultiplied,
    }  # fmt: skip
    how = ""
    try:
        with closing(deliver(request)) as lines:
            for line in lines:
                how = line.get("how", how)
    except BaseException:
        for folder in folders:
            sweep_abandoned(Path(folder))
        raise
    left = _left_out(shot, numbers) if shot.delivery.lower().endswith(MOVIE) else ""
    place = os.path.dirname(shot.output_of(numbers[0]))
    yield f"Wrote {shot.delivery}: {frames_are}, {how}.{left} The EXRs are in {place}."


def _left_out(shot: Shot, numbers: Sequence[int]) -> str:
    """A sentence where a movie has a hole: what follows comes sooner than in the plate."""
    first, last = min(numbers), max(numbers)
    holes = sorted(set(range(first, last + 1)).difference(numbers))
    return f" It leaves out {range_text(holes)}, so later frames come sooner." if holes else ""


def _record(shot: Shot, numbers: Sequence[int]) -> Dict[str, Any]:
    """What is recorded in the file that is made of these frames."""
    digest = hashlib.sha256(f"{FORM} {__version__} {shot.fps} {shot.premultiplied}".encode())
    for number in numbers:
        digest.update(b"%d " % number)
        digest.update(_state(shot.output_of(number)))
    return {
        "dmp_delivery": FORM, "image": plate_of(shot, numbers), "inputs": digest.hexdigest(),
        "frames": [min(numbers), max(numbers), len(numbers)],
    }  # fmt: skip


def plate_of(shot: Shot, numbers: Sequence[int]) -> str:
    """The plate of a file that is made of these frames: a movie's is the whole sequence."""
    pattern = FilePattern.parse(shot.image) if is_pattern(shot.image) else None
    if pattern is not None and shot.delivery.lower().endswith(MOVIE):
        return os.path.abspath(str(pattern))
    return os.path.abspath(file_of(shot.image, numbers[0]))


def _state(path: str) -> bytes:
    """What tells a result from another: its header, and its size."""
    try:
        with open_regular(path) as file:
            header = read_exr_header(file)
            size = os.fstat(file.fileno()).st_size
            file.seek(0)
            return b"%d " % size + file.read(header.size if header else 0)
    except OSError:
        return b""


def _is_current(path: str, record: Mapping[str, Any]) -> bool:
    return delivery_record(path) == record and _is_whole(path)


def delivery_record(path: str) -> Dict[str, Any]:
    """What a movie or a picture records of what it was made of; empty where DMP did not make it."""
    try:
        with open_regular(path) as file:
            head, _ = _parts(file, path)
        found: Dict[str, Any] = {}
        place = head.find(RECORD)
        if place >= 0:
            text = head[place : place + LONGEST_RECORD].decode("ascii", "replace")
            found, _ = json.JSONDecoder().raw_decode(text)
        return found
    except (OSError, ValueError, RecursionError):
        return {}


def _is_whole(path: str) -> bool:
    try:
        with open_regular(path) as file:
            return _parts(file, path)[1]
    except (OSError, ValueError):
        return False


def _parts(file: BinaryIO, path: str) -> Tuple[bytes, bool]:
    """The part of the file that may have the record, and whether the file is whole."""
    size = os.fstat(file.fileno()).st_size
    if path.lower().endswith(PICTURE):
        return _png(file, size)
    return _quicktime(file, size) if path.lower().endswith(MOVIE) else (b"", False)


def _png(file: BinaryIO, size: int) -> Tuple[bytes, bool]:
    """What stands before the pixels, and whether the last chunk is there."""
    head: List[bytes] = []
    at = len(PNG)
    if file.read(at) != PNG:
        return b"", False
    while True:
        start = file.read(8)
        length = int.from_bytes(start[:4], "big")
        if len(start) < 8 or start[4:] == b"IDAT" or sum(map(len, head)) + length > LARGEST:
            break
        head.append(file.read(length + 4))
    with contextlib.suppress(OSError):
        file.seek(max(0, size - 12))
    return b"".join(head), file.read()[4:8] == b"IEND"


def _quicktime(file: BinaryIO, size: int) -> Tuple[bytes, bool]:
    """The movie's header, and whether all of its parts have their length."""
    head, at = b"", 0
    while at + 8 <= size:
        file.seek(at)
        start = file.read(16)
        length, kind = int.from_bytes(start[:4], "big"), start[4:8]
        if length == 1:
            length = int.from_bytes(start[8:16], "big")
        if length < 8:
            break
        if kind == b"moov" and length <= LARGEST:
            file.seek(at)
            head = file.read(length)
        at += length
    return head, at == size and bool(head)
